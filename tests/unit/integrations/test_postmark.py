"""Postmark's webhooks: mail that comes in, what became of mail that went out, and bodies that are neither."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.mail import InboundMail
from agency_os.exceptions import InvalidInputError, SignatureError
from agency_os.integrations.mail_transport import MailEvent, MailEventKind
from agency_os.integrations.postmark import parse_event, parse_inbound, parse_webhook, verify
from tests.factories.json_values import any_json

NOW = datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)
MAIL: dict[str, Any] = {
    "MessageID": "m-1",
    "From": "jo@company.example",
    "FromFull": {"Email": "jo@company.example", "Name": "Jo"},
    "ToFull": [{"Email": "reply+tok@in.example", "MailboxHash": "tok"}],
    "CcFull": [{"Email": "al@company.example", "MailboxHash": ""}],
    "OriginalRecipient": "reply+tok@in.example",
    "MailboxHash": "tok",
    "Subject": "Re: Hi",
    "TextBody": " Yes, please.\n",
    "Date": "Mon, 2 Mar 2026 12:00:00 +1100",
    "Headers": [
        {"Name": "message-id", "Value": "<r-1@company.example>"},
        {"Name": "In-Reply-To", "Value": "<s-1@agency.example>"},
        {"Name": "References", "Value": "<s-0@agency.example> <s-1@agency.example>"},
    ],
}
BOUNCE: dict[str, Any] = {
    "RecordType": "Bounce",
    "ID": 42,
    "Type": "HardBounce",
    "MessageID": "m-2",
    "Email": "jo@company.example",
    "BouncedAt": "2026-03-02T01:02:03Z",
    "Metadata": {"touch": "t-1"},
}


def mail(**changes: Any) -> bytes:
    return json.dumps({**MAIL, **changes}).encode()


def event(**changes: Any) -> bytes:
    return json.dumps({name: each for name, each in {**BOUNCE, **changes}.items() if each is not None}).encode()


def test_what_has_a_record_type_is_an_event_and_what_has_none_is_mail() -> None:
    assert isinstance(parse_webhook(mail(), now=NOW), InboundMail)
    assert isinstance(parse_webhook(event(), now=NOW), MailEvent)


def test_a_letter_is_read_whole() -> None:
    found = parse_inbound(mail(), now=NOW)
    assert (found.event_id, found.from_email, found.mailbox_hash) == ("inbound:m-1", "jo@company.example", "tok")
    assert found.message_id == "<r-1@company.example>"
    assert (found.in_reply_to, found.references[0]) == ("<s-1@agency.example>", "<s-0@agency.example>")
    assert (found.to, found.text) == (("reply+tok@in.example", "al@company.example"), " Yes, please.\n")


def test_the_time_of_receipt_is_ours_and_the_mails_own_only_without_one() -> None:
    assert parse_inbound(mail(), now=NOW).received_at == NOW
    assert parse_inbound(mail()).received_at == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "soon", "Mon, 99 Mar 2026 12:00:00 +1100", None])
def test_without_any_time_a_letter_is_refused(date: str | None) -> None:
    with pytest.raises(InvalidInputError, match="no readable Date"):
        parse_inbound(mail(Date=date))


@pytest.mark.parametrize(
    "changes",
    [
        {"MailboxHash": "", "ToFull": [{"Email": "x@y.example", "MailboxHash": "tok"}], "OriginalRecipient": ""},
        {"MailboxHash": "", "ToFull": [], "CcFull": [{"Email": "r@i.example", "MailboxHash": "tok"}],
         "OriginalRecipient": None},
        {"MailboxHash": None, "ToFull": None, "CcFull": None},
    ],
    ids=["to", "copy", "original recipient"],
)  # fmt: skip
def test_the_token_is_found_wherever_our_address_stands(changes: dict[str, Any]) -> None:
    assert parse_inbound(mail(**changes), now=NOW).mailbox_hash == "tok"


@pytest.mark.parametrize("changes", [{"MessageID": None}, {"From": None, "FromFull": None}])
def test_a_letter_without_id_or_sender_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="holds no mail"):
        parse_inbound(mail(**changes), now=NOW)


def test_a_delivery_report_comes_along_and_other_attachments_do_not() -> None:
    report = base64.b64encode(b"Final-Recipient: rfc822; jo@company.example").decode()
    attachments = [
        {"ContentType": "message/delivery-status; charset=us-ascii", "Content": report},
        {"ContentType": "application/pdf", "Content": report},
        {"ContentType": "message/delivery-status", "Content": "a"},
        {"ContentType": "message/delivery-status", "Content": "ä"},
    ]
    (part,) = parse_inbound(mail(Attachments=attachments), now=NOW).reports
    assert part.text.startswith("Final-Recipient")


@pytest.mark.parametrize(
    ("bounce", "kind", "hard"),
    [
        ("HardBounce", MailEventKind.BOUNCED, True),
        ("BadEmailAddress", MailEventKind.BOUNCED, True),
        ("SoftBounce", MailEventKind.BOUNCED, False),
        ("Transient", MailEventKind.BOUNCED, False),
        ("SpamComplaint", MailEventKind.COMPLAINED, False),
        ("Unsubscribe", MailEventKind.UNSUBSCRIBED, False),
        ("AutoResponder", MailEventKind.OTHER, False),
        ("NewInTheirList", MailEventKind.BOUNCED, False),
    ],
)
def test_the_type_of_a_bounce_decides(bounce: str, kind: MailEventKind, hard: bool) -> None:
    found = parse_event(event(Type=bounce))
    assert (found.kind, found.hard, found.tags) == (kind, hard, {"touch": "t-1"})


@pytest.mark.parametrize(
    ("reason", "sending_stops", "kind", "hard"),
    [
        ("HardBounce", True, MailEventKind.SUPPRESSED, True),
        ("SpamComplaint", True, MailEventKind.COMPLAINED, False),
        ("ManualSuppression", True, MailEventKind.UNSUBSCRIBED, False),
        ("HardBounce", False, MailEventKind.OTHER, False),
    ],
)
def test_a_change_of_subscription_stops_only_when_it_says_so(
    reason: str, sending_stops: bool, kind: MailEventKind, hard: bool
) -> None:
    found = parse_event(event(RecordType="SubscriptionChange", SuppressionReason=reason, SuppressSending=sending_stops))
    assert (found.kind, found.hard) == (kind, hard)


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ("Delivery", MailEventKind.DELIVERED),
        ("Open", MailEventKind.OPENED),
        ("Click", MailEventKind.CLICKED),
        ("SpamComplaint", MailEventKind.COMPLAINED),
        ("Unheard", MailEventKind.OTHER),
    ],
)
def test_each_record_is_of_its_kind(record: str, kind: MailEventKind) -> None:
    assert parse_event(event(RecordType=record)).kind is kind


def test_a_record_is_known_by_its_id_or_by_message_and_moment() -> None:
    assert parse_event(event(Description="again")).event_id == "Bounce:42"
    delivery = {"RecordType": "Delivery", "ID": None, "BouncedAt": None, "DeliveredAt": "2026-03-02T01:02:03Z"}
    assert parse_event(event(**delivery)).event_id == "Delivery:m-2:2026-03-02T01:02:03Z"


@pytest.mark.parametrize("missing", [("ID", "MessageID", "Email"), ("ID", "BouncedAt")])
def test_records_that_name_too_little_are_told_apart_by_their_bodies(missing: tuple[str, ...]) -> None:
    gone = dict.fromkeys(missing)
    bodies = [event(Description=words, **gone) for words in ("one", "two")]
    one, other = (parse_event(body).event_id for body in bodies)
    assert one != other
    assert parse_event(bodies[0]).event_id == one


@pytest.mark.parametrize("authorization", [None, "Basic cG9zdG1hcms6d3Jvbmc=", "Bearer secret", "Basic ä"])
def test_whoever_lacks_our_credentials_is_refused(authorization: str | None) -> None:
    with pytest.raises(SignatureError):
        verify({"Authorization": authorization} if authorization else {}, "postmark", "secret")


def test_our_credentials_hold_under_any_spelling_of_the_header() -> None:
    given_header = "Basic " + base64.b64encode(b"postmark:secret").decode()
    verify({"AUTHORIZATION": given_header}, "postmark", "secret")


@given(st.binary(max_size=200))
def test_bytes_from_anybody_are_read_or_refused(body: bytes) -> None:
    assert _identity_or_refusal(body, NOW)


@given(any_json(*MAIL, *BOUNCE, "Name", "Value", "Attachments", "Content", "ContentType"), st.booleans())
def test_json_from_anybody_is_read_or_refused(value: object, as_mail: bool) -> None:
    whole = {**(MAIL if as_mail else BOUNCE), **value} if isinstance(value, dict) else value
    assert _identity_or_refusal(json.dumps(whole).encode(), None)


@given(any_json())
def test_a_date_from_anybody_is_read_or_refused(date: object) -> None:
    assert _identity_or_refusal(mail(Date=date), None)


def _identity_or_refusal(body: bytes, now: datetime | None) -> str:
    try:
        return (parse_webhook(body, now=now) if now else _without_receipt(body)).event_id
    except InvalidInputError as error:
        return str(error)


def _without_receipt(body: bytes) -> InboundMail | MailEvent:
    return parse_event(body) if b'"RecordType"' in body else parse_inbound(body)
