"""Programs with an API key stay within their client and apart from its people; a repeated request is done once."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.conftest import DatabaseUrls
from tests.factories.identity import AuthStandIn, make_client, make_key, make_member, problem_of
from tests.integration.api.v1.conftest import Session, colleague
from tests.integration.api.v1.test_campaigns import CAMPAIGN
from tests.support.matrix import SCOPES

NEW = ("POST", "/campaigns", CAMPAIGN)
ONCE = {"Idempotency-Key": "one"}
PEOPLE_ONLY: list[tuple[str, str, object]] = [
    ("POST", "/api/v1/clients", {"name": "Mine"}),
    ("PATCH", "", {"name": "Mine"}),
    ("GET", "/members", None),
    ("GET", "/invitations", None),
    ("POST", "/invitations", {"email": "eve@evil.example", "role": "admin"}),
    ("GET", "/api-keys", None),
    ("POST", "/api-keys", {"name": "more", "scopes": ["leads:read"]}),
    ("GET", "/audit", None),
]
_HELD = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def with_key(owner: Session, owner_db: asyncpg.Connection, *scopes: str) -> Session:
    """A program with a new key of the owner's client; by default with every scope there is."""
    secret = await make_key(owner_db, owner.client_id, owner.user_id, *(scopes or sorted(SCOPES)))
    return Session(owner.http, owner.client_id, owner.user_id, {"Authorization": f"Bearer {secret}"})


@pytest.mark.parametrize(("method", "path", "body"), PEOPLE_ONLY)
async def test_a_key_with_every_scope_does_nothing_that_is_for_people(
    owner: Session, owner_db: asyncpg.Connection, method: str, path: str, body: object
) -> None:
    program = await with_key(owner, owner_db)
    assert problem_of(await program.call(method, path, body)) == (403, "forbidden", None)


async def test_scopes_that_no_key_may_have_open_nothing_though_they_stand_in_the_database(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    program = await with_key(owner, owner_db, "members:write", "audit:read", "client:write", "everything", "*")
    for method, path, body in PEOPLE_ONLY:
        assert problem_of(await program.call(method, path, body)) == (403, "forbidden", None)


async def test_a_key_of_another_client_finds_nothing_there(owner: Session, owner_db: asyncpg.Connection) -> None:
    made = (await owner.call(*NEW)).json()
    elsewhere = await make_client(owner_db, "Elsewhere")
    other = Session(owner.http, elsewhere, await make_member(owner_db, elsewhere), {})
    program = await with_key(other, owner_db)
    for path in ("/campaigns", f"/campaigns/{made['id']}", "/leads", ""):
        found = await program.call("GET", f"/api/v1/clients/{owner.client_id}{path}")
        assert problem_of(found) == (404, "not_found", None)
    assert (await program.call("GET", f"/campaigns/{made['id']}")).status_code == 404


async def test_the_lists_of_a_key_name_its_own_client_alone(owner: Session, owner_db: asyncpg.Connection) -> None:
    await make_client(owner_db, "Elsewhere")
    program = await with_key(owner, owner_db)
    me = (await program.call("GET", "/api/v1/me")).json()
    assert ([each["client_id"] for each in me["clients"]], me["kind"]) == ([str(owner.client_id)], "api_key")
    clients = (await program.call("GET", "/api/v1/clients")).json()["items"]
    assert [each["id"] for each in clients] == [str(owner.client_id)]


@pytest.mark.parametrize(("method", "path", "body", "table"), [
    ("POST", "/campaigns", CAMPAIGN, "campaigns"),
    ("POST", "/leads", {"email": "pat@firm.example"}, "leads"),
])  # fmt: skip
async def test_the_trail_names_the_key_by_its_id(
    owner: Session, owner_db: asyncpg.Connection, method: str, path: str, body: object, table: str
) -> None:
    program = await with_key(owner, owner_db)
    assert (await program.call(method, path, body)).status_code == 201
    key_id = await owner_db.fetchval("SELECT id FROM api_keys")
    actors = await owner_db.fetch("SELECT DISTINCT actor FROM audit_logs WHERE table_name = $1", table)
    assert [row["actor"] for row in actors] == [f"api_key:{key_id}"]


async def test_requests_at_once_with_one_idempotency_key_make_one_row(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    answers = await asyncio.gather(*(owner.call(*NEW, headers=ONCE) for _ in range(8)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.content for each in answers}) == 1
    assert sum("idempotent-replayed" not in each.headers for each in answers) == 1
    assert await owner_db.fetchval("SELECT count(*) FROM campaigns") == 1


async def test_the_same_idempotency_key_of_another_caller_is_another_key(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    admin = await colleague(owner, owner_db, prefect, "admin")
    programs = [await with_key(owner, owner_db, "campaigns:write") for _ in range(2)]
    callers = [owner, admin, *programs]
    answers = await asyncio.gather(*(caller.call(*NEW, headers=ONCE) for caller in callers))
    assert len({each.json()["id"] for each in answers}) == len(callers)
    assert not any("idempotent-replayed" in each.headers for each in answers)


async def test_a_person_who_may_no_longer_write_does_not_get_the_kept_answer(
    owner: Session, owner_db: asyncpg.Connection
) -> None:
    assert (await owner.call(*NEW, headers=ONCE)).status_code == 201
    await owner_db.execute("UPDATE memberships SET role = 'viewer'")
    assert problem_of(await owner.call(*NEW, headers=ONCE)) == (403, "forbidden", None)


async def test_a_request_that_fails_keeps_neither_row_nor_key(owner: Session, owner_db: asyncpg.Connection) -> None:
    await owner_db.execute("ALTER TABLE sequence_steps ADD CONSTRAINT none_at_all CHECK (false)")
    assert (await owner.call(*NEW, headers=ONCE)).status_code >= 500
    await owner_db.execute("ALTER TABLE sequence_steps DROP CONSTRAINT none_at_all")
    assert await kept(owner_db) == (0, 0)
    assert (await owner.call(*NEW, headers=ONCE)).status_code == 201


@pytest.mark.parametrize("how", ["the caller goes", "the database cuts it"])
async def test_a_request_that_is_cut_off_mid_way_keeps_neither_row_nor_key(
    owner: Session, owner_db: asyncpg.Connection, database_urls: DatabaseUrls, how: str
) -> None:
    blocker = await asyncpg.connect(database_urls.owner_dsn)
    lock = blocker.transaction()
    await lock.start()
    await blocker.execute("LOCK TABLE sequence_steps IN ACCESS EXCLUSIVE MODE")  # the campaign's row is written before
    request = asyncio.create_task(owner.call(*NEW, headers=ONCE))
    await until_it_waits(owner_db)
    if how == "the caller goes":
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
    else:
        await owner_db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        assert problem_of(await request)[0] == 503
    await lock.rollback()
    await blocker.close()
    assert await kept(owner_db) == (0, 0)
    answer = await owner.call(*NEW, headers=ONCE)
    assert (answer.status_code, "idempotent-replayed" in answer.headers, await kept(owner_db)) == (201, False, (1, 1))


async def until_it_waits(owner_db: asyncpg.Connection) -> None:
    """Until a statement waits for the lock."""
    for _ in range(1000):
        if await owner_db.fetchval(_HELD):
            return
        await asyncio.sleep(0.01)
    pytest.fail("no statement waits for the lock")


async def kept(owner_db: asyncpg.Connection) -> tuple[int, int]:
    """How many campaigns and idempotency keys there are."""
    counts = await owner_db.fetchrow("SELECT (SELECT count(*) FROM campaigns), (SELECT count(*) FROM idempotency_keys)")
    return counts[0], counts[1]
