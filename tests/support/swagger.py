"""A Swagger 2.0 description told in the words of OpenAPI 3: what differs is where bodies, forms and schemas stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")
_KEPT = ("name", "in", "required", "description")


def from_swagger(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same description as OpenAPI 3.1; security by keys is kept."""
    media = next(iter(document.get("consumes", [])), "application/json")
    paths = {
        path: {method: _operation(found[method], media, document) for method in _METHODS if method in found}
        for path, found in document["paths"].items()
    }
    return {
        "info": document.get("info", {"title": "published", "version": "1"}),
        "paths": _renamed(paths),
        "components": {
            "schemas": _renamed(document.get("definitions", {})),
            "securitySchemes": document.get("securityDefinitions", {}),
        },
    }


def _operation(found: Mapping[str, Any], media: str, document: Mapping[str, Any]) -> dict[str, Any]:
    outside = [each for each in found.get("parameters", []) if each["in"] not in ("body", "formData")]
    operation: dict[str, Any] = {
        "parameters": [_parameter(each) for each in outside],
        "responses": {status: _response(each, document) for status, each in found.get("responses", {}).items()},
    }
    body = next((each for each in found.get("parameters", []) if each["in"] == "body"), None)
    if body is not None:
        operation["requestBody"] = {
            "required": body.get("required", False),
            "content": {next(iter(found.get("consumes", [media]))): {"schema": body.get("schema", {})}},
        }
    return operation


def _parameter(found: Mapping[str, Any]) -> dict[str, Any]:
    schema = {name: value for name, value in found.items() if name not in _KEPT}
    return {**{name: found[name] for name in _KEPT if name in found}, "schema": schema}


def _response(found: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in found:
        found = document["responses"][found["$ref"].removeprefix("#/responses/")]
    content = {"application/json": {"schema": found["schema"]}} if "schema" in found else {}
    return {"description": found.get("description", ""), "content": content}


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(each) for each in value]
    if isinstance(value, dict):
        return {name: _renamed(each) for name, each in value.items()}
    if isinstance(value, str) and value.startswith("#/definitions/"):
        return value.replace("#/definitions/", "#/components/schemas/")
    return value
