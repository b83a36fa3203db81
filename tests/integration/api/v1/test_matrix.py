"""Every operation of the OpenAPI document × every kind of caller × ids in path, query and body, against the declared
matrix (tests/support/matrix.py). A new operation is covered unasked, and must be declared there.

Each request finds rows of its own, so that what an earlier one deleted does not look like a refusal.
"""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from tests.integration.api.v1.world import ALL_SCOPES, CALLERS, World
from tests.support.matrix import CALLER, OPERATIONS, PERSON

REFUSED = {401, 403, 404}


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
