"""Anthropic's client over a scripted httpx2: bad answers, broken streams, refusals, prices; never a second charge."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

import httpx2
import pytest

from agency_os.config.costs import CostSettings
from agency_os.exceptions import (
    OpenTransactionError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.anthropic import AnthropicClient
from agency_os.integrations.anthropic_messages import Completion, Piece, Prompt, TextDelta, ToolCall, Usage
from agency_os.integrations.provider_api import NOT_SENT, Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import MAX_BODY_BYTES, Timeouts
from agency_os.kit.retry import RateLimit
from agency_os.kit.transaction import mark_open
from tests.support.wire import Script

KEY = "sk-ant-secret-0123456789"
REQUEST_ID = "req_01"
HELLO = Prompt("claude-sonnet-5", 100, [{"role": "user", "content": "Hello, Pat"}])
USAGE = {"input_tokens": 10, "output_tokens": 5}
MESSAGE: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "Good day", "citations": None}], "usage": USAGE,
}  # fmt: skip
START = {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None, "usage": USAGE}}
OPEN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
SAID = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Good day"}}
SHUT = {"type": "content_block_stop", "index": 0}
DONE = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
STOP = {"type": "message_stop"}
WHOLE = (START, OPEN, {"type": "ping"}, SAID, SHUT, DONE, STOP)
UNUSED = Script(AssertionError("the SDK keeps its own HTTP"))
Reply = httpx2.Response | Exception | Callable[[], httpx2.Response]


class Broken(httpx2.AsyncByteStream):
    """A body that breaks off after its pieces."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces = pieces
        self._error = error
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self.is_closed = True


class Both:
    """A client, and what answers it: in order, the last one for ever."""

    def __init__(self, *replies: Reply, total: float = 600.0) -> None:
        self.requests: list[httpx2.Request] = []
        self.wall = FakeWallClock()
        self._replies = list(replies)
        rate = RateLimit(1000, self.wall)
        self.client = AnthropicClient(
            Connection(UNUSED, "https://a.example/anthropic", KEY, rate, self.wall, Random(1)),  # noqa: S311
            make_http=partial(httpx2.AsyncClient, transport=httpx2.MockTransport(self._answer)),
            timeouts=Timeouts(total=total),
        )

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx2.Response) else reply()

    @property
    def sent(self) -> dict[str, Any]:
        """The body of the last request."""
        body: dict[str, Any] = json.loads(self.requests[-1].content)
        return body

    async def stream(self) -> list[Piece]:
        return [piece async for piece in self.client.stream(HELLO)]

    async def failed(self, operation: str) -> ProviderError:
        """The error of an operation; it names what failed and hides the key."""
        ways: dict[str, Callable[[], Any]] = {
            "complete": lambda: self.client.complete(HELLO),
            "stream": self.stream,
            "count_tokens": lambda: self.client.count_tokens(HELLO),
        }
        with pytest.raises(ProviderError) as caught:
            await ways[operation]()
        error = caught.value
        assert (error.provider, error.operation) == ("anthropic", operation)
        assert KEY not in f"{error} {error!r} {error.__dict__} {self.client!r}"
        return error


def reply(status: int, body: object = None, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, headers={"request-id": REQUEST_ID, **named}, content=content)


def problem(status: int, kind: str, **details: object) -> httpx2.Response:
    error = {"type": kind, "message": f"words about {KEY}", "details": details}
    return reply(status, {"type": "error", "error": error, "request_id": REQUEST_ID})


def lines(*events: dict[str, Any] | bytes) -> bytes:
    named = (
        each if isinstance(each, bytes) else f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode()
        for each in events
    )
    return b"".join(named)


def events(*each: dict[str, Any] | bytes, error: Exception | None = None) -> httpx2.Response:
    headers = {"content-type": "text/event-stream", "request-id": REQUEST_ID}
    return httpx2.Response(200, headers=headers, stream=Broken(lines(*each), error=error))


def tool_events(*pieces: str, reason: str = "tool_use") -> tuple[dict[str, Any], ...]:
    block = {"type": "tool_use", "id": "toolu_1", "name": "book", "input": {}}
    grown = (
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}}
        for piece in pieces
    )
    done = {**DONE, "delta": {"stop_reason": reason}}
    return (START, {"type": "content_block_start", "index": 0, "content_block": block}, *grown, SHUT, done, STOP)


