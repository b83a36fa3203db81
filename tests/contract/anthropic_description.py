"""Anthropic's schemas put together as one description each version: its files hold bodies alone, without addresses.

Addresses, statuses and headers: platform.claude.com/docs, pages "Messages", "Count tokens", "Errors", "Versions".
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.support.published import Published, read_spec

FILES = {
    "request": "messages.request.{version}.schema.json",
    "response": "messages.response.schema.json",
    "event": "messages.stream-event.schema.json",
    "count": "count_tokens.request.schema.json",
    "counted": "count_tokens.response.schema.json",
    "error": "error.schema.json",
}
EVENT = {"$ref": "#/components/schemas/event"}
ERROR = {"$ref": "#/components/schemas/error"}


@cache
def description(base_url: str, version: str) -> Published:
    """The judge of one ``anthropic-version``."""
    schemas: dict[str, Any] = {}
    for name, file in FILES.items():
        schema = dict(read_spec(f"anthropic/{file.format(version=version)}"))
        inner = schema.pop("$defs", {})
        schema.pop("$schema", None)
        schemas[name] = _moved(schema, name)
        schemas |= {f"{name}.{each}": _moved(value, name) for each, value in inner.items()}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Anthropic", "version": version},
        "paths": {
            "/v1/messages": {"post": _operation("request", "response", version, "text/event-stream")},
            "/v1/messages/count_tokens": {"post": _operation("count", "counted", version)},
        },
        "components": {"schemas": schemas},
    }
    return Published(document, base_url)


@cache
def old_description(base_url: str) -> Published:
    """The whole description of 2023-06-01, as of 2024; where it says that a type is null it means that none is set."""
    return Published(_typed(read_spec("anthropic/openapi.2023-06-01.json")), base_url)


def _typed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_typed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _typed(value) for name, value in schema.items() if not (name == "type" and value is None)}


def _operation(request: str, response: str, version: str, *streams: str) -> dict[str, Any]:
    def of(name: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}

    version_header = {"name": "anthropic-version", "in": "header", "required": True, "schema": {"const": version}}
    refused = {"description": "an error", "content": of("error")}
    return {
        "parameters": [version_header],
        "requestBody": {"required": True, "content": of(request)},
        "responses": {
            "200": {"description": "done", "content": of(response) | {each: {} for each in streams}},
            "4XX": refused,
            "5XX": refused,
        },
    }


def _moved(schema: Any, name: str) -> Any:
    if isinstance(schema, list):
        return [_moved(each, name) for each in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _moved(value, name) for key, value in schema.items()}
    if isinstance(moved.get("$ref"), str):
        moved["$ref"] = moved["$ref"].replace("#/$defs/", f"#/components/schemas/{name}.")
    return moved
