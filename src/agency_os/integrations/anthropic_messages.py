"""What is said to Anthropic's model and what it says: a prompt, a completion with its tool calls, and what that costs.

Reads whole answers and streamed ones, event by event, without trusting their shape. Sources: platform.claude.com/docs,
pages "Messages", "Streaming", "Prompt caching" and "Pricing"; anthropic-version 2026-10-21.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from agency_os.config.costs import CostSettings
from agency_os.integrations.json_fields import Fields, clean_text

CACHE_WRITE_5M: Final = Decimal("1.25")
CACHE_WRITE_1H: Final = Decimal(2)
CACHE_READ: Final = Decimal("0.1")
"""Prices in terms of an input token's: text put into the cache for 5 minutes or an hour, and text read from it."""

_MILLION = Decimal(1_000_000)
_GROWING: Final = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
"""Which field of a block a delta adds to; both are named alike."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request, in the shapes that the API publishes. Nothing of it shows in the repr: it may hold personal data.

    ``max_tokens`` bounds what is written. ``system`` is text, or text blocks where some of it is to be cached.
    ``tools`` are ``{name, description, input_schema}``; ``tool_choice`` is ``{type: auto | any | none}`` or
    ``{type: tool, name}``. After a tool call the next user message begins with a ``tool_result`` for each call.
    """

    model: str
    max_tokens: int
    messages: Sequence[Mapping[str, Any]] = field(repr=False)
    system: str | Sequence[Mapping[str, Any]] | None = field(default=None, repr=False)
    tools: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    tool_choice: Mapping[str, Any] | None = None
    stop_sequences: Sequence[str] = ()

    def to_count(self) -> dict[str, Any]:
        """What ``count_tokens`` takes: all that is read."""
        optional = {"system": self.system, "tools": self.tools, "tool_choice": self.tool_choice}
        given = {name: value for name, value in optional.items() if value}
        asked: dict[str, Any] = cleaned({"model": self.model, "messages": self.messages, **given})
        return asked

    def to_send(self) -> dict[str, Any]:
        """What ``messages`` takes."""
        stops = {"stop_sequences": list(self.stop_sequences)} if self.stop_sequences else {}
        return {**self.to_count(), "max_tokens": self.max_tokens, **stops}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, each counted once: what was read is input, cache creation and cache read together.

    ``cache_creation_1h_tokens`` are those of ``cache_creation_tokens`` that stay for an hour instead of 5 minutes.
    """

    input_tokens: int
    output_tokens: int
    cache_creation_tokens: int = 0
    cache_creation_1h_tokens: int = 0
    cache_read_tokens: int = 0

    @property
    def units(self) -> Decimal:
        """All tokens: the provider's units."""
        return Decimal(self.input_tokens + self.output_tokens + self.cache_creation_tokens + self.cache_read_tokens)

    def cost_usd(self, costs: CostSettings) -> Decimal:
        """US$ at the settings' prices of a million tokens read and written."""
        short = self.cache_creation_tokens - self.cache_creation_1h_tokens
        read = (
            self.input_tokens
            + short * CACHE_WRITE_5M
            + self.cache_creation_1h_tokens * CACHE_WRITE_1H
            + self.cache_read_tokens * CACHE_READ
        )
        return (read * costs.anthropic_input_usd + self.output_tokens * costs.anthropic_output_usd) / _MILLION

    @classmethod
    def read(cls, usage: Fields) -> Usage | None:
        """The usage in an answer; None where it does not tell the tokens read and written."""
        tokens_in, tokens_out = usage.whole("input_tokens"), usage.whole("output_tokens")
        if tokens_in is None or tokens_out is None:
            return None
        by_age = usage.inner("cache_creation")
        hour = _count(by_age, "ephemeral_1h_input_tokens")
        told = hour + _count(by_age, "ephemeral_5m_input_tokens")
        return cls(
            input_tokens=max(0, tokens_in),
            output_tokens=max(0, tokens_out),
            cache_creation_tokens=max(told, _count(usage, "cache_creation_input_tokens")),
            cache_creation_1h_tokens=hour,
            cache_read_tokens=_count(usage, "cache_read_input_tokens"),
        )

    def updated(self, usage: Fields) -> Usage:
        """With the totals that a later event of a stream tells; what it leaves out stands."""
        return replace(
            self,
            input_tokens=_count(usage, "input_tokens", self.input_tokens),
            output_tokens=_count(usage, "output_tokens", self.output_tokens),
            cache_creation_tokens=max(self.cache_creation_tokens, _count(usage, "cache_creation_input_tokens")),
            cache_read_tokens=_count(usage, "cache_read_input_tokens", self.cache_read_tokens),
        )


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of text as it comes."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model wants a tool to be given; a proposal, which the caller checks. ``input`` is None where it was cut
    off, as it is when ``max_tokens`` ran out within it."""

    id: str
    name: str
    input: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. ``stop_reason`` is end_turn, max_tokens, stop_sequence, tool_use, pause_turn, refusal,
    model_context_window_exceeded, or one that is new. ``blocks`` is the content as it came."""

    id: str
    model: str
    text: str = field(repr=False)
    tool_calls: tuple[ToolCall, ...]
    stop_reason: str | None
    stop_sequence: str | None
    usage: Usage
    request_id: str | None
    blocks: tuple[Mapping[str, Any], ...] = field(repr=False)

    @property
    def units(self) -> Decimal:
        """Tokens, see `Usage.units`."""
        return self.usage.units

    @property
    def turn(self) -> dict[str, Any]:
        """This answer as the message that goes before the next ``user`` message."""
        return {"role": "assistant", "content": [dict(block) for block in self.blocks]}