OPERATIONS = ["complete", "stream", "count_tokens"]
UNREADABLE = {
    "no JSON": b'{"id": ',
    "a page": b"<html>Bad gateway</html>",
    "empty": b"",
    "a list": b"[[[[",
    "a number": b"7",
    "not UTF-8": b"\xff\xfe",
    "too deep": b"[" * 100_000,
    "another object": b'{"completion": "Hello"}',
}


async def test_an_answer_is_read_whole() -> None:
    both = Both(reply(200, MESSAGE))
    found = await both.client.complete(HELLO)
    assert (found.text, found.stop_reason, found.tool_calls, found.request_id) == (
        "Good day", "end_turn", (), REQUEST_ID
    )  # fmt: skip
    assert (found.id, found.model, found.usage, found.units) == ("msg_1", HELLO.model, Usage(10, 5), Decimal(15))
    assert found.turn == {"role": "assistant", "content": [{"type": "text", "text": "Good day"}]}


async def test_what_is_asked_goes_out_under_the_key_and_the_version_of_the_sdk() -> None:
    both = Both(reply(200, MESSAGE))
    tool = {"name": "book", "input_schema": {"type": "object"}}
    await both.client.complete(
        Prompt("claude-sonnet-5", 5, HELLO.messages, "Be \x00brief\ud800", [tool], {"type": "any"}, ["\n\n"])
    )
    assert both.sent == {
        "model": "claude-sonnet-5", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello, Pat"}],
        "system": "Be brief?", "tools": [tool], "tool_choice": {"type": "any"}, "stop_sequences": ["\n\n"],
    }  # fmt: skip
    headers = both.requests[0].headers
    assert (headers["authorization"], headers["anthropic-version"]) == (f"Bearer {KEY}", "2026-10-21")
    assert str(both.requests[0].url) == "https://a.example/anthropic/v1/messages"


async def test_a_tool_call_is_read_with_its_input() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "book", "input": {"sure": 0.5, "day": "Tue\x00"}}
    thinking = {"type": "thinking", "thinking": "Hm", "signature": "abc"}
    found = await Both(reply(200, {**MESSAGE, "content": [thinking, call], "stop_reason": "tool_use"})).client.complete(
        HELLO
    )
    assert found.tool_calls == (ToolCall("toolu_1", "book", {"sure": 0.5, "day": "Tue"}),)
    assert (found.text, found.turn["content"][0]) == ("", thinking)


async def test_a_stream_gives_text_as_it_comes_and_the_whole_at_the_end() -> None:
    *pieces, last = await Both(events(*WHOLE)).stream()
    assert pieces == [TextDelta("Good day")]
    assert isinstance(last, Completion)
    assert (last.text, last.stop_reason, last.usage, last.request_id) == (
        "Good day", "end_turn", Usage(10, 9), REQUEST_ID
    )  # fmt: skip


async def test_a_streamed_tool_call_comes_when_its_input_is_whole() -> None:
    first, last = await Both(events(*tool_events('{"day": "Tu', 'esday", "sure": 0.5}'))).stream()
    assert first == ToolCall("toolu_1", "book", {"day": "Tuesday", "sure": 0.5})
    assert isinstance(last, Completion)
    assert (last.tool_calls, last.stop_reason) == ((first,), "tool_use")
    assert last.turn["content"] == [
        {"type": "tool_use", "id": "toolu_1", "name": "book", "input": {"day": "Tuesday", "sure": 0.5}}
    ]


@pytest.mark.parametrize("pieces", [('{"day": "Tu',), ("[1]",), ("[" * 100_000,)])
async def test_an_input_that_broke_off_is_none(pieces: tuple[str, ...]) -> None:
    first, _ = await Both(events(*tool_events(*pieces, reason="max_tokens"))).stream()
    assert first == ToolCall("toolu_1", "book", None)


async def test_a_tool_without_input_is_called_with_nothing() -> None:
    first, _ = await Both(events(*tool_events())).stream()
    assert first == ToolCall("toolu_1", "book", {})


async def test_thinking_is_kept_for_the_next_turn_and_is_no_text() -> None:
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "abc"}},
    ]
    [last] = await Both(events(START, block, *deltas, SHUT, DONE, STOP)).stream()
    assert isinstance(last, Completion)
    assert last.turn["content"] == [{"type": "thinking", "thinking": "Hm", "signature": "abc"}]


