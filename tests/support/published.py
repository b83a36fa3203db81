"""The providers' published descriptions as judges: requests strictly, answers and webhooks so that nulls pass.

A request may hold only what is described. In an answer ``null`` and unknown fields pass and overlapping alternatives
count as one of them, because the published descriptions contradict their own examples there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator, FormatChecker

from agency_os.kit.http import HttpRequest, HttpResponse
from tests.support.needs import SHARED

SPECS = SHARED / "provider-specs"
_METHODS = ("get", "post", "put", "patch", "delete")
_MERGING = ("allOf", "anyOf", "oneOf")


class ContractError(AssertionError):
    """Something on the wire is not as published; says what."""


def read_spec(name: str) -> Any:
    """The JSON of a file below the folder of descriptions."""
    return json.loads((SPECS / name).read_text())


@dataclass(frozen=True)
class Published:
    """One description. ``undeclared``: the schema of answers whose status the description leaves out."""

    document: Mapping[str, Any]
    base_url: str
    undeclared: Mapping[str, Any] | None = None
    _closed: dict[str, Any] = field(init=False, repr=False)
    _open: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        components = self.document.get("components", {})
        object.__setattr__(self, "_closed", _closed(components))
        object.__setattr__(self, "_open", _opened(components))

    def check_request(self, request: HttpRequest) -> None:
        """Raise ContractError unless path, query, declared headers and body are as described."""
        operation, inside_path = self._operation(request)
        parameters = [self._resolved(each) for each in operation.get("parameters", [])]
        self._check_query(request, {each["name"]: each for each in parameters if each["in"] == "query"})
        headers = {name.lower(): value for name, value in request.headers.items()}
        for each in parameters:
            place = {"header": headers, "path": inside_path}.get(each["in"], {})
            name = each["name"].lower() if each["in"] == "header" else each["name"]
            if name in place:
                self._check(place[name], each["schema"], f"{each['in']} {name}", strict=True)
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if (content is None) != (not request.body):
            raise ContractError(f"{request.method} {request.target}: a body where none is described, or none where one")
        if content is not None:
            self._check(json.loads(request.body), content["schema"], "body", strict=True)

    def check_answer(self, request: HttpRequest, response: HttpResponse) -> None:
        """Raise ContractError unless the answer's body has the shape described for its status."""
        responses = self._operation(request)[0]["responses"]
        declared = responses.get(str(response.status))
        content = {} if declared is None else self._resolved(declared).get("content", {})
        media = response.headers.get("content-type", "").partition(";")[0]
        if content and media not in content:
            raise ContractError(f"{response.status} comes as {media}, published is {', '.join(content)}")
        schema = content.get(media, {}).get("schema") if declared is not None else self.undeclared
        if declared is None and schema is None:
            raise ContractError(f"{response.status} is not among the published answers of {request.target}")
        if schema is not None:
            self._check(json.loads(response.body), schema, f"answer {response.status}", strict=False)

    def check_message(self, value: Any, schema: Mapping[str, Any]) -> None:
        """Raise ContractError unless a webhook's body has the shape of ``schema``, nulls and unknown fields passing."""
        self._check(value, schema, "webhook", strict=False)

    def _operation(self, request: HttpRequest) -> tuple[Mapping[str, Any], dict[str, str]]:
        path = request.url.removeprefix(self.base_url).partition("?")[0]
        templates = sorted(self.document["paths"], key=lambda each: each.count("{"))
        for template in templates:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
            match = re.fullmatch(pattern, path)
            if match is not None and request.method.lower() in self.document["paths"][template]:
                inside = {name: unquote(value) for name, value in match.groupdict().items()}
                return self.document["paths"][template][request.method.lower()], inside
        raise ContractError(f"{request.method} {path} is not published")

    def _check_query(self, request: HttpRequest, declared: Mapping[str, Any]) -> None:
        given = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
        for name, text in given:
            if name not in declared:
                raise ContractError(f"the query parameter {name} is not published")
            schema = declared[name]["schema"]
            self._check(_typed(text, schema), schema, f"query {name}", strict=True)
        missing = {name for name, each in declared.items() if each.get("required")} - {name for name, _ in given}
        if missing:
            raise ContractError(f"the query lacks {', '.join(sorted(missing))}")

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = value.get("$ref")
        if reference is None:
            return value
        found: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return self._resolved(found)

    def _check(self, value: Any, schema: Mapping[str, Any], what: str, *, strict: bool) -> None:
        body = _closed(schema) if strict else _opened(schema)
        components = self._closed if strict else self._open
        validator = Draft202012Validator({**body, "components": components}, format_checker=FormatChecker())
        problems = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
        if problems:
            where = "/".join(map(str, problems[0].absolute_path))
            raise ContractError(f"{what} at /{where}: {problems[0].message[:300]}")


@cache
def published(name: str, base_url: str, undeclared: str | None = None) -> Published:
    """A description by its file; ``undeclared`` is JSON."""
    return Published(read_spec(name), base_url, json.loads(undeclared) if undeclared else None)


def _closed(schema: Any) -> Any:
    """No field beyond the described ones, wherever fields are described in one place."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) if name not in ("example", "enum") else value for name, value in schema.items()}
    describes = isinstance(schema.get("properties"), dict) and schema["properties"]
    if describes and "additionalProperties" not in schema and not any(name in schema for name in _MERGING):
        closed["additionalProperties"] = False
    return closed


def _opened(schema: Any) -> Any:
    """Null in place of any value, any field beside the described ones, alternatives that may overlap."""
    if isinstance(schema, list):
        return [_opened(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    opened = {
        "anyOf" if name == "oneOf" else name: _opened(value)
        for name, value in schema.items()
        if name not in ("example", "examples")
    }
    kind = opened.get("type")
    if isinstance(kind, str):
        opened["type"] = [kind, "null"]
    elif isinstance(kind, list) and "null" not in kind and all(isinstance(each, str) for each in kind):
        opened["type"] = [*kind, "null"]
    if isinstance(opened.get("enum"), list):
        opened["enum"] = [*opened["enum"], None]
    if opened.get("additionalProperties") is False:
        del opened["additionalProperties"]
    return opened


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """A query's text as the JSON value it spells."""
    if schema.get("type") in ("integer", "number", "boolean"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
