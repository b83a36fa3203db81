"""The OpenAPI document: complete, with the error schema, examples and names that hold."""

from __future__ import annotations

from typing import Any

import pytest

from agency_os.api.main import create_app
from tests.factories.api import client_of, make_web
from tests.support.matrix import OPERATIONS, PUBLIC


@pytest.fixture
async def document() -> dict[str, Any]:
    async with client_of(create_app(make_web())) as client:
        found = await client.get("/openapi.json")
    described: dict[str, Any] = found.json()
    return described


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def example_of(document: dict[str, Any], content: dict[str, Any]) -> object:
    """The example of a body or an answer: its own, its schema's, or that of a page's items."""
    schema = content.get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    items = schema.get("properties", {}).get("items", {}).get("items")
    return content.get("example") or schema.get("example") or (items and example_of(document, {"schema": items}))


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {str(value["$ref"])} if "$ref" in value else set()
        return own.union(*(references(inner) for inner in value.values()))
    return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()


def test_every_operation_stands_in_the_declared_matrix_with_the_right_it_asks_for(document: dict[str, Any]) -> None:
    rights = {each["operationId"]: each["x-permission"] for each in operations(document) if "x-permission" in each}
    declared = {name: right for name, right in OPERATIONS.items() if ":" in right}
    assert set(OPERATIONS) == {each["operationId"] for each in operations(document)}
    assert rights == declared


def test_every_operation_under_api_v1_asks_who_calls(document: dict[str, Any]) -> None:
    open_ones = {each["operationId"] for each in operations(document) if "security" not in each}
    assert open_ones == {name for name, right in OPERATIONS.items() if right == PUBLIC}


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
    assert codes == {"401": "bad_signature", "404": "not_found", "413": "payload_too_large", "503": "unavailable"}


def test_every_body_that_is_asked_for_has_an_example(document: dict[str, Any]) -> None:
    contents = [
        content
        for each in operations(document)
        for content in each.get("requestBody", {"content": {}})["content"].values()
    ]
    assert [content for content in contents if not example_of(document, content)] == []


def test_every_answer_in_json_has_an_example(document: dict[str, Any]) -> None:
    lacking = [
        each["operationId"]
        for each in operations(document)
        for status, answer in each["responses"].items()
        if status.startswith("2") and each["operationId"] in OPERATIONS and OPERATIONS[each["operationId"]] != PUBLIC
        for content in answer.get("content", {}).values()
        if not example_of(document, content)
    ]
    assert lacking == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


def test_operations_have_plain_unique_names(document: dict[str, Any]) -> None:
    names = [each["operationId"] for each in operations(document)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_no_page_loads_scripts_from_elsewhere(path: str) -> None:
    async with client_of(create_app(make_web())) as client:
        assert (await client.get(path)).status_code == 404


def test_no_other_error_schema_stands_beside_ours(document: dict[str, Any]) -> None:
    assert {name for name in document["components"]["schemas"] if "Error" in name} == set()
