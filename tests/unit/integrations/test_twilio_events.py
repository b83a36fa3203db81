"""Twilio's webhooks: what each tells, any bytes at all, and whose signature is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import InvalidInputError, SignatureError
from agency_os.integrations.twilio import SmsStatus
from agency_os.integrations.twilio_events import (
    CallStatusEvent,
    InboundSms,
    MessageStatusEvent,
    OtherEvent,
    parse_event,
    verify,
    webhooks,
)
from agency_os.integrations.webhook import Webhook

TOKEN = "auth_token_0123456789abcdef"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def form(**fields_: str) -> bytes:
    return urlencode(fields_).encode()


def test_a_state_is_known_by_its_message_and_itself() -> None:
    sent, delivered = (
        parse_event(form(MessageSid="SM1", MessageStatus=status, To="+1", From="+2"))
        for status in ("sent", "delivered")
    )
    assert isinstance(sent, MessageStatusEvent)
    assert isinstance(delivered, MessageStatusEvent)
    assert (sent.event_id, delivered.event_id) == ("SM1:sent", "SM1:delivered")
    assert (delivered.kind, delivered.status, delivered.error_code) == ("message.delivered", SmsStatus.DELIVERED, None)


def test_an_older_state_goes_by_its_older_name() -> None:
    event = parse_event(form(SmsSid="SM1", SmsStatus="failed", ErrorCode="30007"))
    assert isinstance(event, MessageStatusEvent)
    assert (event.status, event.error_code) == (SmsStatus.FAILED, "30007")


@pytest.mark.parametrize(
    ("extra", "is_stop"),
    [
        ({"Body": "STOP"}, True),
        ({"Body": " Unsubscribe\n"}, True),
        ({"Body": "please stop"}, False),
        ({"Body": "Ok"}, False),
        ({"Body": "arrêt", "OptOutType": "STOP"}, True),
        ({"Body": "stop", "OptOutType": "HELP"}, False),
        ({"Body": "stop", "OptOutType": "NEW"}, True),
    ],
)
def test_an_opt_out_is_twilios_verdict_or_its_keyword(extra: dict[str, str], *, is_stop: bool) -> None:
    event = parse_event(form(MessageSid="SM1", SmsStatus="received", From="+1", To="+2", **extra))
    assert isinstance(event, InboundSms)
    assert event.is_stop is is_stop
    assert (event.body, event.segments, event.event_id) == (extra["Body"], 1, "SM1:received")


def test_an_incoming_message_without_words_is_one() -> None:
    event = parse_event(b"MessageSid=MM1&From=%2B1&To=%2B2&Body=&NumMedia=2&NumSegments=3&New=1&New=2")
    assert isinstance(event, InboundSms)
    assert (event.body, event.media, event.segments) == ("", 2, 3)


def test_a_call_is_dated_and_counted() -> None:
    event = parse_event(
        form(CallSid="CA1", CallStatus="completed", CallDuration="42", SequenceNumber="3",
             Timestamp="Mon, 23 Nov 2026 04:30:00 +0000")
    )  # fmt: skip
    assert isinstance(event, CallStatusEvent)
    assert (event.event_id, event.seconds) == ("CA1:completed:3", 42)
    assert event.occurred_at == datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


def test_what_is_not_known_is_kept_by_its_bytes() -> None:
    one, other = parse_event(b"Sid=1"), parse_event(b"Sid=2")
    assert isinstance(one, OtherEvent)
    assert (one.kind, one.event_id != other.event_id) == ("other", True)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{}", b"CallSid=CA1", b"MessageStatus=sent", b"Body=x&From=%2B1"])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_event(body)


NAMES = ["MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "Body", "From", "To", "NumSegments", "NumMedia",
         "OptOutType", "CallSid", "CallStatus", "CallDuration", "Timestamp", "SmsMessageSid"]  # fmt: skip


@given(
    st.binary(max_size=60)
    | st.lists(
        st.tuples(st.sampled_from(NAMES), st.text(max_size=8) | st.sampled_from(["9" * 40, "\x00", "received", "STOP"]))
    ).map(lambda pairs: urlencode(pairs).encode())
)
def test_any_bytes_are_an_event_or_refused(body: bytes) -> None:
    try:
        event = parse_event(body)
    except InvalidInputError:
        return
    for each in fields(event):
        value = getattr(event, each.name)
        assert "\x00" not in str(value)
        str(value).encode()


def signed(body: bytes, url: str = "https://a.example/webhooks/twilio") -> Webhook:
    pairs = sorted(set(parse_qsl(body.decode(), keep_blank_values=True)))
    text = url + "".join(name + value for name, value in pairs)
    signature = base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), "sha1").digest()).decode()
    return Webhook(body, {"x-twilio-signature": signature}, url)


def test_values_that_repeat_are_signed_once_and_sorted() -> None:
    verify(signed(b"B=2&A=z&A=a&A=a&Empty="), TOKEN)


@pytest.mark.parametrize(
    ("signed_as", "received_as", "holds"),
    [
        ("https://a.example/w?x=1", "https://a.example/w?x=1", True),
        ("https://a.example:443/w", "https://a.example/w", True),
        ("https://a.example/w", "https://a.example:443/w", True),
        ("https://a.example/w", "https://a.example:8443/w", True),
        ("http://127.0.0.1:80/w", "http://127.0.0.1/w", True),
        ("http://[::1]/w", "http://[::1]:8000/w", True),
        ("https://a.example:8443/w", "https://a.example/w", False),
        ("http://a.example/w", "https://a.example/w", False),
        ("https://a.example/w", "https://b.example/w", False),
        ("https://a.example/w", "https://a.example/w?x=1", False),
        ("https://a.example/w", "https://a.example:nonsense/w", False),
    ],
)
def test_the_address_counts_with_or_without_its_port(signed_as: str, received_as: str, *, holds: bool) -> None:
    webhook = signed(b"A=1", signed_as)
    received = Webhook(webhook.body, webhook.headers, received_as)
    if holds:
        verify(received, TOKEN)
        return
    with pytest.raises(SignatureError):
        verify(received, TOKEN)


SETTINGS = "X-Twilio-Webhooks-Signature-Settings"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "\ud800"},
        {SETTINGS: "key=k,algorithm=HMAC_SHA256"},
        {SETTINGS: "algorithm=NONE"},
        {SETTINGS: "algorithm=HMAC_MD5"},
    ],
)
def test_another_signature_or_way_of_signing_is_refused(headers: dict[str, str]) -> None:
    webhook = signed(b"A=1")
    given = headers if SETTINGS not in headers else {**webhook.headers, **headers}
    with pytest.raises(SignatureError):
        verify(Webhook(webhook.body, given, webhook.url), TOKEN)


def test_without_a_token_nothing_is_taken() -> None:
    forged = base64.b64encode(hmac.new(b"", b"https://a.example/wA1", "sha1").digest()).decode()
    with pytest.raises(SignatureError):
        verify(Webhook(b"A=1", {"X-Twilio-Signature": forged}, "https://a.example/w"), "")


def test_a_forms_parameters_are_signed_even_where_the_address_names_a_hash() -> None:
    url = f"https://a.example/w?bodySHA256={hashlib.sha256(b'A=1').hexdigest()}"
    alone = signed(b"", url)
    headers = {**alone.headers, "Content-Type": "application/x-www-form-urlencoded"}
    with pytest.raises(SignatureError):
        verify(Webhook(b"A=1", headers, url), TOKEN)
    verify(Webhook(b"A=1", alone.headers, url), TOKEN)  # any other body is known by its hash


def test_the_source_names_events_and_checks_them() -> None:
    source = webhooks(TOKEN)
    webhook = signed(form(MessageSid="SM1", MessageStatus="sent"))
    source.verify(webhook, NOW + timedelta(days=400))
    name = source.name_event(webhook, NOW)
    assert (source.name, name.event_id, name.kind, name.occurred_at) == ("twilio", "SM1:sent", "message.sent", None)
