"""Any bytes give a mail; threading, recipients and report parts come out as the rules need them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency_os.domain.raw_mail import parse_raw
from tests.factories.inbound_mail import RECEIVED

_PLAIN = (
    b"From: =?utf-8?q?Zo=C3=AB?= <zoe@acme.example>\r\nTo: <reply+abc123@in.example>\r\nSubject: "
    b"=?utf-8?q?G=E2=80=99day?=\r\n"
    b"Message-ID: <1@acme.example>\r\nIn-Reply-To: <touch@harbour.example>\r\nReferences: <a@b> "
    b"<touch@harbour.example>\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nYes\r\n"
)
_REPORT = (
    b"From: mailer-daemon@mx.example\nContent-Type: multipart/report; boundary=x\n\n--x\nContent-Type: "
    b"text/plain\n\nFailed\n"
    b"--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; "
    b"pat@acme.example\n"
    b"Action: failed\nStatus: 5.1.1\n\n--x--\n"
)


def test_encoded_headers_are_decoded() -> None:
    mail = parse_raw(_PLAIN, received_at=RECEIVED)
    assert (mail.from_name, mail.subject) == ("Zoë", "G\u2019day")


def test_what_the_thread_is_found_by_is_read() -> None:
    mail = parse_raw(_PLAIN, received_at=RECEIVED)
    assert (mail.mailbox_hash, mail.in_reply_to) == ("abc123", "<touch@harbour.example>")
    assert mail.references == ("<a@b>", "<touch@harbour.example>")


def test_a_report_part_is_handed_over_and_is_no_body() -> None:
    mail = parse_raw(_REPORT, received_at=RECEIVED)
    assert mail.text.strip() == "Failed"
    assert [part.content_type for part in mail.reports] == ["message/delivery-status"]
    assert "Final-Recipient: rfc822; pat@acme.example" in mail.reports[0].text


def test_an_attached_text_is_no_body() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nYes\n--x\nContent-Type: "
        b"text/plain\n"
        b"Content-Disposition: attachment; filename=a.txt\n\nUnsubscribe\n--x--\n"
    )
    assert parse_raw(raw, received_at=RECEIVED).text.strip() == "Yes"


def test_the_same_bytes_without_an_id_are_the_same_event() -> None:
    first, second = (parse_raw(b"Subject: a\n\nb", received_at=RECEIVED) for _ in range(2))
    assert first.event_id == second.event_id
    assert first.event_id != parse_raw(b"Subject: a\n\nc", received_at=RECEIVED).event_id


@pytest.mark.parametrize("charset", ["x-unknown", "utf-8", "ascii"])
def test_a_body_in_a_wrong_charset_is_read_as_far_as_it_goes(charset: str) -> None:
    raw = f"Content-Type: text/plain; charset={charset}\n\n".encode() + "Grüße".encode("latin-1")
    assert parse_raw(raw, received_at=RECEIVED).text.startswith("Gr")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_mail(raw: bytes) -> None:
    mail = parse_raw(raw, received_at=RECEIVED)
    assert mail.event_id


def test_an_encoded_name_hides_no_address() -> None:
    raw = (
        b"From: =?utf-8?b?w4RubiwgSGFyYm91ciA8eEB5PiA=?= <ann@agency.example>\r\n"
        b"To: =?utf-8?q?Jo=2C_Clinic?= <jo@company.example>,\r\n"
        b" =?utf-8?q?Al=40b=2Eexample=2C?= <al@company.example>\r\n\r\n"
    )
    mail = parse_raw(raw, received_at=RECEIVED)
    assert (mail.from_email, mail.from_name) == ("ann@agency.example", "Änn, Harbour <x@y>")
    assert mail.to == ("jo@company.example", "al@company.example")
