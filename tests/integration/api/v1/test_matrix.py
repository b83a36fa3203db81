"""Every operation of the OpenAPI document × every kind of caller × ids in path, query and body, against the declared
matrix (tests/support/matrix.py). A new operation is covered unasked, and must be declared there.

Each request finds rows of its own, so that what an earlier one deleted does not look like a refusal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from agency_os.kit.ids import new_id
from tests.factories.identity import AuthStandIn, add_membership, make_account, make_client, make_key, make_member
from tests.factories.tenant_rows import make_rows
from tests.support.matrix import CALLER, OPERATIONS, PERSON, PUBLIC, ROLES, SCOPES

ALL_SCOPES = "every scope"
CALLERS: dict[str, set[str] | None] = {
    "anonymous": None,
    **{f"{role} of b": set() for role in ROLES},
    **{f"{role} of a": set(rights) for role, rights in ROLES.items()},
    "former member of a": set(),
    "invited to a": set(),
    "viewer of a, owner of b": set(ROLES["viewer"]),
    "banned owner of a": set(),
    **{f"key of a: {scope}": {scope} for scope in sorted(SCOPES)},
    f"key of b: {ALL_SCOPES}": set(),
}
"""Everybody, with the rights in client a; None for somebody without proof."""
REFUSED = {401, 403, 404}
BODIES: dict[str, dict[str, Any]] = {
    "upload_list": {"content": b"Email,Name\npat@firm.example,Pat Lee\n", "params": {"file_name": "leads.csv"}},
}
"""What is sent where the example of the document is no JSON."""


@dataclass
class World:
    """Two clients, the callers, and the operations as the document describes them."""

    http: httpx.AsyncClient
    db: asyncpg.Connection
    a: UUID
    b: UUID
    makers: dict[UUID, UUID] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)

    async def rows(self, client_id: UUID) -> dict[str, UUID]:
        """A new row of every noun of a client."""
        return await make_rows(self.db, client_id, self.makers[client_id])

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Method, path and description of every operation that is not public."""
        return [
            (method, path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
            if OPERATIONS.get(operation["operationId"]) != PUBLIC
        ]

    async def call(
        self, caller: str, method: str, path: str, operation: dict[str, Any], ids: dict[str, UUID], client_id: UUID
    ) -> httpx.Response:
        """One request with the document's example, in which every id is one of ``ids``."""
        url = path.format(client_id=client_id, **{name: str(row_id) for name, row_id in ids.items()})
        given = BODIES.get(operation["operationId"]) or self._example(operation, ids)
        return await self.http.request(method, url, headers=self.headers[caller], **given)

    def _example(self, operation: dict[str, Any], ids: dict[str, UUID]) -> dict[str, Any]:
        if "requestBody" not in operation:
            return {}
        content = operation["requestBody"]["content"]["application/json"]
        reference = content["schema"]["$ref"].rpartition("/")[2]
        example = dict(self.document["components"]["schemas"][reference]["example"])
        named = {name: str(ids[name]) for name in example if name in ids and example[name] is not None}
        own = {"email": f"{new_id().hex}@lead.example", "address": f"{new_id().hex}.example"}
        if operation["operationId"] == "create_sender":
            own |= {"sender_email": f"ann@{own['address']}"}
        elif operation["operationId"] == "suppress":
            own["address"] = own["email"]
        return {"json": example | named | {name: value for name, value in own.items() if name in example}}


@pytest.fixture
async def world(http: httpx.AsyncClient, owner_db: asyncpg.Connection, prefect: AuthStandIn) -> World:
    world = World(http, owner_db, await make_client(owner_db, "A"), await make_client(owner_db, "B"))
    world.document = (await http.get("/openapi.json")).json()
    sign = prefect.signer.bearer
    for name, client_id in (("a", world.a), ("b", world.b)):
        users = {role: await make_member(owner_db, client_id, role) for role in ROLES}
        world.makers[client_id] = users["owner"]
        world.headers |= {f"{role} of {name}": sign(user) for role, user in users.items()}
    both, former = await make_member(owner_db, world.a, "viewer"), await make_member(owner_db, world.a, "owner")
    banned, invited = await make_member(owner_db, world.a, "owner"), await make_account(owner_db, "sam@vine.example")
    await add_membership(owner_db, world.b, both, "owner")
    await owner_db.execute("UPDATE memberships SET deleted_at = now() WHERE user_id = $1", former)
    await owner_db.execute("UPDATE auth.users SET banned_until = now() + interval '1 day' WHERE id = $1", banned)
    await owner_db.execute(
        "INSERT INTO invitations (client_id, email, role, invited_by, expires_at) "
        "VALUES ($1, 'sam@vine.example', 'admin', $2, now() + interval '1 day')",
        world.a,
        world.makers[world.a],
    )
    for scope in SCOPES:
        secret = await make_key(owner_db, world.a, world.makers[world.a], scope)
        world.headers[f"key of a: {scope}"] = {"Authorization": f"Bearer {secret}"}
    secret = await make_key(owner_db, world.b, world.makers[world.b], *SCOPES)
    world.headers |= {
        "anonymous": {},
        "former member of a": sign(former),
        "invited to a": sign(invited),
        "viewer of a, owner of b": sign(both),
        "banned owner of a": sign(banned),
        f"key of b: {ALL_SCOPES}": {"Authorization": f"Bearer {secret}"},
    }
    return world


def expected(caller: str, operation: str) -> set[int] | None:
    """The refusal that is due; None where the caller may, and the request says yes or names what is wrong with it."""
    rights, right = CALLERS[caller], OPERATIONS[operation]
    if rights is None:
        return {401}
    if right in {CALLER, PERSON}:
        if right == PERSON and caller.startswith("key"):
            return {403}
        if operation == "accept_invitation":
            return {404, 403} if caller.startswith("banned") else {404}  # the invitation is to somebody else
        return {403} if operation == "create_client" and caller.startswith("banned") else None
    if not rights:
        return {404}
    return None if right in rights else {403}


@pytest.mark.parametrize("caller", CALLERS)
async def test_each_operation_answers_as_the_matrix_says(world: World, caller: str) -> None:
    wrong = []
    for method, path, operation in world.operations():
        name = operation["operationId"]
        response = await world.call(caller, method, path, operation, await world.rows(world.a), world.a)
        due = expected(caller, name)
        is_right = response.status_code in due if due else response.status_code not in REFUSED
        if not is_right or response.status_code >= 500:
            wrong.append(f"{name}: {response.status_code}, due {due or 'an answer'}: {response.text[:200]}")
    assert wrong == []


@pytest.mark.parametrize("caller", ["owner of a", "viewer of a, owner of b", f"key of b: {ALL_SCOPES}"])
async def test_ids_of_another_client_are_of_nothing_at_all(world: World, caller: str) -> None:
    """In the path and in the body, under one's own client."""
    own, other = (world.b, world.a) if caller.endswith(ALL_SCOPES) else (world.a, world.b)
    before = await rows_of(world, other)
    wrong = []
    for method, path, operation in world.operations():
        name, foreign = operation["operationId"], await make_and_forget(world, other, before)
        if "{client_id}" not in path or set(path.split("/")) & {"members"}:
            continue
        response = await world.call(caller, method, path, operation, foreign, own)
        named_in_path = path.count("{") > 1
        named_in_body = (
            any(name in foreign for name in json.loads(response.request.content or b"{}"))
            if (response.request.headers.get("content-type") == "application/json")
            else False
        )
        if response.status_code >= 500 or (named_in_path and response.status_code not in {403, 404}):
            wrong.append(f"{name}: {response.status_code} {response.text[:200]}")
        if named_in_body and response.status_code not in {403, 404, 422}:
            wrong.append(f"{name}: {response.status_code} {response.text[:200]}")
        if response.is_success and any(str(row_id) in response.text for row_id in foreign.values()):
            wrong.append(f"{name} tells of a row: {response.text[:300]}")
    assert (wrong, await rows_of(world, other)) == ([], before)


async def test_ids_of_another_client_in_a_query_find_nothing(world: World) -> None:
    foreign = await world.rows(world.b)
    found = []
    for method, path, operation in world.operations():
        names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
        for name in set(names) & set(foreign):
            url = path.format(client_id=world.a, **{key: str(value) for key, value in foreign.items()})
            response = await world.http.request(
                method, url, params={name: str(foreign[name])}, headers=world.headers["owner of a"]
            )
            items = response.json().get("items", []) if response.status_code == 200 else []
            if items or response.status_code >= 500:
                found.append(f"{operation['operationId']}?{name}: {response.text[:200]}")
    assert found == []


async def rows_of(world: World, client_id: UUID) -> dict[str, str]:
    """A digest of a client's rows by table, without the trail of them."""
    tables = await world.db.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'client_id' "
        "AND table_name NOT LIKE 'audit%' ORDER BY table_name"
    )
    query = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} AS t WHERE client_id = $1"
    return {name: await world.db.fetchval(query.format(name), client_id) for (name,) in map(tuple, tables)}


async def make_and_forget(world: World, client_id: UUID, before: dict[str, str]) -> dict[str, UUID]:
    """Rows of a client that ``before`` counts in from now on."""
    rows = await world.rows(client_id)
    before |= await rows_of(world, client_id)
    return rows
