"""Anthropic's client over a scripted httpx2: bad answers, refusals, prices; never a second charge."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from functools import partial

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
from agency_os.integrations.anthropic_messages import Prompt, TextDelta, ToolCall, Usage
from agency_os.integrations.provider_api import NOT_SENT, Connection
from agency_os.kit.http import MAX_BODY_BYTES, Timeouts
from agency_os.kit.retry import RateLimit
from agency_os.kit.transaction import mark_open
from tests.factories.anthropic import (
    HELLO,
    KEY,
    MESSAGE,
    REQUEST_ID,
    UNUSED,
    USAGE,
    WHOLE,
    Both,
    Broken,
    events,
    problem,
    reply,
)

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
