"""The providers' published descriptions as judges: requests strictly, answers and webhooks so that nulls pass.

openapi-core judges; before that a description is made strict (no field beyond the described ones) for requests, and
lenient for answers: null and unknown fields pass and overlapping alternatives count as one of them, because the
published descriptions contradict their own examples there. All of them are read as OpenAPI 3.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from agency_os.kit.http import HttpRequest, HttpResponse
from tests.support.needs import SPECS
from tests.support.swagger import from_swagger

_FORM = "application/x-www-form-urlencoded"
_METHODS = ("get", "post", "put", "patch", "delete")
_MERGING = ("allOf", "anyOf", "oneOf")


JUDGED: set[tuple[str, str]] = set()
"""Description and operation of every request and answer that was judged in this process, for the summary of a run."""


class ContractError(AssertionError):
    """Something on the wire is not as published; says what."""


def read_spec(name: str) -> Any:
    """The JSON of a file below the folder of descriptions."""
    return json.loads((SPECS / name).read_text())


class _Asked:
    """Our request in the form in which openapi-core reads one."""

    def __init__(self, request: HttpRequest) -> None:
        parts = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.host_url = f"{parts.scheme}://{parts.netloc}"
        self.path = unquote(parts.path)
        self.path_pattern = None
        self.full_url_pattern = f"{self.host_url}{self.path}"
        self.method = request.method.lower()
        self.content_type = headers.get("content-type", "")
        self.body = request.body or None
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(parse_qsl(parts.query, keep_blank_values=True)), header=Headers(headers)
        )


class _Answered:
    """An answer in the form in which openapi-core reads one."""

    def __init__(self, response: HttpResponse) -> None:
        self.data = response.body
        self.status_code = response.status
        self.content_type = response.headers.get("content-type", "")
        self.headers = Headers(dict(response.headers))


@dataclass(frozen=True)
class Published:
    """One description. ``undeclared``: the schema of answers whose status the description leaves out."""

    document: Mapping[str, Any]
    base_url: str
    undeclared: Mapping[str, Any] | None = None

    @cached_property
    def _strict(self) -> OpenAPI:
        return self._judge(_closed)

    @cached_property
    def _lenient(self) -> OpenAPI:
        return self._judge(_opened)

    @property
    def title(self) -> str:
        """What the description calls itself."""
        return str(self.document.get("info", {}).get("title", "without a title")).partition(":")[0]

    def check_request(self, request: HttpRequest) -> None:
        """Raise ContractError unless path, credentials, query, declared headers and body are as described."""
        operation = self._operation(request)
        JUDGED.add((self.title, operation["x-name"]))
        declared = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        given = [name for name, _ in parse_qsl(urlsplit(request.url).query, keep_blank_values=True)]
        unknown = [name for name in given if name not in declared]
        if unknown:
            raise ContractError(f"the query parameter {unknown[0]} is not published")
        content = operation.get("requestBody", {}).get("content", {})
        if not content and request.body:
            raise ContractError(f"{request.method} {request.target} has a body, and none is described")
        self._check_form(request, content)
        try:
            self._strict.validate_request(_Asked(request))
        except (OpenAPIError, TypeError) as error:
            raise ContractError(f"{request.method} {request.target}: {_words(error)}") from error

    def check_answer(self, request: HttpRequest, response: HttpResponse) -> None:
        """Raise ContractError unless the answer's body has the shape described for its status."""
        operation = self._operation(request)
        responses = operation["responses"]
        JUDGED.add((self.title, operation["x-name"]))
        declared = _of_status(responses, response.status)
        if declared is None and self.undeclared is not None:
            self._check(json.loads(response.body), self.undeclared, f"answer {response.status}")
            return
        if declared is None:
            raise ContractError(f"{response.status} is not among the published answers of {request.target}")
        media = response.headers.get("content-type", "").partition(";")[0]
        content = self._resolved(declared).get("content", {})
        if content and not any(_is_media(media, each) for each in content):
            raise ContractError(f"{response.status} comes as {media}, published is {', '.join(content)}")
        if not any("json" in each for each in content):
            return
        try:
            self._lenient.validate_response(_Asked(request), _Answered(response))
        except (OpenAPIError, TypeError) as error:
            raise ContractError(f"answer {response.status}: {_words(error)}") from error

    def check_message(self, value: Any, schema: Mapping[str, Any]) -> None:
        """Raise ContractError unless a webhook's body has the shape of ``schema``, nulls and unknown fields passing."""
        self._check(value, schema, "webhook")

    def _check_form(self, request: HttpRequest, content: Mapping[str, Any]) -> None:
        """Of a form, openapi-core reads the described fields alone: the others are found here."""
        media = {name.lower(): value for name, value in request.headers.items()}.get("content-type", "")
        described = self._resolved(content.get(_FORM, {}).get("schema", {})).get("properties")
        if not media.startswith(_FORM) or not described:
            return
        given = [name for name, _ in parse_qsl(request.body.decode(), keep_blank_values=True)]
        unknown = [name for name in given if not {name, name.partition("[")[0]} & described.keys()]
        if unknown:
            raise ContractError(f"the field {unknown[0]} of {request.method} {request.target} is not published")

    def _judge(self, change: Callable[[Any], Any]) -> OpenAPI:
        document = change(_as_31(self.document))
        document["servers"] = [{"url": self.base_url or "/"}]
        for path in document["paths"].values():
            path.pop("servers", None)
            for method in _METHODS:
                path.get(method, {}).pop("servers", None)
        config = Config(spec_validator_cls=None)  # the descriptions have faults of their own
        return OpenAPI.from_dict(document, config)

    def _operation(self, request: HttpRequest) -> dict[str, Any]:
        path = request.url.removeprefix(self.base_url).partition("?")[0]
        document = _as_31(self.document)
        for template in sorted(document["paths"], key=lambda each: each.count("{")):
            pattern = re.sub(r"\\\{[^/}]+\\\}", "[^/]+", re.escape(template))
            found = document["paths"][template]
            if re.fullmatch(pattern, path) and request.method.lower() in found:
                operation = found[request.method.lower()]
                shared = [*found.get("parameters", []), *operation.get("parameters", [])]
                name = f"{request.method} {template}"
                return {**operation, "x-name": name, "parameters": [self._resolved(each) for each in shared]}
        raise ContractError(f"{request.method} {path} is not published")

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = value.get("$ref")
        if reference is None:
            return value
        found: Any = _as_31(self.document)
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return self._resolved(found)

    def _check(self, value: Any, schema: Mapping[str, Any], what: str) -> None:
        components = _opened(_as_31(self.document).get("components", {}))
        validator = Draft202012Validator({**_opened(schema), "components": components}, format_checker=FormatChecker())
        problems = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
        if problems:
            where = "/".join(map(str, problems[0].absolute_path))
            raise ContractError(f"{what} at /{where}: {problems[0].message[:300]}")