async def test_events_unknown_or_out_of_place_change_nothing() -> None:
    odd: list[dict[str, Any]] = [
        {"type": "news"}, {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "no"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "song_delta", "song": "la"}},
        {"type": "content_block_delta", "index": 0, "delta": "no"}, {"type": "content_block_stop", "index": "x"},
    ]  # fmt: skip
    *_, last = await Both(events(START, OPEN, *odd, SAID, SHUT, DONE, b": a comment\n\n", STOP)).stream()
    assert isinstance(last, Completion)
    assert last.text == "Good day"


async def test_whoever_leaves_a_stream_closes_it() -> None:
    body = Broken(lines(START, OPEN, SAID, SAID))
    both = Both(httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=body))
    async with aclosing(both.client.stream(HELLO)) as pieces:
        assert await anext(pieces) == TextDelta("Good day")
        assert not body.is_closed
    assert body.is_closed


async def test_tokens_are_counted_without_a_limit_on_what_is_written() -> None:
    both = Both(reply(200, {"input_tokens": 14}))
    assert await both.client.count_tokens(HELLO) == 14
    assert set(both.sent) == {"model", "messages"}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("body", UNREADABLE)
async def test_an_answer_that_cannot_be_read_was_accepted_and_is_not_asked_for_again(operation: str, body: str) -> None:
    both = Both(reply(200, UNREADABLE[body], content_type="text/html"))
    error = await both.failed(operation)
    assert isinstance(error, ProviderAnswerError)
    assert (error.outcome, error.request_id, len(both.requests)) == (Outcome.ACCEPTED, REQUEST_ID, 1)


@pytest.mark.parametrize(
    "body", [{**MESSAGE, "usage": {}}, {**MESSAGE, "content": "Hello"}, {**MESSAGE, "usage": None}]
)
async def test_a_message_that_does_not_tell_its_cost_or_content_is_no_result(body: object) -> None:
    assert (await Both(reply(200, body)).failed("complete")).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("broken", [b"event: ping\ndata: {\n\n", b"event: x\ndata: [1]\n\n", b"event: \xff\xfe\n\n"])
async def test_an_event_that_cannot_be_read_ends_the_stream_with_the_tokens_so_far(broken: bytes) -> None:
    error = await Both(events(START, OPEN, SAID, broken, STOP)).failed("stream")
    assert isinstance(error, ProviderAnswerError)
    assert (error.request_id, error.cost_units) == (REQUEST_ID, Decimal(15))


async def test_a_beginning_without_usage_cannot_be_settled() -> None:
    error = await Both(events({"type": "message_start", "message": {"id": "msg_1"}}, STOP)).failed("stream")
    assert error.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("error", [None, httpx2.ReadError("reset"), httpx2.ReadTimeout("silent")])
async def test_a_stream_cut_off_in_the_middle_was_accepted(error: Exception | None) -> None:
    both = Both(events(START, OPEN, SAID, error=error), events(*WHOLE))
    caught = await both.failed("stream")
    assert isinstance(caught, ProviderUnknownError)
    assert (caught.outcome, caught.cost_units, len(both.requests)) == (Outcome.ACCEPTED, Decimal(15), 1)


async def test_a_stream_cut_off_before_it_began_is_unknown() -> None:
    error = await Both(events(b": hello\n\n", error=httpx2.RemoteProtocolError("closed"))).failed("stream")
    assert (error.outcome, error.cost_units) == (Outcome.UNKNOWN, Decimal(0))


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [
        ("overloaded_error", ProviderLimitError, Outcome.NOT_ACCEPTED),
        ("invalid_request_error", ProviderRefusedError, Outcome.NOT_ACCEPTED),
        ("api_error", ProviderUnknownError, Outcome.UNKNOWN),
        ("news_error", ProviderUnknownError, Outcome.UNKNOWN),
    ],
)
async def test_an_error_event_says_what_became_of_the_request(
    code: str, kind: type[ProviderError], outcome: Outcome
) -> None:
    event = {"type": "error", "error": {"type": code, "message": "words"}}
    first = await Both(events(event)).failed("stream")
    assert (type(first), first.outcome, first.provider_code) == (kind, outcome, code)
    later = await Both(events(START, OPEN, SAID, event)).failed("stream")
    assert (later.outcome, later.provider_code, later.cost_units) == (Outcome.ACCEPTED, code, Decimal(15))


