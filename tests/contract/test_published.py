"""The judge itself: it lets through what the descriptions say and nothing else, so that the contract tests can fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agency_os.kit.http import HttpRequest
from tests.support.published import ContractError, Published
from tests.support.wire import answer

BASE = "http://provider.example"
THING: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "free": {"type": "object"},
    },
}
OPERATION: dict[str, Any] = {
    "parameters": [
        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
        {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 8}},
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
    },
    "responses": {
        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
        "401": {"content": {"text/plain": {}}},
    },
}
JUDGE = Published({"paths": {"/things/{id}": {"post": OPERATION}}, "components": {"schemas": {"Thing": THING}}}, BASE)


def request(
    body: object = None, *, path: str = "/things/1", method: str = "POST", headers: dict[str, str] | None = None
) -> HttpRequest:
    sent = {"Content-Type": "application/json", **(headers or {})}
    return HttpRequest(method, BASE + path, sent, json.dumps(body or {"id": "1"}).encode())


def test_a_request_as_described_passes() -> None:
    JUDGE.check_request(
        request({"id": "1", "free": {"x": 1}}, path="/things/1?limit=100", headers={"idempotency-key": "k"})
    )


@pytest.mark.parametrize(
    "wrong",
    [
        request({"id": "1", "more": 1}),
        request({"kind": "a"}),
        request({"id": None}),
        request({"id": "1", "kind": "c"}),
        request(path="/things/1?limit=101"),
        request(path="/things/1?limit=ten"),
        request(path="/things/1?pages=1"),
        request(path="/things"),
        request(path="/things/1/parts"),
        request(method="PUT"),
        request(headers={"Idempotency-Key": "k" * 9}),
        HttpRequest("POST", f"{BASE}/things/1", {}),
    ],
    ids=[
        "unknown field", "field missing", "null", "not of the list", "over the maximum", "not a number",
        "unknown parameter", "unknown path", "longer path", "unknown method", "long key", "no body",
    ],
)  # fmt: skip
def test_a_request_that_is_not_as_described_fails(wrong: HttpRequest) -> None:
    with pytest.raises(ContractError):
        JUDGE.check_request(wrong)


@pytest.mark.parametrize("body", [{"id": "1"}, {"id": None, "kind": None}, {"id": "1", "more": 1}])
def test_nulls_and_unknown_fields_pass_in_an_answer(body: object) -> None:
    JUDGE.check_answer(request(), answer(200, body, content_type="application/json; charset=utf-8"))


@pytest.mark.parametrize(
    ("status", "body", "media"),
    [
        (200, {"id": 1}, "application/json"),
        (200, {}, "application/json"),
        (200, {"id": "1", "kind": "c"}, "application/json"),
        (200, {"id": "1"}, "text/plain"),
        (401, {}, "application/json"),
        (500, {}, "application/json"),
    ],
)
def test_an_answer_that_is_not_as_described_fails(status: int, body: object, media: str) -> None:
    with pytest.raises(ContractError):
        JUDGE.check_answer(request(), answer(status, body, content_type=media))
