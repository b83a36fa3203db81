"""Anthropic's streams over a scripted httpx2: pieces as they come, what breaks off and what it had cost by then."""

from __future__ import annotations

from contextlib import aclosing
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from agency_os.exceptions import (
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.anthropic_messages import Completion, TextDelta, ToolCall, Usage
from tests.factories.anthropic import (
    DONE,
    HELLO,
    MESSAGE,
    OPEN,
    REQUEST_ID,
    SAID,
    SHUT,
    START,
    STOP,
    USAGE,
    WHOLE,
    Both,
    Broken,
    events,
    lines,
    tool_events,
)


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


async def test_the_end_of_a_stream_corrects_the_usage_of_its_beginning() -> None:
    start = {**START, "message": {**MESSAGE, "usage": {**USAGE, "cache_read_input_tokens": 3}}}
    done = {**DONE, "usage": {"output_tokens": 40, "input_tokens": 12, "cache_creation_input_tokens": 5}}
    *_, last = await Both(events(start, OPEN, SAID, SHUT, done, STOP)).stream()
    assert isinstance(last, Completion)
    assert last.usage == Usage(12, 40, 5, 0, 3)
