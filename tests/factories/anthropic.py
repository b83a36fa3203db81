"""Anthropic's client over a scripted httpx2, and the answers and events of its script."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from random import Random
from typing import Any

import httpx2
import pytest

from agency_os.exceptions import ProviderError
from agency_os.integrations.anthropic import AnthropicClient
from agency_os.integrations.anthropic_messages import Piece, Prompt
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import Timeouts
from agency_os.kit.retry import RateLimit
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
