"""Vapi's client over a scripted transport: what each failure says of a call's fate, and every server message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given

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
from agency_os.integrations.vapi import CallRequest, VapiClient, call_minutes
from agency_os.integrations.vapi_events import CallReport, CallStatus, OtherMessage, parse_message, webhooks
from agency_os.integrations.webhook import Webhook
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.factories.json_values import any_json
from tests.support.wire import Script, answer

KEY = "vapi_key_0123456789abcdef"
CALL = CallRequest("pn-1", "+61491570156", "touch-1", assistant_id="a-1", overrides={"variableValues": {"x": "é"}})
CREATED = {"id": "c-1", "status": "queued", "name": "touch-1", "createdAt": "2026-03-01T22:00:00.000Z"}
NOW = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)


class Both:
    """A client and what answers it."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        wall = FakeWallClock()
        self.script = Script(*answers)
        self.client = VapiClient(
            Connection(self.script, "https://v.example", KEY, RateLimit(1000, wall), wall, Random(1))  # noqa: S311
        )

    async def refused(self) -> ProviderError:
        """The error of calling."""
        with pytest.raises(ProviderError) as caught:
            await self.client.start_call(CALL)
        return caught.value

    async def importing(self) -> ProviderError:
        """The error of taking over a number."""
        with pytest.raises(ProviderError) as caught:
            await self.client.import_twilio_number(
                "+61480000000", account_sid="AC1", auth_token="twilio-token-123", name="Agency"
            )
        return caught.value


def problem(status: int, message: object = "words", error: str = "Bad Request") -> HttpResponse:
    return answer(status, {"message": message, "error": error, "statusCode": status})


async def test_a_call_names_number_assistant_and_person() -> None:
    both = Both(answer(201, CREATED))
    call = await both.client.start_call(CALL)
    (request,) = both.script.requests
    assert json.loads(request.body) == {
        "name": "touch-1",
        "phoneNumberId": "pn-1",
        "customer": {"number": "+61491570156"},
        "assistantId": "a-1",
        "assistantOverrides": {"variableValues": {"x": "é"}},
    }
    assert (call.id, call.status, call.units, call.created_at) == ("c-1", "queued", Decimal(0), NOW)
    assert KEY not in repr(request) + repr(both.client) + request.url


async def test_a_batch_of_one_is_read_as_the_call() -> None:
    assert (await Both(answer(201, {"results": [CREATED], "errors": []})).client.start_call(CALL)).id == "c-1"


@pytest.mark.parametrize(
    ("script", "kind", "outcome", "asked"),
    [
        ([NoAnswerError("time-out")], ProviderUnknownError, Outcome.UNKNOWN, 1),
        ([NotSentError("refused")], ProviderLimitError, Outcome.NOT_ACCEPTED, 4),
        ([problem(500)], ProviderUnknownError, Outcome.UNKNOWN, 1),
        ([problem(429)], ProviderLimitError, Outcome.NOT_ACCEPTED, 4),
        ([problem(400, ["a", "b"])], ProviderRefusedError, Outcome.NOT_ACCEPTED, 1),
        ([problem(401)], ProviderLimitError, Outcome.NOT_ACCEPTED, 1),
        ([problem(402)], ProviderLimitError, Outcome.NOT_ACCEPTED, 1),
        ([answer(201, {"results": [], "errors": [{}]})], ProviderAnswerError, Outcome.ACCEPTED, 1),
    ],
    ids=["time-out", "no connection", "500", "429", "400", "wrong key", "no money", "no id"],
)
async def test_what_a_failure_says_of_a_call(
    script: list[HttpResponse | Exception], kind: type[ProviderError], outcome: Outcome, asked: int
) -> None:
    both = Both(*script)
    error = await both.refused()
    assert (type(error), error.outcome, len(both.script.requests)) == (kind, outcome, asked)


async def test_several_messages_of_one_refusal_are_told_together() -> None:
    assert "first; second" in str(await Both(problem(400, ["first", "second"])).refused())


async def test_a_number_is_taken_over_without_its_text_messages() -> None:
    both = Both(answer(201, {"id": "pn-1", "number": "+61480000000", "status": "activating"}))
    found = await both.client.import_twilio_number(
        "+61480000000",
        account_sid="AC1",
        auth_token="t",
        name="n" * 50,
        server_url="https://a.example/webhooks/vapi",
        credential_id="cr-1",
    )
    sent = json.loads(both.script.requests[0].body)
    assert (sent["smsEnabled"], len(sent["name"]), sent["server"]) == (
        False, 40, {"url": "https://a.example/webhooks/vapi", "credentialId": "cr-1"}
    )  # fmt: skip
    assert (found.id, found.number, found.status) == ("pn-1", "+61480000000", "activating")


async def test_twilios_token_does_not_come_back_in_an_error() -> None:
    error = await Both(problem(400, "twilio-token-123 is wrong")).importing()
    assert "twilio-token-123" not in f"{error} {error!r} {error.__dict__}"
    assert "[token] is wrong" in str(error)


async def test_a_call_that_is_not_there_is_none_by_vapis_word_alone() -> None:
    assert await Both(problem(404, error="Not Found")).client.read_call("a/b") is None
    with pytest.raises(ProviderRefusedError):
        await Both(answer(404, b"<html>")).client.read_call("c-1")