@cache
def published(name: str, base_url: str, undeclared: str | None = None) -> Published:
    """A description by its file; ``undeclared`` is JSON."""
    return Published(read_spec(name), base_url, json.loads(undeclared) if undeclared else None)


def _of_status(responses: Mapping[str, Any], status: int) -> Mapping[str, Any] | None:
    names = (str(status), f"{status // 100}XX", f"{status // 100}xx", "default")
    found: Mapping[str, Any] | None = next((responses[name] for name in names if name in responses), None)
    return found


def _is_media(media: str, declared: str) -> bool:
    pattern = re.escape(declared.partition(";")[0]).replace(r"\*", "[^/]*")
    return re.fullmatch(pattern, media) is not None


def _words(error: Exception) -> str:
    """The innermost cause, which names the field."""
    inner: BaseException = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    faults = [*getattr(inner, "schema_errors", [])]
    where = "/".join(map(str, faults[0].absolute_path)) if faults else ""
    return f"at /{where}: {faults[0].message[:300]}" if faults else f"{type(inner).__name__}: {str(inner)[:300]}"


_CONVERTED: dict[int, dict[str, Any]] = {}


def _as_31(document: Mapping[str, Any]) -> dict[str, Any]:
    """The description as OpenAPI 3.1: Swagger 2.0 moved over, ``nullable`` and boolean bounds in today's words."""
    known = _CONVERTED.get(id(document))
    if known is None:
        moved = from_swagger(document) if "swagger" in document else dict(document)
        known = {**_modern(moved), "openapi": "3.1.0"}
        known.setdefault("info", {"title": "published", "version": "1"})
        _CONVERTED[id(document)] = known
    return known


def _modern(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_modern(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _modern(value) for name, value in schema.items() if name not in ("example", "examples")}
    if isinstance(found.get("type"), str) and not isinstance(found.get("default"), dict):
        found.pop("default", None)  # it judges nothing, and Apollo's defaults for lists are empty texts
    if found.pop("nullable", False) is True and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if found.get(exclusive) is True and bound in found:
            found[exclusive] = found.pop(bound)
        elif isinstance(found.get(exclusive), bool):
            del found[exclusive]
    return found


def _closed(schema: Any) -> Any:
    """No field beyond the described ones, wherever fields are described in one place."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) if name != "enum" else value for name, value in schema.items()}
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
    kept = {name: value for name, value in schema.items() if name != "discriminator"}
    opened = {"anyOf" if name == "oneOf" else name: _opened(value) for name, value in kept.items()}
    if isinstance(schema.get("description"), str) and isinstance(schema.get("headers"), dict):
        opened["headers"] = schema["headers"]  # an answer's: openapi-core reads no header that may be null
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
