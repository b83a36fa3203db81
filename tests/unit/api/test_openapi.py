"""The OpenAPI document: complete, with the error schema, examples and names that hold."""

from __future__ import annotations

from typing import Any

import pytest

from agency_os.api.main import create_app
from tests.factories.api import client_of, make_web

PATHS = {
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/webhooks/resend": {"post"},
    "/webhooks/postmark": {"post"},
    "/webhooks/cal-com": {"post"},
    "/u/{token}": {"get", "post"},
}


@pytest.fixture
async def document() -> dict[str, Any]:
    async with client_of(create_app(make_web())) as client:
        found = await client.get("/openapi.json")
    described: dict[str, Any] = found.json()
    return described


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {str(value["$ref"])} if "$ref" in value else set()
        return own.union(*(references(inner) for inner in value.values()))
    return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()


def test_every_route_is_described(document: dict[str, Any]) -> None:
    assert {path: set(methods) for path, methods in document["paths"].items()} == PATHS


def test_every_operation_says_that_its_errors_are_problems(document: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    schemas = [each["responses"]["default"]["content"]["application/problem+json"] for each in operations(document)]
    assert [each["schema"] for each in schemas] == [problem] * len(schemas)
    assert all(each["example"]["status"] == 500 for each in schemas)


def test_webhooks_declare_their_errors_from_the_error_classes(document: dict[str, Any]) -> None:
    responses = document["paths"]["/webhooks/postmark"]["post"]["responses"]
    declared = {status: each for status, each in responses.items() if status not in {"200", "default"}}
    examples = {status: each["content"]["application/problem+json"]["example"] for status, each in declared.items()}
    codes = {status: example["code"] for status, example in examples.items()}
    assert codes == {"401": "bad_signature", "413": "payload_too_large", "503": "unavailable"}


def test_every_body_that_is_asked_for_has_an_example(document: dict[str, Any]) -> None:
    bodies = [each["requestBody"] for methods in document["paths"].values() for each in [methods.get("post")] if each]
    assert len(bodies) == 4
    assert all(content["example"] for body in bodies for content in body["content"].values())


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


def test_operations_have_plain_unique_names(document: dict[str, Any]) -> None:
    names = [each["operationId"] for each in operations(document)]
    assert sorted(names) == sorted(
        ["live", "ready", "resend_events", "postmark_events", "cal_com_events", "unsubscribe_page", "unsubscribe"]
    )


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_no_page_loads_scripts_from_elsewhere(path: str) -> None:
    async with client_of(create_app(make_web())) as client:
        assert (await client.get(path)).status_code == 404


def test_no_other_error_schema_stands_beside_ours(document: dict[str, Any]) -> None:
    assert set(document["components"]["schemas"]) == {"Liveness", "Part", "Problem", "Readiness", "Stored"}