async def test_a_full_page_is_followed_by_the_older_ones() -> None:
    def entry(number: int) -> dict[str, Any]:
        moment = NOW - timedelta(seconds=number)
        return {"id": f"c-{number}", "createdAt": moment.isoformat()}

    both = Both(answer(200, [entry(each) for each in range(1000)]), answer(200, [entry(each) for each in (999, 1000)]))
    found = await both.client.list_calls(NOW - timedelta(hours=1), NOW)
    assert [each.id for each in found] == [f"c-{number}" for number in range(1001)]
    second = both.script.requests[1].url
    assert "createdAtGe=2026-03-01T21%3A00%3A00.000Z" in second
    assert "createdAtLe=2026-03-01T21%3A43%3A21.000Z" in second


async def test_a_page_that_repeats_itself_is_the_last() -> None:
    page = [{"id": f"c-{number}", "createdAt": NOW.isoformat()} for number in range(1000)]
    both = Both(answer(200, page))
    assert len(await both.client.list_calls(NOW, NOW)) == 1000
    assert len(both.script.requests) == 2


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("assistant", {"assistant_id": None}),
        ("assistant", {"assistant": {"name": "x"}}),
        ("number", {"number": "0491570156"}),
        ("name", {"name": "n" * 41}),
        ("name", {"name": ""}),
        ("external_id", {"external_id": "e" * 41}),
    ],
)
def test_a_call_that_vapi_would_refuse_does_not_leave(field: str, given: dict[str, Any]) -> None:
    asked = {"phone_number_id": "pn-1", "number": "+61491570156", "name": "t", "assistant_id": "a-1", **given}
    with pytest.raises(InvalidInputError) as caught:
        CallRequest(**asked)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(None, "0"), (-5, "0"), (0, "0"), (1, "0.0167"), (90, "1.5"), (125.25, "2.0875")]
)
def test_minutes_are_counted_to_four_places(seconds: float | None, minutes: str) -> None:
    ended = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert call_minutes(NOW, ended) == Decimal(minutes)
    assert call_minutes(None, ended) == 0


def told(kind: str | None, call: Mapping[str, Any] | None = None, **more: Any) -> bytes:
    return json.dumps({"message": {"type": kind, "call": call, **more}}).encode()


def test_a_call_that_never_connected_has_a_report_without_minutes() -> None:
    report = parse_message(told("end-of-call-report", {"id": "c-1", "customer": {"number": "+1"}}, endedReason="new"))
    assert isinstance(report, CallReport)
    assert (report.transcript, report.number) == ("", "+1")
    assert not report.units
    assert not report.structured
    assert (report.event_id, report.ended_reason, report.occurred_at) == ("end-of-call-report:c-1", "new", None)


def test_a_report_takes_from_the_call_what_it_lacks() -> None:
    call = {"id": "c-1", "startedAt": "2026-03-01T22:00:00Z", "endedAt": "2026-03-01T22:02:30Z", "endedReason": "x"}
    report = parse_message(told("end-of-call-report", call))
    assert isinstance(report, CallReport)
    assert (report.units, report.ended_reason) == (Decimal("2.5"), "x")


def test_structured_data_can_be_stored_whatever_it_holds() -> None:
    data = '{"a\\u0000": "\\ud800", "b": [1.5, NaN, {"c": true}], "d": 10, "e": 1e999}'
    body = told("end-of-call-report", {"id": "c"}, analysis={"structuredData": "DATA"}).replace(
        b'"DATA"', data.encode()
    )
    report = parse_message(body)
    assert isinstance(report, CallReport)
    assert report.structured == {"a": "?", "b": [1.5, None, {"c": True}], "d": 10, "e": None}


def test_states_are_told_apart_by_their_time() -> None:
    first, again = (
        parse_message(told("status-update", {"id": "c-1"}, status="in-progress", timestamp=at))
        for at in (1763872200000, 1763872260000)
    )
    assert isinstance(first, CallStatus)
    assert first.event_id != again.event_id
    assert first.kind == "status-update.in-progress"
    assert first.occurred_at == datetime(2025, 11, 23, 4, 30, tzinfo=UTC)


def test_what_is_not_known_is_named_and_kept() -> None:
    one, other = parse_message(told("speech-update", {"id": "c-1"}, a=1)), parse_message(told("transcript"))
    assert isinstance(one, OtherMessage)
    assert (one.kind, one.call_id, other.kind) == ("speech-update", "c-1", "transcript")
    assert one.event_id.startswith("speech-update:c-1:")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"message": []}', told(None), told("end-of-call-report"), told("status-update", {"id": "c"})],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_message(body)


@given(any_json("type", "call", "id", "status", "timestamp", "artifact", "analysis", "structuredData", "customer"))
def test_any_message_is_read_or_refused(message: Any) -> None:
    for kind in ("end-of-call-report", "status-update"):
        body = {"message": {**message, "type": kind}} if isinstance(message, dict) else message
        try:
            event = parse_message(json.dumps(body).encode())
        except InvalidInputError:
            continue
        for each in fields(event):
            text = json.dumps(getattr(event, each.name), default=str, ensure_ascii=False, allow_nan=False)
            assert "\\u0000" not in text
            text.encode()


def test_the_secret_stands_in_a_header() -> None:
    source = webhooks("s" * 20)
    source.admit({"x-vapi-secret": "s" * 20}, "")
    for wrong in ({}, {"x-vapi-secret": "s" * 19}, {"authorization": "s" * 20}):
        with pytest.raises(SignatureError):
            source.admit(wrong, "")
    body = told("status-update", {"id": "c-1"}, status="ended", timestamp=1763872200000)
    name = source.name_event(Webhook(body, {}, ""), NOW)
    assert (name.event_id, name.kind) == ("status-update:c-1:ended:1763872200000", "status-update.ended")
