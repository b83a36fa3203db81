"""Lob's description made fit to judge by: composed objects as one, and the pattern of signed links as Lob writes them.

Its objects are composed of parts (``allOf``), and closing each part by itself would refuse the others' fields; so the
parts of an object become one object. The published pattern of ``url`` misses the question mark and the optional
version of the description's own examples.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.support.published import Published, read_spec

_LINK = (
    r"^https://lob-assets\.com/[a-z-]+/[a-z]{3,4}_[a-zA-Z0-9_]+(\.pdf|\.png)"
    r"\?(version=[a-z0-9]+&)?expires=\d{10}&signature=\S+$"
)


@cache
def lob_judge(base_url: str) -> Published:
    """The judge of what goes over the wire to and from Lob."""
    document = read_spec("lob/openapi.json")
    document["components"]["schemas"]["signed_link"]["pattern"] = _LINK
    # The judge cannot cast an optional integer in a header: the tests look at the limits' headers themselves.
    for response in document["components"]["responses"].values():
        response.pop("headers", None)
    return Published(_composed(document, document), base_url)


def _composed(value: Any, root: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_composed(each, root) for each in value]
    if not isinstance(value, dict):
        return value
    if str(value.get("$ref", "")).startswith("#/components/mediaTypes/"):
        return _whole(value, root)  # a reference where OpenAPI allows none
    parts = value.get("allOf")
    if isinstance(parts, list):
        merged = _merged([_whole(part, root) for part in parts])
        if merged is not None:
            rest = {name: _composed(each, root) for name, each in value.items() if name != "allOf"}
            return {**rest, **merged}
    return {name: _composed(each, root) for name, each in value.items()}


def _whole(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """A part with its reference followed and its own parts merged."""
    found: Any = schema
    while "$ref" in found:
        target: Any = root
        for step in found["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        found = target
    composed: dict[str, Any] = _composed(found, root)
    return composed


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """One closed object of all parts; None when they are no objects with fields."""
    if not any(part.get("properties") for part in parts):
        return None
    properties: dict[str, Any] = {}
    required: list[str] = []
    conditions: list[dict[str, Any]] = []
    for part in parts:
        properties |= part.get("properties", {})
        required += part.get("required", [])
        conditions += [{name: part[name]} for name in ("anyOf", "oneOf") if name in part]
        conditions += part.get("allOf", [])
    whole = {
        "type": "object",
        "properties": properties,
        "required": sorted(set(required)),
        "additionalProperties": False,
    }
    return {**whole, "allOf": conditions} if conditions else whole
