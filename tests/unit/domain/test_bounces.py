"""Which address is dead, measured on real delivery reports; a full mailbox or a refusal for policy is never dead."""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest

from agency_os.domain.bounces import Bounce, read_bounce, read_complaint, reported_mail
from agency_os.domain.mail import InboundMail, ReportPart
from agency_os.domain.raw_mail import parse_raw
from agency_os.domain.reply_reading import ReplyKind, read_reply
from tests.factories.inbound_mail import RECEIVED, inbound
from tests.support.needs import SHARED

_DATA = SHARED / "data/bounces_and_auto_replies"
_NO_SUCH_USER = ("user unknown", "unknown user", "does not exist", "unknown")


def report(status: str, diagnostic: str, action: str = "failed") -> InboundMail:
    text = (
        f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; Pat@Acme.example\nAction: {action}\nStatus: "
        f"{status}\nDiagnostic-Code: smtp; {diagnostic}"
    )
    part = ReportPart("message/delivery-status", text)
    return inbound("", from_email="mailer-daemon@mx.example", subject="Undelivered Mail", reports=(part,))


def bounce(status: str, diagnostic: str) -> Bounce:
    found = read_bounce(report(status, diagnostic))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("status", "diagnostic"),
    [
        ("5.1.1", "550 5.1.1 User unknown"),
        ("5.0.0", "550 no such user here"),
        ("5.4.4", "host not found"),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied"),
    ],
)
def test_an_address_that_does_not_exist_is_dead(status: str, diagnostic: str) -> None:
    found = bounce(status, diagnostic)
    assert found.hard
    assert found.recipients[0].address == "pat@acme.example"


@pytest.mark.parametrize(
    ("status", "diagnostic"),
    [
        ("5.2.2", "552 5.2.2 mailbox full"),
        ("5.7.1", "550 5.7.1 blocked for spam"),
        ("4.4.1", "timed out"),
        ("5.0.0", "550 message size limit exceeded"),
        ("4.1.1", "450 user unknown, try again"),
        ("5.7.26", "550 unauthenticated mail"),
    ],
)
def test_an_address_that_may_be_right_is_not_dead(status: str, diagnostic: str) -> None:
    assert not bounce(status, diagnostic).hard


def test_a_mail_that_arrived_is_no_bounce() -> None:
    assert read_bounce(report("2.0.0", "250 ok", action="delivered")) is None


def test_a_person_who_writes_of_a_failed_delivery_is_no_bounce() -> None:
    assert read_bounce(inbound("Our courier could not be delivered your parcel, user unknown")) is None


def test_a_reported_mail_names_the_message_of_ours() -> None:
    part = ReportPart("message/rfc822", "Message-ID: <touch@harbour.example>\nTo: pat@acme.example\n\nHi")
    found = reported_mail(inbound("", reports=(part,)))
    assert found is not None
    assert (found.message_id, found.to) == ("<touch@harbour.example>", ("pat@acme.example",))


def test_a_machines_report_about_authentication_is_no_persons_complaint() -> None:
    part = ReportPart("message/feedback-report", "Feedback-Type: auth-failure\nOriginal-Rcpt-To: pat@acme.example")
    found = read_complaint(inbound("", reports=(part,)))
    assert found is not None
    assert not found.by_person


def _expected() -> dict[str, list[dict[str, str]]]:
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (_DATA / "expected.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows[row["file"]].append(row)
    return rows


def _mail(name: str) -> InboundMail:
    return parse_raw((_DATA / "emails" / name).read_bytes(), received_at=RECEIVED)


@pytest.mark.needs("shared")
def test_dead_addresses_of_real_reports_are_found_and_others_only_where_the_server_says_so() -> None:
    dead = found = 0
    wrongly = []
    for name, rows in _expected().items():
        if rows[0]["reason"] in {"feedback", "vacation"}:
            continue
        mail = _mail(name)
        read = read_bounce(mail)
        hard = read is not None and read.hard
        if any(row["hard_bounce"] == "true" for row in rows):
            dead += 1
            found += hard
        elif read is not None and hard:
            words = " ".join(one.diagnostic for one in read.recipients).lower()
            wrongly.append((name, any(sign in words for sign in _NO_SUCH_USER)))
    assert (dead, found) == (48, 46)
    # the publisher calls these filtered, though the server itself says that there is no such user
    assert len(wrongly) <= 15
    assert sum(not says_so for _, says_so in wrongly) <= 1, wrongly


@pytest.mark.needs("shared")
def test_of_real_reports_nearly_all_are_read_as_what_they_are() -> None:
    kinds = {name: (rows[0]["reason"], read_reply(_mail(name)).kind) for name, rows in _expected().items()}
    bounces = [kind for reason, kind in kinds.values() if reason not in {"feedback", "vacation"}]
    assert bounces.count(ReplyKind.BOUNCE) >= len(bounces) - 2
    assert {kind for reason, kind in kinds.values() if reason == "vacation"} == {ReplyKind.OUT_OF_OFFICE}
    complaints = [kind for reason, kind in kinds.values() if reason == "feedback"]
    assert (complaints.count(ReplyKind.COMPLAINT), complaints.count(ReplyKind.AUTO_REPLY)) == (4, 2)
