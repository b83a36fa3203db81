"""Twilio's client over a scripted transport: what each failure says of a message's fate, and every webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
    SignatureError,
)
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.twilio import OPTED_OUT, OutgoingSms, SmsStatus, TwilioClient
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
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

ACCOUNT = "AC" + "1" * 32
TOKEN = "auth_token_0123456789abcdef"
SMS = OutgoingSms("+61491570156", "+61480000000", "Hello", "https://a.example/webhooks/twilio?touch=t-1")
MESSAGE: dict[str, Any] = {
    "sid": "SM1",
    "status": "queued",
    "to": SMS.to,
    "from": SMS.sender,
    "body": "Hello",
    "num_segments": "1",
    "direction": "outbound-api",
    "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
    "date_sent": None,
    "error_code": None,
}
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LIST = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


class Both:
    """A client and what answers it."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        wall = FakeWallClock()
        self.script = Script(*answers)
        connection = Connection(self.script, "https://t.example/", TOKEN, RateLimit(1000, wall), wall, Random(1))  # noqa: S311
        self.client = TwilioClient(connection, ACCOUNT)

    async def refused(self) -> ProviderError:
        """The error of sending."""
        with pytest.raises(ProviderError) as caught:
            await self.client.send_sms(SMS)
        return caught.value

    @property
    def targets(self) -> list[str]:
        """What was asked for."""
        return [request.url.removeprefix("https://t.example") for request in self.script.requests]


def problem(status: int, code: int, **headers: str) -> HttpResponse:
    body = {"code": code, "message": "words", "more_info": "https://www.twilio.com/docs/errors/1", "status": status}
    return answer(status, body, **headers)


async def test_a_message_goes_out_as_a_form_with_its_credentials_in_the_header_alone() -> None:
    both = Both(answer(201, MESSAGE))
    sent = await both.client.send_sms(SMS)
    (request,) = both.script.requests
    assert dict(parse_qsl(request.body.decode())) == {
        "To": SMS.to, "From": SMS.sender, "Body": "Hello", "StatusCallback": SMS.status_callback
    }  # fmt: skip
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Authorization"].startswith("Basic ")
    assert TOKEN not in request.url + repr(request) + repr(both.client)
    assert (sent.sid, sent.units, sent.sent_at) == ("SM1", Decimal(1), None)
    assert sent.created_at == datetime(2023, 8, 24, 5, 1, 45, tzinfo=UTC)


async def test_a_service_that_names_no_segments_yet_is_charged_by_our_own_count() -> None:
    both = Both(answer(201, {**MESSAGE, "num_segments": "0", "from": None}))
    sent = await both.client.send_sms(OutgoingSms(SMS.to, "MG" + "2" * 32, "x" * 200))
    assert (sent.units, sent.sender) == (Decimal(2), None)
    assert b"MessagingServiceSid=MG2" in both.script.requests[0].body


async def test_the_status_that_is_new_to_us_is_other() -> None:
    both = Both(answer(201, {**MESSAGE, "status": "teleported"}))
    assert (await both.client.send_sms(SMS)).status is SmsStatus.OTHER


@pytest.mark.parametrize(
    ("script", "kind", "outcome", "asked"),
    [
        ([NoAnswerError("time-out")], ProviderUnknownError, Outcome.UNKNOWN, 1),
        ([NotSentError("refused")], ProviderLimitError, Outcome.NOT_ACCEPTED, 4),
        ([problem(500, 20500)], ProviderUnknownError, Outcome.UNKNOWN, 1),
        ([problem(503, 20503)], ProviderUnknownError, Outcome.UNKNOWN, 1),
        ([problem(429, 20429)], ProviderLimitError, Outcome.NOT_ACCEPTED, 4),
        ([problem(429, 14107)], ProviderLimitError, Outcome.NOT_ACCEPTED, 1),
        ([problem(400, 21211)], ProviderRefusedError, Outcome.NOT_ACCEPTED, 1),
        ([problem(401, 20003)], ProviderLimitError, Outcome.NOT_ACCEPTED, 1),
        ([answer(201, {"status": "queued"})], ProviderAnswerError, Outcome.ACCEPTED, 1),
    ],
    ids=["time-out", "no connection", "500", "503", "20429", "other 429", "bad number", "wrong token", "no sid"],
)
async def test_what_a_failure_says_of_a_message(
    script: list[HttpResponse | Exception], kind: type[ProviderError], outcome: Outcome, asked: int
) -> None:
    both = Both(*script)
    error = await both.refused()
    assert (type(error), error.outcome, len(both.script.requests)) == (kind, outcome, asked)
    assert error.cost_units == (1 if outcome is Outcome.ACCEPTED else 0)