async def test_an_error_event_without_words_is_an_error_all_the_same() -> None:
    error = await Both(events({"type": "error"})).failed("stream")
    assert (error.outcome, error.provider_code) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request_error", ProviderRefusedError), (401, "authentication_error", ProviderLimitError),
        (402, "billing_error", ProviderLimitError), (403, "permission_error", ProviderLimitError),
        (404, "not_found_error", ProviderRefusedError), (413, "request_too_large", ProviderRefusedError),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_by_its_type_and_not_repeated(
    operation: str, status: int, code: str, kind: type[ProviderError]
) -> None:
    both = Both(problem(status, code))
    error = await both.failed(operation)
    assert (type(error), error.http_status, error.provider_code, error.request_id) == (kind, status, code, REQUEST_ID)
    assert (error.outcome, len(both.requests)) == (Outcome.NOT_ACCEPTED, 1)


@pytest.mark.parametrize(
    "refusal",
    [
        problem(429, "rate_limit_error"), problem(529, "overloaded_error"), reply(429, b"slow down"),
        reply(529, b"<html>busy</html>"),
    ],
)  # fmt: skip
async def test_what_was_not_accepted_is_asked_for_again(refusal: httpx2.Response) -> None:
    whole = Both(refusal, refusal, reply(200, MESSAGE))
    assert (await whole.client.complete(HELLO)).text == "Good day"
    streamed = Both(refusal, refusal, events(*WHOLE))
    assert len(await streamed.stream()) == 2
    assert (len(whole.requests), len(streamed.requests)) == (3, 3)


async def test_a_wait_that_is_asked_for_is_kept() -> None:
    both = Both(reply(429, {}, retry_after="7"), reply(200, MESSAGE))
    before = both.wall.monotonic()
    await both.client.complete(HELLO)
    assert both.wall.monotonic() - before >= 7


async def test_a_wait_that_is_too_long_is_told_instead() -> None:
    both = Both(reply(429, {"error": {"type": "rate_limit_error"}}, retry_after="3600"))
    error = await both.failed("complete")
    assert (type(error), error.retry_after, len(both.requests)) == (ProviderLimitError, 3600.0, 1)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_spend_limit_is_no_rate_limit_and_is_not_tried_again(operation: str) -> None:
    both = Both(problem(429, "rate_limit_error", error_code="enforced_spend_limit_reached"))
    error = await both.failed(operation)
    assert (type(error), error.provider_code) == (ProviderLimitError, "enforced_spend_limit_reached")
    assert len(both.requests) == 1


@pytest.mark.parametrize(("status", "code"), [(500, "api_error"), (504, "timeout_error"), (502, None), (503, None)])
async def test_a_failure_of_theirs_may_have_been_charged_and_is_repeated_only_for_counting(
    status: int, code: str | None
) -> None:
    failure = problem(status, code) if code else reply(status, b"<html>Bad gateway</html>")
    for operation in ("complete", "stream"):
        both = Both(failure, reply(200, MESSAGE))
        error = await both.failed(operation)
        assert (type(error), error.outcome, len(both.requests)) == (ProviderUnknownError, Outcome.UNKNOWN, 1)
    counting = Both(failure, failure, reply(200, {"input_tokens": 3}))
    assert await counting.client.count_tokens(HELLO) == 3


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_redirect_is_not_followed(operation: str) -> None:
    both = Both(reply(302, b"", location="https://elsewhere.example/"))
    error = await both.failed(operation)
    assert (type(error), error.http_status, len(both.requests)) == (ProviderRefusedError, 302, 1)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("failure", [httpx2.ConnectError("no"), httpx2.ConnectTimeout("no"), httpx2.PoolTimeout("no")])
