"""Anthropic's Messages API: whole and streamed answers, tools, counted tokens, prompt caching, errors of every type.

Follows the schemas of both ``anthropic-version`` values. The model is none, see `anthropic_words`. A request has no
idempotency key: each is answered and charged. The fault ``pending`` is 529 overloaded, and for a stream the ``error``
event that comes after a 200; ``refused`` is the error type that `Anthropic.refuse_with` names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from agency_os_sandbox.clock import wall_now
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers.anthropic_cache import Read, length_of, read_through
from agency_os_sandbox.providers.anthropic_checks import (
    FIELDS,
    BadRequestError,
    check_count_request,
    check_message_request,
)
from agency_os_sandbox.providers.anthropic_words import (
    BYTES_PER_TOKEN,
    Filler,
    reply,
    said_last,
    tokens_of,
    tool_wanted,
)
from agency_os_sandbox.store import Store

STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The published error types and their statuses."""
LONGEST_BODY: Final = 32 * 1024 * 1024
EVENTS: Final = "text/event-stream"

_REFUSAL, _BREAK = "anthropic_refusal", "anthropic_break"
_DELTA = 24


class Anthropic:
    """The protocol; any key that begins with ``sk-ant-`` is an account."""

    name = "anthropic"

    def __init__(self, store: Store) -> None:
        self._store = store

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints. A streamed message is the operation ``messages.stream`` at the address of a whole one."""
        streamed = Operation(
            "messages.stream", "POST", "/v1/messages", self._guarded(self._create), refuse=self._refuse_stream
        )
        return (
            Operation(
                "messages.create",
                "POST",
                "/v1/messages",
                self._guarded(self._create),
                choose=lambda call: streamed if _wants_stream(call) else None,
            ),
            Operation("count_tokens", "POST", "/v1/messages/count_tokens", self._guarded(self._count)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:
        """The published error bodies."""
        if kind is FaultKind.LIMITED:
            message = "This request would exceed your account's rate limit. Please try again later."
            return _error("rate_limit_error", message, {"retry-after": str(retry_after)})
        if kind is FaultKind.PENDING:
            return _error("overloaded_error", "Overloaded")
        if kind is FaultKind.REFUSED:
            return _error(self._store.get_json(_REFUSAL, "invalid_request_error"), "The request was refused.")
        return _error("api_error", "Internal server error")

    def _refuse_stream(self, kind: FaultKind, retry_after: int) -> Answer:
        if kind is not FaultKind.PENDING:
            return self.refusal(kind, retry_after)
        error = _error("overloaded_error", "Overloaded")
        return Answer(200, _event(error.content), error.headers, media=EVENTS)

    def concurrent(self) -> Answer | None:
        """Messages know no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:
        """``anthropic-ratelimit-requests-*``; the reset is a time, of the wall."""
        reset = wall_now() + timedelta(seconds=window.reset_seconds)
        return {
            "anthropic-ratelimit-requests-limit": str(window.limit),
            "anthropic-ratelimit-requests-remaining": str(window.remaining),
            "anthropic-ratelimit-requests-reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def refuse_with(self, error_type: str) -> None:
        """Let the fault ``refused`` answer with this type from now on. Raises KeyError for one that is unknown."""
        _ = STATUSES[error_type]
        self._store.set_json(_REFUSAL, error_type)

    def break_streams(self, how: str | None) -> None:
        """Let accepted streams break in the middle: by an ``error`` event of this type, by ``cut`` without a word."""
        self._store.set_json(_BREAK, how)

    @staticmethod
    def _guarded(handle: Callable[[Call, str, str], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            scheme, _, bearer = call.headers.get("authorization", "").partition(" ")
            key = call.headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
            if not key.startswith("sk-ant-"):
                return _error("authentication_error", "invalid x-api-key" if key else "x-api-key header is required")
            version = call.headers.get("anthropic-version", "")
            if version not in FIELDS:
                said = f'"{version}" is not a valid version' if version else "header is required"
                return _error("invalid_request_error", f"anthropic-version: {said}")
            if len(call.body) > LONGEST_BODY:
                return _error("request_too_large", "Request exceeds the maximum size")
            try:
                return handle(call, hashlib.sha256(key.encode()).hexdigest()[:16], version)
            except BadRequestError as error:
                return _error(error.kind, str(error))

        return guarded

    def _count(self, call: Call, _: str, version: str) -> Answer:
        body = check_count_request(_json(call), version)
        return Answer(200, {"input_tokens": length_of(body)}, _named(), (OracleRow(accepted=True),))

    def _create(self, call: Call, account: str, version: str) -> Answer:
        body = check_message_request(_json(call), version)
        read = read_through(self._store, account, body, call.now)
        message = _message(body, read, call)
        units = Decimal(read.total + message["usage"]["output_tokens"])
        row = OracleRow(None, None, units, message["id"], accepted=True)
        if not body.get("stream", False):
            return Answer(200, message, _named(), (row,))
        return Answer(200, self._streamed(message), _named(), (row,), EVENTS)

    def _streamed(self, message: dict[str, Any]) -> str:
        events = [_event(event) for event in _events(message)]
        how = self._store.get_json(_BREAK, None)
        if how is None:
            return "".join(events)
        begun = "".join(events[: max(2, len(events) // 2)])
        return begun if how == "cut" else begun + _event(_error(how, "The stream broke off.").content)


def _message(body: dict[str, Any], read: Read, call: Call) -> dict[str, Any]:
    text = said_last(body["messages"])
    tool = tool_wanted(body, text)
    content, stop, sequence = _content(body, tool, text, call)
    written = sum(tokens_of(block.get("text") or block["input"]) for block in content)
    return {
        "id": f"msg_{_token()}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": sequence,
        "usage": {
            "input_tokens": read.fresh,
            "cache_creation_input_tokens": sum(read.written.values()),
            "cache_read_input_tokens": read.cached,
            "cache_creation": {
                "ephemeral_5m_input_tokens": read.written["5m"],
                "ephemeral_1h_input_tokens": read.written["1h"],
            },
            "output_tokens": min(written, body["max_tokens"]),
            "service_tier": "standard",
        },
    }


def _content(
    body: dict[str, Any], tool: dict[str, Any] | None, text: str, call: Call
) -> tuple[list[dict[str, Any]], str, str | None]:
    """The blocks, why it stopped, and the stop sequence if that was it."""
    room = body["max_tokens"]
    if room == 0:  # warms the cache and says nothing
        return [], "max_tokens", None
    if tool is not None:
        given = Filler(tool["input_schema"], text, call.now).fill()
        block = {"type": "tool_use", "id": f"toolu_{_token()}", "name": tool["name"], "input": given}
        return [block], "tool_use" if tokens_of(given) <= room else "max_tokens", None
    form = (body.get("output_config") or {}).get("format")
    said = reply(text) if form is None else json.dumps(Filler(form["schema"], text, call.now).fill())
    stops = [(place, stop) for stop in body.get("stop_sequences") or [] if (place := said.find(stop)) >= 0]
    place, stop = min(stops, default=(len(said), None))
    cut = said[:place].encode()[: room * BYTES_PER_TOKEN].decode("utf-8", "ignore")
    blocks = [{"type": "text", "text": cut, "citations": None}] if cut else []
    if len(cut) < place:
        return blocks, "max_tokens", None
    return blocks, "end_turn" if stop is None else "stop_sequence", stop


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a streamed message. What is written is counted at the end."""
    begun = {**message["usage"], "output_tokens": 1}
    yield {
        "type": "message_start",
        "message": {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": begun},
    }
    for index, block in enumerate(message["content"]):
        is_text = block["type"] == "text"
        empty = {**block, "text": ""} if is_text else {**block, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "ping"}
        whole = block["text"] if is_text else json.dumps(block["input"])
        for start in range(0, len(whole), _DELTA):
            piece = whole[start : start + _DELTA]
            delta = {"type": "text_delta", "text": piece} if is_text else _json_delta(piece)
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    usage = {name: message["usage"][name] for name in counted}
    yield {"type": "message_delta", "delta": stop, "usage": usage}
    yield {"type": "message_stop"}


def _json_delta(piece: str) -> dict[str, str]:
    return {"type": "input_json_delta", "partial_json": piece}


def _event(data: dict[str, Any]) -> str:
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _wants_stream(call: Call) -> bool:
    try:
        body = call.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("stream") is True


def _json(call: Call) -> Any:
    try:
        return call.json()
    except ValueError as error:
        raise BadRequestError("The request body is not valid JSON") from error


def _named(request_id: str | None = None) -> dict[str, str]:
    return {"request-id": request_id or f"req_{_token()}"}


def _token() -> str:
    return "01" + new_guid().replace("-", "")[:22]


def _error(error_type: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    request_id = f"req_{_token()}"
    content = {"type": "error", "error": {"type": error_type, "message": message}, "request_id": request_id}
    return Answer(STATUSES[error_type], content, {**_named(request_id), **(headers or {})})
