"""What the sandbox's model answers: no intelligence, only what stands in the request, the same for the same request.

Text is the first sentence of what was said last. A tool's input, or an answer by a JSON schema, is filled in from the
schema: a value of an enum that the text names, an address or a number that stands in it, its first sentence. A token is
four bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from agency_os_sandbox.world.chance import pick

BYTES_PER_TOKEN: Final = 4

_SENTENCE = re.compile(r"(.+?[.!?])(\s|$)", re.DOTALL)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s<>\"')]+")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)")
_DEEPEST = 12
_MOST_ITEMS = 100
_LONGEST_TEXT = 300


def tokens_of(value: Any) -> int:
    """The tokens of a text, or of a JSON value written out."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def said_last(messages: list[dict[str, Any]]) -> str:
    """The text of the last message, with that of the tools' results."""
    content = messages[-1]["content"]
    return content if isinstance(content, str) else " ".join(_texts(content))


def _texts(blocks: Any) -> list[str]:
    found: list[str] = []
    for block in blocks if isinstance(blocks, list) else []:
        inner = block.get("text") if block.get("type") == "text" else block.get("content")
        found += [inner] if isinstance(inner, str) else _texts(inner)
    return found


def first_sentence(text: str, longest: int = _LONGEST_TEXT) -> str:
    """The first sentence, its white space made single."""
    flat = " ".join(text.split())
    found = _SENTENCE.match(flat)
    return (found.group(1) if found else flat)[:longest]


def reply(text: str) -> str:
    """What the model says to this."""
    return f"You wrote: {first_sentence(text)}" if text.strip() else "You wrote nothing that I can read."


def tool_wanted(body: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """The tool that the model uses: the one demanded, or one whose name's words all stand in the text."""
    tools: list[dict[str, Any]] = body.get("tools") or []
    choice = body.get("tool_choice") or {"type": "auto"}
    if not tools or choice["type"] == "none":
        return None
    if choice["type"] == "tool":
        return next(tool for tool in tools if tool["name"] == choice["name"])
    words = set(re.findall(r"[a-z0-9]+", text.lower()))
    named = [tool for tool in tools if set(re.findall(r"[a-z0-9]+", tool["name"].lower())) <= words]
    return next(iter(named), tools[0] if choice["type"] == "any" else None)


class Filler:
    """Fills in a JSON schema from a text; ``now`` is virtual."""

    def __init__(self, root: Mapping[str, Any], text: str, now: datetime) -> None:
        self._root = root
        self._text = text
        self._now = now

    def fill(self) -> Any:
        """A value of the whole schema."""
        return self._value(self._root, "", 0)

    def _value(self, schema: Any, where: str, depth: int) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._of_list(schema["enum"], where)
        kind = _kind(schema)
        if depth > _DEEPEST or kind == "null":
            return None
        if kind == "object":
            inner = schema.get("properties")
            fields = inner.items() if isinstance(inner, dict) else ()
            return {name: self._value(each, f"{where}.{name}", depth + 1) for name, each in fields}
        if kind == "array":
            count = min(_MOST_ITEMS, max(1, int(_bound(schema, "minItems") or 1))) if schema.get("items") else 0
            return [self._value(schema["items"], f"{where}.{index}", depth + 1) for index in range(count)]
        if kind in ("integer", "number"):
            return self._number(schema, whole=kind == "integer")
        return False if kind == "boolean" else self._string(schema)

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        for _ in range(_DEEPEST):
            if not isinstance(schema, dict):
                return {}
            if "$ref" in schema:
                schema = self._referred(str(schema["$ref"]))
                continue
            alternatives = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
            if not isinstance(alternatives, list) or not alternatives:
                return schema
            real = [each for each in alternatives if not (isinstance(each, dict) and each.get("type") == "null")]
            schema = next(iter(real), {"type": "null"})
        return {}

    def _referred(self, reference: str) -> Any:
        found: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def _of_list(self, values: list[Any], where: str) -> Any:
        lowered = self._text.lower()
        named = [value for value in values if isinstance(value, str) and value.replace("_", " ").lower() in lowered]
        return named[0] if named else pick(values, where, self._text)

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> float:
        low, high = _bound(schema, "minimum", "exclusiveMinimum"), _bound(schema, "maximum", "exclusiveMaximum")
        for written in _NUMBER.findall(self._text):
            number = float(written)
            if (low is None or number > low) and (high is None or number < high) and (number.is_integer() or not whole):
                return int(number) if whole else number
        if low is not None and high is not None:
            return int((low + high) // 2) if whole else (low + high) / 2
        return 0 if low is None else int(low) + 1

    def _string(self, schema: Mapping[str, Any]) -> str:
        form = schema.get("format")
        if form == "email":
            return self._found(_EMAIL, "someone@company.example")
        if form in ("uri", "url"):
            return self._found(_URL, "https://company.example")
        if form == "date":
            return self._now.date().isoformat()
        if form == "date-time":
            return self._now.isoformat()
        text = first_sentence(self._text, int(_bound(schema, "maxLength") or _LONGEST_TEXT))
        return text.ljust(min(_LONGEST_TEXT, int(_bound(schema, "minLength") or 0)), ".")

    def _found(self, pattern: re.Pattern[str], otherwise: str) -> str:
        found = pattern.search(self._text)
        return found.group(0) if found else otherwise


def _bound(schema: Mapping[str, Any], *names: str) -> float | None:
    found = (schema[name] for name in names if name in schema)
    return next((each for each in found if isinstance(each, int | float) and abs(each) < 1e15), None)


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    return str(kind or ("object" if "properties" in schema else "string"))