async def test_no_connection_means_that_nothing_left_and_is_tried_again(operation: str, failure: Exception) -> None:
    both = Both(failure)
    error = await both.failed(operation)
    assert (error.outcome, error.provider_code, len(both.requests)) == (Outcome.NOT_ACCEPTED, NOT_SENT, 3)


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ReadTimeout("silent"), httpx2.WriteTimeout("slow"), httpx2.ReadError("reset"),
        httpx2.RemoteProtocolError("closed"),
    ],
)  # fmt: skip
async def test_no_answer_is_unknown_and_is_repeated_only_for_counting(failure: Exception) -> None:
    for operation in ("complete", "stream"):
        both = Both(failure, reply(200, MESSAGE))
        assert ((await both.failed(operation)).outcome, len(both.requests)) == (Outcome.UNKNOWN, 1)
    assert await Both(failure, reply(200, {"input_tokens": 3})).client.count_tokens(HELLO) == 3


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("operation", ["complete", "stream"])
async def test_a_body_over_10_mb_is_not_read_on(operation: str, status: int) -> None:
    big = httpx2.Response(status, stream=Broken(*[b" " * 1024 * 1024] * (MAX_BODY_BYTES // 1024 // 1024 + 2)))
    error = await Both(big).failed(operation)
    assert (type(error), error.outcome) == (ProviderUnknownError, Outcome.UNKNOWN)
    assert str(MAX_BODY_BYTES) in str(error)


async def test_an_answer_that_never_comes_is_given_up() -> None:
    hanging = Both(reply(200, MESSAGE), total=0.05)
    real = hanging._answer

    async def slow(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(30)
        return await real(request)

    hanging.client = AnthropicClient(
        Connection(UNUSED, "https://a.example", KEY, RateLimit(1000, hanging.wall), hanging.wall),
        make_http=partial(httpx2.AsyncClient, transport=httpx2.MockTransport(slow)),
        timeouts=Timeouts(total=0.05),
    )
    for operation in ("complete", "stream"):
        assert (await hanging.failed(operation)).outcome is Outcome.UNKNOWN


async def test_nothing_leaves_while_a_transaction_is_open() -> None:
    both = Both(reply(200, MESSAGE))
    with mark_open():
        for ask in (both.client.complete, both.client.count_tokens):
            with pytest.raises(OpenTransactionError):
                await ask(HELLO)
        with pytest.raises(OpenTransactionError):
            await both.stream()
    assert both.requests == []


async def test_a_closed_client_has_no_connections_left() -> None:
    both = Both(reply(200, MESSAGE))
    await both.client.aclose()
    assert (await both.failed("complete")).outcome is Outcome.UNKNOWN
    assert both.requests == []


def test_no_prompt_shows_in_a_repr() -> None:
    shown = repr(
        (Prompt("m", 1, [{"content": "hidden"}], "hidden"), TextDelta("hidden"), ToolCall("i", "n", {"a": "hidden"}))
    )
    assert "hidden" not in shown


async def test_no_prompt_and_no_key_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await Both(reply(200, MESSAGE)).client.complete(HELLO)
    await Both(events(*WHOLE)).stream()
    assert "a.example" in caplog.text
    assert not any(secret in caplog.text for secret in ("Hello, Pat", "Good day", KEY))


COSTS = CostSettings(anthropic_input_usd=Decimal(3), anthropic_output_usd=Decimal(15))
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(MILLION, 0), "3"),
        (Usage(0, MILLION), "15"),
        (Usage(0, 0, cache_creation_tokens=MILLION), "3.75"),
        (Usage(0, 0, cache_creation_tokens=MILLION, cache_creation_1h_tokens=MILLION), "6"),
        (Usage(0, 0, cache_read_tokens=MILLION), "0.3"),
        (Usage(1000, 200, 4000, 1000, 3000), "0.02415"),
    ],
)
def test_tokens_are_priced_by_what_became_of_them(usage: Usage, dollars: str) -> None:
    assert usage.cost_usd(COSTS) == Decimal(dollars)


def told(**usage: object) -> httpx2.Response:
    return reply(200, {**MESSAGE, "usage": usage})


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"cache_creation_input_tokens": None, "cache_read_input_tokens": None}, Usage(10, 5)),
        ({"cache_creation_input_tokens": 7, "cache_read_input_tokens": 3}, Usage(10, 5, 7, 0, 3)),
        (
            {
                "cache_creation_input_tokens": 7,
                "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            },
            Usage(10, 5, 7, 4),
        ),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 4}}, Usage(10, 5, 4, 4)),
        ({"cache_creation_input_tokens": -7, "cache_read_input_tokens": "many"}, Usage(10, 5)),
    ],
)
async def test_usage_is_read_with_what_was_cached(usage: dict[str, object], expected: Usage) -> None:
    assert (await Both(told(**USAGE, **usage)).client.complete(HELLO)).usage == expected


async def test_the_end_of_a_stream_corrects_the_usage_of_its_beginning() -> None:
    start = {**START, "message": {**MESSAGE, "usage": {**USAGE, "cache_read_input_tokens": 3}}}
    done = {**DONE, "usage": {"output_tokens": 40, "input_tokens": 12, "cache_creation_input_tokens": 5}}
    *_, last = await Both(events(start, OPEN, SAID, SHUT, done, STOP)).stream()
    assert isinstance(last, Completion)
    assert last.usage == Usage(12, 40, 5, 0, 3)
