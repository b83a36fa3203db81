"""What Anthropic refuses of a request for a message: unknown fields, wrong types, tool calls left unanswered.

Follows the request schemas of both versions and the pages "Versions", "Tool use" and "Prompt caching". The messages
name the field as Anthropic does: ``messages.0.content: …``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

OLD, NEW = "2023-06-01", "2026-10-21"
"""The two values of ``anthropic-version``."""

_BOTH = frozenset(
    "cache_control container inference_geo max_tokens messages metadata model output_config service_tier stop_sequences"
    " stream system thinking tool_choice tools".split()
)
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
FIELDS: Final = {OLD: _BOTH | _SAMPLING, NEW: _BOTH | {"diagnostics", "speed"}}
COUNTED: Final = frozenset("cache_control messages model output_config speed system thinking tool_choice tools".split())
MOST_BREAKPOINTS: Final = 4

_TOOL_FIELDS = frozenset(
    "name input_schema description type cache_control strict allowed_callers defer_loading eager_input_streaming"
    " input_examples".split()
)
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_BLOCKS = {
    "user": frozenset("text image document search_result tool_result container_upload".split()),
    "assistant": frozenset("text tool_use thinking redacted_thinking document".split()),
    "system": frozenset({"text"}),
}
_CHOICES = frozenset({"auto", "any", "tool", "none"})


class BadRequestError(Exception):
    """A request that is answered with an error of this ``kind``."""

    def __init__(self, message: str, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.kind = kind


def check_message_request(data: Any, version: str) -> dict[str, Any]:
    """The body of ``/v1/messages``. Raises BadRequestError."""
    body = _object(data, "body")
    sampling = sorted(_SAMPLING & set(body)) if version == NEW else []
    if sampling:
        raise BadRequestError(f"{sampling[0]}: is not supported from anthropic-version {NEW} on")
    _only(body, FIELDS[version], "")
    _required(body, ("model", "max_tokens", "messages"))
    _whole(body["max_tokens"], "max_tokens")
    if not isinstance(body.get("stream", False), bool):
        raise BadRequestError("stream: Input should be a valid boolean")
    _check_stops(body.get("stop_sequences"))
    _only(_object(body.get("metadata") or {}, "metadata"), frozenset({"user_id"}), "metadata.")
    _check_common(body, version)
    return body


def check_count_request(data: Any, version: str) -> dict[str, Any]:
    """The body of ``/v1/messages/count_tokens``. Raises BadRequestError."""
    body = _object(data, "body")
    _only(body, COUNTED, "")
    _required(body, ("model", "messages"))
    _check_common(body, version)
    return body


def _check_common(body: dict[str, Any], version: str) -> None:
    model = body["model"]
    if not isinstance(model, str) or not model:
        raise BadRequestError("model: Input should be a valid string")
    if not model.startswith("claude-"):
        raise BadRequestError(f"model: {model}", "not_found_error")
    _check_tools(body)
    _check_system(body.get("system"))
    _check_messages(body["messages"], version)
    _check_output(body)
    points = [where for where, _ in breakpoints(body)]
    if len(points) > MOST_BREAKPOINTS:
        raise BadRequestError(f"A maximum of {MOST_BREAKPOINTS} blocks with cache_control may be provided.")


def breakpoints(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Where a cached prefix ends, and how long it is kept: ``5m`` or ``1h``. Raises BadRequestError."""
    for where, control in _controls(body):
        if control is None:
            continue
        found = _object(control, f"{where}.cache_control")
        if found.get("type") != "ephemeral" or found.get("ttl", "5m") not in ("5m", "1h"):
            raise BadRequestError(f"{where}.cache_control: Input should be ephemeral, for 5m or 1h")
        yield where, found.get("ttl", "5m")


