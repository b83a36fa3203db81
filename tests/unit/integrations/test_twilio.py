"""Twilio's client over a scripted transport: what each failure says of a message's fate."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.twilio import OPTED_OUT, OutgoingSms, SmsStatus, TwilioClient
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