Piece = TextDelta | ToolCall | Completion
"""What a stream gives: text and tool calls as they come, and the whole at the end."""


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in ``text``, cleaned. Raises ValueError for anything else."""
    try:
        data = cleaned(json.loads(text))
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error
    if not isinstance(data, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  # the text is malformed, not our types
    return data


def cleaned(value: Any) -> Any:
    """A JSON value whose text can be sent and stored, see `clean_text`; sequences become lists."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(name)): cleaned(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [cleaned(each) for each in value]
    return value


def read_message(message: Fields, request_id: str | None) -> Completion | None:
    """A whole answer; None where it is no message or does not tell its usage."""
    usage = Usage.read(message.inner("usage"))
    content = message.raw("content")
    if usage is None or not isinstance(content, list):
        return None
    blocks = tuple({**block} for block in content if isinstance(block, dict))
    calls = (_tool_call(block, block.get("input")) for block in blocks if block.get("type") == "tool_use")
    return _completion(message, blocks, tuple(calls), usage, request_id)


class MessageReader:
    """Puts a streamed answer together: give it each event in turn."""

    def __init__(self) -> None:
        self._message: dict[str, Any] | None = None
        self._usage = Usage(0, 0)
        self._stop: tuple[str | None, str | None] = (None, None)
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, str] = {}
        self._calls: dict[int, ToolCall] = {}
        self.is_whole = False

    @property
    def has_begun(self) -> bool:
        """Whether the model has begun to answer: from here on the request is charged."""
        return self._message is not None

    @property
    def units(self) -> Decimal:
        """The tokens told of so far."""
        return self._usage.units

    def take(self, event: Fields) -> TextDelta | ToolCall | None:
        """What an event brings. One that is unknown or out of place brings nothing.

        Raises ValueError for a beginning that does not tell its usage.
        """
        kind = event.text("type")
        if kind == "message_start":
            self._begin(event.raw("message"))
        elif kind == "message_delta":
            delta = event.inner("delta")
            self._stop = (delta.text("stop_reason"), delta.text("stop_sequence"))
            self._usage = self._usage.updated(event.inner("usage"))
        elif kind == "message_stop":
            self.is_whole = self.has_begun
        elif (index := event.whole("index")) is not None:
            return self._take_block(kind, index, event)
        return None

    def completion(self, request_id: str | None) -> Completion:
        """The whole answer, once ``is_whole``."""
        order = sorted(self._blocks)
        reason, sequence = self._stop
        message = Fields({**(self._message or {}), "stop_reason": reason, "stop_sequence": sequence})
        blocks = tuple(self._blocks[index] for index in order)
        calls = tuple(self._calls[index] for index in order if index in self._calls)
        return _completion(message, blocks, calls, self._usage, request_id)

    def _begin(self, message: object) -> None:
        usage = Usage.read(Fields(message).inner("usage"))
        if usage is None or not isinstance(message, dict):
            raise ValueError("a message without usage")
        self._message, self._usage = message, usage

    def _take_block(self, kind: str | None, index: int, event: Fields) -> TextDelta | ToolCall | None:
        if kind == "content_block_start":
            block = event.raw("content_block")
            self._blocks[index] = dict(block) if isinstance(block, dict) else {}
            text = event.inner("content_block").verbatim("text")
            return TextDelta(text) if text else None
        block = self._blocks.get(index)
        if block is None:
            return None
        if kind == "content_block_delta":
            return self._grow(index, block, event.inner("delta"))
        if kind == "content_block_stop" and block.get("type") == "tool_use":
            block["input"] = _input(self._inputs.get(index, ""), block.get("input"))
            self._calls[index] = _tool_call(block, block["input"])
            block["input"] = block["input"] or {}
            return self._calls[index]
        return None

    def _grow(self, index: int, block: dict[str, Any], delta: Fields) -> TextDelta | None:
        kind = delta.text("type") or ""
        if kind == "input_json_delta":
            self._inputs[index] = self._inputs.get(index, "") + delta.verbatim("partial_json")
        elif kind in _GROWING:
            name = _GROWING[kind]
            more = delta.verbatim(name)
            block[name] = f"{block.get(name) or ''}{more}"
            return TextDelta(more) if name == "text" and more else None
        return None


def _input(written: str, given: object) -> dict[str, Any] | None:
    """A tool's input from the pieces of its JSON, or from the block itself where none came; None if it broke off."""
    if not written:
        return dict(given) if isinstance(given, dict) else None
    try:
        return parse_object(written)
    except ValueError:
        return None


def _tool_call(block: Mapping[str, Any], given: object) -> ToolCall:
    named = Fields({**block})
    return ToolCall(named.text("id") or "", named.text("name") or "", given if isinstance(given, dict) else None)


def _completion(
    message: Fields,
    blocks: tuple[Mapping[str, Any], ...],
    calls: tuple[ToolCall, ...],
    usage: Usage,
    request_id: str | None,
) -> Completion:
    texts = (Fields({**block}).verbatim("text") for block in blocks if block.get("type") == "text")
    return Completion(
        id=message.text("id") or "",
        model=message.text("model") or "",
        text="".join(texts),
        tool_calls=calls,
        stop_reason=message.text("stop_reason"),
        stop_sequence=message.text("stop_sequence"),
        usage=usage,
        request_id=request_id,
        # Null stands for "does not apply" in an answer, and is not taken back everywhere in a request.
        blocks=tuple({name: value for name, value in block.items() if value is not None} for block in blocks),
    )


def _count(usage: Fields, name: str, otherwise: int = 0) -> int:
    count = usage.whole(name)
    return otherwise if count is None or count < 0 else count
