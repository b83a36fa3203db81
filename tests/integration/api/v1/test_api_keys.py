"""API keys: the secret is shown once, the scopes hold, a revoked one is dead."""

from __future__ import annotations

import asyncpg
import pytest

from tests.factories.identity import AuthStandIn, problem_of
from tests.integration.api.v1.conftest import Session, colleague

KEY = {"name": "CRM", "scopes": ["campaigns:read"]}


async def with_key(owner: Session, **changes: object) -> tuple[Session, str]:
    made = await owner.call("POST", "/api-keys", KEY | changes)
    assert made.status_code == 201, made.text
    headers = {"Authorization": f"Bearer {made.json()['secret']}"}
    return Session(owner.http, owner.client_id, owner.user_id, headers), made.json()["id"]


async def test_a_key_reads_what_its_scope_names_and_nothing_else(owner: Session) -> None:
    program, _ = await with_key(owner)
    assert (await program.call("GET", "/campaigns")).status_code == 200
    assert problem_of(await program.call("POST", "/campaigns", {"name": "x"})) == (403, "forbidden", None)
    assert problem_of(await program.call("GET", "/senders")) == (403, "forbidden", None)


async def test_a_key_writes_where_its_scope_says_so_and_the_trail_names_it(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    program, key_id = await with_key(owner, scopes=["campaigns:write"])
    assert (await program.call("POST", "/campaigns", {"name": "By program"})).status_code == 201
    actor = await owner_db.fetchval("SELECT actor FROM audit_logs WHERE table_name = 'campaigns'")
    assert actor == f"api_key:{key_id}"


async def test_the_secret_stands_in_no_table_and_in_no_later_answer(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    key = {"Idempotency-Key": "k"}
    made = await owner.call("POST", "/api-keys", KEY, headers=key)
    again = await owner.call("POST", "/api-keys", KEY, headers=key)
    kept = [str(row) for name in ("api_keys", "audit_values", "idempotency_keys") for row in await rows(owner_db, name)]
    assert again.json() == made.json() | {"secret": None}
    assert not any(made.json()["secret"] in row for row in [*kept, (await owner.call("GET", "/api-keys")).text])


async def rows(db: asyncpg.Connection, table: str) -> list[object]:
    return [row[0] for row in await db.fetch(f"SELECT t::text FROM {table} AS t")]  # noqa: S608  # ours


async def test_a_revoked_key_is_nobody(owner: Session) -> None:
    program, key_id = await with_key(owner)
    assert (await owner.call("DELETE", f"/api-keys/{key_id}")).status_code == 204
    assert problem_of(await program.call("GET", "/campaigns")) == (401, "unauthenticated", None)


async def test_a_key_opens_its_own_client_alone(owner: Session, owner_db: asyncpg.Connection) -> None:
    program, _ = await with_key(owner)
    other = await owner_db.fetchval("INSERT INTO clients (name) VALUES ('Other') RETURNING id")
    assert (await program.call("GET", f"/api/v1/clients/{other}/campaigns")).status_code == 404


@pytest.mark.parametrize("scope", ["members:write", "api_keys:write", "client:write", "audit:read", "everything"])
async def test_rights_over_people_and_keys_are_for_people(owner: Session, scope: str) -> None:
    refused = await owner.call("POST", "/api-keys", KEY | {"scopes": [scope]})
    assert problem_of(refused) == (422, "invalid_input", "body.scopes.0")


async def test_a_key_that_has_run_out_is_not_made(owner: Session) -> None:
    refused = await owner.call("POST", "/api-keys", KEY | {"expires_at": "2020-01-01T00:00:00Z"})
    assert problem_of(refused) == (422, "invalid_input", "body.expires_at")


async def test_a_member_sees_no_keys(owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn) -> None:
    member = await colleague(owner, owner_db, prefect, "member")
    assert problem_of(await member.call("GET", "/api-keys")) == (403, "forbidden", None)