def _controls(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for index, tool in enumerate(body.get("tools") or []):
        yield f"tools.{index}", tool.get("cache_control")
    for index, block in enumerate(body["system"] if isinstance(body.get("system"), list) else []):
        yield f"system.{index}", block.get("cache_control")
    for index, message in enumerate(body["messages"]):
        content = message["content"] if isinstance(message["content"], list) else []
        for place, block in enumerate(content):
            yield f"messages.{index}.content.{place}", block.get("cache_control")
    yield "body", body.get("cache_control")


def _check_stops(stops: Any) -> None:
    if stops is None:
        return
    if not isinstance(stops, list) or not all(isinstance(each, str) and each.strip() for each in stops):
        raise BadRequestError("stop_sequences: each stop sequence must contain non-whitespace")


def _check_tools(body: dict[str, Any]) -> None:
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise BadRequestError("tools: Input should be a valid array")
    names = [_tool_name(tool, f"tools.{index}") for index, tool in enumerate(tools)]
    if len(set(names)) < len(names):
        raise BadRequestError("tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice is None:
        return
    choice = _object(choice, "tool_choice")
    kind = choice.get("type")
    if not isinstance(kind, str) or kind not in _CHOICES:
        raise BadRequestError("tool_choice: Input should be auto, any, tool or none")
    if not names:
        raise BadRequestError("tool_choice: may only be specified while providing tools")
    if kind == "tool" and choice.get("name") not in names:
        raise BadRequestError(f"tool_choice: Tool '{choice.get('name')}' not found in provided tools")


def _tool_name(tool: Any, where: str) -> str:
    tool = _object(tool, where)
    if tool.get("type") not in (None, "custom"):
        raise BadRequestError(f"{where}.type: '{tool['type']}' is not available to this account")
    _only(tool, _TOOL_FIELDS, f"{where}.")
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        raise BadRequestError(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise BadRequestError(f"{where}.input_schema.type: Field required, and should be 'object'")
    return name


def _check_system(system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise BadRequestError("system: Input should be a valid string or array")
    for index, block in enumerate(system):
        _check_block(_object(block, f"system.{index}"), "system", f"system.{index}", NEW)


def _check_messages(messages: Any, version: str) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages: at least one message is required")
    waiting: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        message = _object(message, where)
        _only(message, frozenset({"role", "content"}), f"{where}.")
        role = message.get("role")
        if role not in ("user", "assistant") and not (role == "system" and version == NEW):
            raise BadRequestError(f"{where}.role: Input should be 'user' or 'assistant'")
        if index == 0 and role == "assistant":
            raise BadRequestError('messages: first message must use the "user" role')
        blocks = _check_content(message, role, where, version)
        _check_results(blocks, waiting, where)
        waiting = [str(block.get("id")) for block in blocks if block["type"] == "tool_use"]
    if waiting:
        raise BadRequestError("messages: `tool_use` ids were found without `tool_result` blocks immediately after")


def _check_content(message: dict[str, Any], role: str, where: str, version: str) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str) and content:
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not content:
        raise BadRequestError(f"{where}: all messages must have non-empty content")
    for place, block in enumerate(content):
        _check_block(_object(block, f"{where}.content.{place}"), role, f"{where}.content.{place}", version)
    return content


def _check_block(block: dict[str, Any], role: str, where: str, version: str) -> None:
    kind = block.get("type")
    if kind not in _BLOCKS[role]:
        raise BadRequestError(f"{where}: Input tag {kind!r} found using 'type' does not match any of the expected tags")
    if kind == "text" and (not isinstance(block.get("text"), str) or not block["text"]):
        raise BadRequestError(f"{where}.text: text content blocks must be non-empty")
    if kind == "tool_use" and not (block.get("id") and block.get("name") and isinstance(block.get("input"), dict)):
        raise BadRequestError(f"{where}: a tool_use block has an id, a name and an input")
    if version == NEW and role == "assistant" and kind == "document":
        raise BadRequestError(f"{where}: document blocks are not allowed in assistant messages")
    if version == NEW and role == "user" and kind == "text" and block.get("citations"):
        raise BadRequestError(f"{where}.citations: are not allowed in user messages")


def _check_results(blocks: list[dict[str, Any]], waiting: list[str], where: str) -> None:
    """The calls of the message before are all answered, at the beginning; nothing else is."""
    answered = [str(block.get("tool_use_id")) for block in blocks if block["type"] == "tool_result"]
    leading = [str(block.get("tool_use_id")) for block in blocks[: len(waiting)] if block["type"] == "tool_result"]
    if set(leading) != set(waiting):
        missing = ", ".join(sorted(set(waiting) - set(leading)))
        raise BadRequestError(
            f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {missing}."
        )
    if set(answered) - set(waiting):
        raise BadRequestError(f"{where}: unexpected `tool_use_id` found in `tool_result` blocks")


def _check_output(body: dict[str, Any]) -> None:
    output = _object(body.get("output_config") or {}, "output_config")
    _only(output, frozenset({"effort", "format"}), "output_config.")
    form = output.get("format")
    if form is not None and (
        not isinstance(form, dict) or form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict)
    ):
        raise BadRequestError("output_config.format: Input should be a json_schema with its schema")
    thinking = _object(body.get("thinking") or {"type": "disabled"}, "thinking")
    if thinking.get("type") not in ("enabled", "disabled", "adaptive", "between_tools"):
        raise BadRequestError("thinking: Input should be enabled, disabled, adaptive or between_tools")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequestError(f"{where}: Input should be a valid dictionary")
    return value


def _only(value: dict[str, Any], known: frozenset[str], prefix: str) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise BadRequestError(f"{prefix}{unknown[0]}: Extra inputs are not permitted")


def _required(value: dict[str, Any], names: tuple[str, ...]) -> None:
    missing = [name for name in names if value.get(name) is None]
    if missing:
        raise BadRequestError(f"{missing[0]}: Field required")


def _whole(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRequestError(f"{where}: Input should be a valid integer, greater than or equal to 0")
