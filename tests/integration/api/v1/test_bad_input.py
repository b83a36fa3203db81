"""What is wrong with a request is told with the part that is to blame, for every field of every operation; a body over
the limit is not read; a connection that is lost leaves nothing.

The fields come from the OpenAPI document: a new one is covered unasked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from agency_os.api.limits import JSON_BYTES
from tests.factories.identity import problem_of
from tests.integration.api.v1.conftest import Session
from tests.integration.api.v1.world import World

OWNER = "owner of a"
ABSURD = 10**30
TEXTS: list[Any] = [5, ["x"], {"a": 1}, "a\x00b", "\ud800", "x" * 100_001]
WRONG: dict[str, list[Any]] = {
    "string": TEXTS,
    "integer": ["x", 1.5, ABSURD, -ABSURD, [], {}],
    "number": ["x", 1e400, -1e400, [], {}],
    "boolean": ["maybe", 2, [], {}],
    "array": ["x", 5, {"a": 1}],
    "object": ["x", 5, [1]],
}


def kinds(schema: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """The JSON types that a schema takes."""
    if "$ref" in schema:
        return kinds(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema:
        return set().union(*(kinds(each, document) for each in schema["anyOf"]))
    return {schema.get("type", "string")}


def wrong_values(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[Any]:
    """Values that no schema of these types takes."""
    allowed = kinds(schema, document)
    yield from (value for value in WRONG[min(allowed - {"null"})] if not _is_taken(value, allowed))
    if "null" not in allowed:
        yield None


def _is_taken(value: Any, allowed: set[str]) -> bool:
    names = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return len(allowed - {"null"}) > 1 and names[type(value)] in allowed


def body_fields(world: World) -> Iterator[tuple[str, str, dict[str, Any], str, dict[str, Any]]]:
    for method, path, operation in world.operations():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            schema = world.document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
            for name, described in schema["properties"].items():
                yield method, path, operation, name, described


async def test_every_wrong_field_of_every_body_is_named(world: World) -> None:
    ids, headers, missed = await world.rows(world.a), world.headers[OWNER], []
    count = 0
    for method, path, operation, name, described in body_fields(world):
        url = path.format(client_id=world.a, **{key: str(value) for key, value in ids.items()})
        example = world.example(operation, ids)["json"]
        for value in wrong_values(described, world.document):
            content = json.dumps(example | {name: value}).encode()
            response = await world.http.request(
                method, url, content=content, headers={**headers, "Content-Type": "application/json"}
            )
            count += 1
            blamed = response.json().get("field", "") if response.status_code == 422 else ""
            if blamed.split(".")[:2] != ["body", name]:
                missed.append(f"{operation['operationId']}.{name} = {str(value)[:30]!r}: {response.text[:150]}")
    assert (missed, count > 200) == ([], True)


async def test_every_wrong_parameter_of_every_operation_is_named(world: World) -> None:
    ids, missed = await world.rows(world.a), []
    for method, path, operation in world.operations():
        for parameter in operation.get("parameters", []):
            name, place = parameter["name"], parameter["in"]
            values = ["a\x00b", "x" * 5000] if kinds(parameter["schema"], world.document) & {"string"} else []
            values += ["x", str(ABSURD)] if "integer" in kinds(parameter["schema"], world.document) else []
            for value in values:
                if place == "header" and "\x00" in value:
                    continue  # no header can hold it
                named = {key: str(row_id) for key, row_id in ids.items()} | {"client_id": str(world.a)}
                given: dict[str, Any] = dict(world.given(operation, ids))
                given["headers"] = dict(world.headers[OWNER])
                if place == "path":
                    named[name] = value.replace("\x00", "%00")
                elif place == "query":
                    given["params"] = {**given.get("params", {}), name: value}
                else:
                    given["headers"][name] = value
                response = await world.http.request(method, path.format(**named), **given)
                blamed = response.json().get("field", "") if response.status_code == 422 else ""
                if blamed not in {f"{place}.{name}", f"{place}.{name.lower()}"}:
                    missed.append(f"{operation['operationId']} {place} {name}={value[:20]!r}: {response.text[:200]}")
    assert missed == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"5",
        b'{"name": NaN',
        b"[" * 100_000,
        b'{"name": "' + b"\xc3\x28" + b'"}',
    ],
    ids=["empty", "cut", "not utf-8", "list", "null", "number", "NaN", "deep", "half a character"],
)
async def test_a_body_that_is_no_object_is_refused(owner: Session, content: bytes) -> None:
    headers = {**owner.headers, "Content-Type": "application/json"}
    path = f"/api/v1/clients/{owner.client_id}/campaigns"
    status, code, field = problem_of(await owner.http.post(path, content=content, headers=headers))
    assert (status, code, (field or "").partition(".")[0]) == (422, "invalid_input", "body")


async def test_a_body_over_the_limit_is_refused_by_its_length_before_it_is_read(world: World) -> None:
    read: list[bytes] = []

    async def never() -> AsyncIterator[bytes]:
        read.append(b"")
        yield b""

    headers = {**world.headers[OWNER], "Content-Length": str(JSON_BYTES + 1), "Content-Type": "application/json"}
    response = await world.http.post(f"/api/v1/clients/{world.a}/campaigns", content=never(), headers=headers)
    assert (problem_of(response), read) == ((413, "payload_too_large", None), [])


async def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_long(world: World) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    headers = {**world.headers[OWNER], "Content-Type": "application/json"}
    response = await asyncio.wait_for(
        world.http.post(f"/api/v1/clients/{world.a}/campaigns", content=endless(), headers=headers), 10
    )
    assert problem_of(response) == (413, "payload_too_large", None)


async def test_a_connection_that_is_lost_in_the_body_leaves_nothing(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    received: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"name": "Half', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return received.pop(0) if len(received) > 1 else received[0]

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"/api/v1/clients/{owner.client_id}/campaigns"
    headers = [(name.lower().encode(), value.encode()) for name, value in owner.headers.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
        "raw_path": path.encode(), "query_string": b"", "scheme": "http", "server": ("api.test", 80),
        "client": ("127.0.0.1", 1), "root_path": "",
        "headers": [*headers, (b"content-type", b"application/json"), (b"idempotency-key", b"k")],
    }  # fmt: skip
    transport: Any = owner.http._transport  # the application behind the client
    await transport.app(scope, receive, send)
    assert await owner_db.fetchval("SELECT count(*) FROM campaigns") == 0
    assert await owner_db.fetchval("SELECT count(*) FROM idempotency_keys") == 0