async def test_an_opt_out_has_its_own_code() -> None:
    error = await Both(problem(400, 21610, twilio_request_id="RQ1")).refused()
    assert (error.provider_code, error.http_status, error.request_id) == (OPTED_OUT, 400, "RQ1")


async def test_too_many_at_once_is_asked_again() -> None:
    both = Both(problem(429, 20429), answer(201, MESSAGE))
    assert (await both.client.send_sms(SMS)).sid == "SM1"


async def test_a_look_up_is_repeated_after_an_outage() -> None:
    both = Both(problem(503, 20503), NoAnswerError("cut"), answer(200, MESSAGE))
    found = await both.client.read_message("SM1")
    assert found is not None
    assert len(both.script.requests) == 3


async def test_a_message_that_is_not_there_is_none_by_twilios_word_alone() -> None:
    assert await Both(problem(404, 20404)).client.read_message("SM 1/2") is None
    with pytest.raises(ProviderRefusedError):
        await Both(answer(404, b"<html>")).client.read_message("SM1")


async def test_a_sid_cannot_leave_its_place_in_the_address() -> None:
    both = Both(answer(200, MESSAGE))
    await both.client.read_message("../Balance")
    assert both.targets == [f"/2010-04-01/Accounts/{ACCOUNT}/Messages/..%2FBalance.json"]


async def test_a_list_is_followed_and_bounded() -> None:
    following = f"{LIST}?PageSize=2&Page=1&PageToken=PA1"
    both = Both(
        answer(200, {"messages": [MESSAGE, {"no": "sid"}], "next_page_uri": following}),
        answer(200, {"messages": [{**MESSAGE, "sid": "SM2"}, {**MESSAGE, "sid": "SM3"}], "next_page_uri": following}),
    )
    found = await both.client.find_messages(to=SMS.to, sender=SMS.sender, sent_since=NOW, most=2)
    assert [each.sid for each in found] == ["SM1", "SM2"]
    assert parse_qs(urlsplit(both.targets[0]).query) == {
        "To": [SMS.to], "From": [SMS.sender], "DateSent>": ["2026-11-23T02:00:00Z"], "PageSize": ["2"]
    }  # fmt: skip
    assert both.targets[1:] == [following]


async def test_a_list_without_an_end_ends() -> None:
    both = Both(answer(200, {"messages": [], "next_page_uri": f"{LIST}?Page=1"}))
    assert await both.client.find_messages() == []
    assert len(both.script.requests) == 50


@pytest.mark.parametrize("elsewhere", ["https://evil.example/x", "//evil.example/x", "@evil.example/", "/2010-04-01/Z"])
async def test_a_next_page_elsewhere_is_not_asked(elsewhere: str) -> None:
    both = Both(answer(200, {"messages": [MESSAGE], "next_page_uri": elsewhere}))
    with pytest.raises(ProviderAnswerError):
        await both.client.find_messages()
    assert len(both.script.requests) == 1


async def test_another_number_is_not_ours() -> None:
    listed = {"sid": "PN1", "phone_number": "+61480000009", "sms_url": ""}
    both = Both(answer(200, {"incoming_phone_numbers": [listed, {}]}))
    assert await both.client.find_number("+61480000000") is None
    found = await both.client.find_number("+61480000009")
    assert found is not None
    assert (found.sid, found.sms_url) == ("PN1", None)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("to", {"to": "0491570156"}),
        ("to", {"to": "+61 491 570 156"}),
        ("sender", {"sender": ""}),
        ("sender", {"sender": "123"}),
        ("sender", {"sender": "Twelve chars"}),
        ("sender", {"sender": "MG" + "0" * 31}),
        ("body", {"body": ""}),
        ("body", {"body": " \n"}),
        ("body", {"body": "x" * 1601}),
    ],
)
def test_a_message_that_twilio_would_refuse_does_not_leave(field: str, given: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        OutgoingSms(**{"to": SMS.to, "sender": SMS.sender, "body": "x", **given})
    assert caught.value.field == field


def test_what_was_written_is_not_in_any_repr() -> None:
    assert "secret words" not in repr(OutgoingSms(SMS.to, SMS.sender, "secret words"))


@pytest.mark.parametrize("sender", ["+61480000000", "MG" + "a" * 32, "Agency", "A1 &B-c_d+e"])
def test_every_kind_of_sender_is_taken(sender: str) -> None:
    assert OutgoingSms(SMS.to, sender, "x").sender == sender


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
