"""Seals over the audit trail: written in time, one chain per client, and every tampering is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from agency_os.db import Database
from agency_os.orchestration.sealing import seal_until
from agency_os.repositories.audit import PLATFORM, AuditRepository, ChainReport
from tests.conftest import DatabaseUrls
from tests.factories.api import api_settings, make_web
from tests.factories.identity import make_client
from tests.factories.outreach import MONDAY_NOON

# ruff: noqa: S608  # the statements are ours


@pytest.fixture
async def owner(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database.connect(database_urls.app_dsn)
    yield database
    await database.close()


async def seal(database: Database, *, everything: bool = False, most: int = 20_000) -> int | None:
    async with database.transaction(now=MONDAY_NOON) as db:
        return await AuditRepository(db).seal(everything=everything, most=most)


async def verify(database: Database, client_id: UUID | None = None) -> list[ChainReport]:
    async with database.transaction(now=MONDAY_NOON) as db:
        return await AuditRepository(db).verify(client_id)


async def add_lead(owner: asyncpg.Connection, client_id: UUID, name: str) -> None:
    await owner.execute("INSERT INTO leads (client_id, first_name) VALUES ($1, $2)", client_id, name)


@pytest.fixture
async def client_id(owner: asyncpg.Connection, database: Database) -> UUID:
    """A client with three seals of one or two entries each."""
    made = await make_client(owner)
    for name in ("Ada", "Bo", "Cy"):
        await add_lead(owner, made, name)
        await seal(database)
    return made


async def test_each_client_has_a_chain_of_its_own_and_so_has_the_platform(
    owner: asyncpg.Connection, database: Database, client_id: UUID
) -> None:
    other = await make_client(owner, "Other")
    await owner.execute(
        "INSERT INTO global_suppression (channel, address_hash, reason) VALUES ('email', '\\x01', 'wrote')"
    )
    assert await seal(database) == 2
    found = {each.chain: (each.seals, each.entries, each.unsealed, each.fault) for each in await verify(database)}
    assert found == {client_id: (3, 4, 0, None), other: (1, 1, 0, None), PLATFORM: (1, 1, 0, None)}


async def test_what_is_sealed_is_not_sealed_again(database: Database, client_id: UUID) -> None:
    assert await seal(database, everything=True) == 0
    assert [each.seals for each in await verify(database, client_id)] == [3]


async def test_sealers_that_meet_make_one_chain(owner: asyncpg.Connection, database: Database, client_id: UUID) -> None:
    for name in "abcdefgh":
        await add_lead(owner, client_id, name)
    await asyncio.gather(*(seal(database, most=2) for _ in range(8)))
    while await seal(database, most=2) != 0:
        pass
    (chain,) = await verify(database)
    assert (chain.entries, chain.unsealed, chain.fault) == (12, 0, None)


async def test_an_entry_that_was_committed_late_is_sealed_by_the_pass_over_everything(
    owner: asyncpg.Connection, database: Database, client_id: UUID
) -> None:
    await owner.execute("ALTER TABLE audit_logs DISABLE TRIGGER append_only")
    await owner.execute(
        "INSERT INTO audit_logs (id, client_id, actor, verb, table_name, row_id, fields, digests) VALUES "
        "('01900000-0000-7000-8000-000000000001', $1, 'x', 'insert', 'leads', app.uuid_v7(), '{}', '{}')",
        client_id,
    )
    assert (await seal(database), await seal(database, everything=True)) == (0, 1)


async def test_who_commits_behind_later_entries_is_sealed_by_a_usual_pass(
    owner: asyncpg.Connection, database: Database, database_urls: DatabaseUrls, client_id: UUID
) -> None:
    slow = await asyncpg.connect(database_urls.owner_dsn)
    transaction = slow.transaction()
    await transaction.start()
    await add_lead(slow, client_id, "Early, and slow")
    await add_lead(owner, client_id, "Late, and quick")
    assert await seal(database) == 1
    await transaction.commit()
    await slow.close()
    assert await seal(database) == 1
    assert [(each.unsealed, each.fault) for each in await verify(database, client_id)] == [(0, None)]


async def test_a_second_sealer_is_told_that_another_is_at_work(
    owner: asyncpg.Connection, database: Database, client_id: UUID
) -> None:
    async with owner.transaction():
        await owner.execute("SELECT app.seal_audit(NULL, 1)")
        assert await seal(database) is None


FORGED = (
    "WITH new AS (INSERT INTO audit_logs (id, client_id, actor, verb, table_name, row_id, fields, digests) "
    "SELECT app.uuid_v7(), client_id, 'x', 'insert', 'leads', app.uuid_v7(), '{}', '{}' FROM audit_seals "
    "WHERE sequence = 2 RETURNING id, client_id) INSERT INTO audit_sealed (audit_id, seal_id, client_id) "
)
"""An entry of the client that has a second seal, and a row under it that says under which seal it is."""
TAMPERINGS = {
    "a changed entry": (
        "UPDATE audit_logs SET actor = 'somebody else' WHERE id = (SELECT min(id::text)::uuid FROM audit_logs)",
        "was changed",
    ),
    "a removed entry": (
        "WITH gone AS (SELECT audit_id FROM audit_sealed ORDER BY audit_id LIMIT 1), "
        "a AS (DELETE FROM audit_sealed WHERE audit_id IN (SELECT audit_id FROM gone)), "
        "b AS (DELETE FROM audit_values WHERE audit_id IN (SELECT audit_id FROM gone)) "
        "DELETE FROM audit_logs WHERE id IN (SELECT audit_id FROM gone)",
        "entries, and",
    ),
    "an entry put in later": (
        FORGED + "SELECT id, (SELECT id FROM audit_seals WHERE sequence = 1 AND client_id = new.client_id), client_id "
        "FROM new",
        "entries, and",
    ),
    "a seal made anew": ("UPDATE audit_seals SET hash = sha256('x') WHERE sequence = 2", "was changed"),
    "a seal that follows from another": (
        "UPDATE audit_seals SET previous_hash = sha256('x') WHERE sequence = 3", "does not follow"
    ),
    "a seal of another time": (
        "UPDATE audit_seals SET sealed_at = sealed_at - interval '1 day' WHERE sequence = 1", "it was changed"
    ),
    "a seal taken out": (
        "WITH s AS (SELECT id FROM audit_seals WHERE sequence = 2), "
        "m AS (DELETE FROM audit_sealed WHERE seal_id IN (SELECT id FROM s)) "
        "DELETE FROM audit_seals WHERE id IN (SELECT id FROM s)",
        "is missing",
    ),
    "an entry put under a seal of nowhere": (
        FORGED + "SELECT id, app.uuid_v7(), client_id FROM new", "is not there"
    ),
    "an entry put under another client's seal": (
        FORGED + "SELECT id, (SELECT id FROM audit_seals WHERE client_id <> new.client_id), client_id FROM new",
        "is not there",
    ),
    "the last seal taken off, its entries left": ("DELETE FROM audit_seals WHERE sequence = 3", "is not there"),
    "values that are none": ("UPDATE audit_values SET values = '[]'", "its values are not"),
    "values without their salt": ("UPDATE audit_values SET salt = NULL", "its values are not"),
    "values handed to another client": (
        "UPDATE audit_values SET client_id = app.uuid_v7()", "its values are not"
    ),
    "another value": (
        """UPDATE audit_values SET values = '{"first_name": "Eve"}' WHERE values ? 'first_name'""",
        "its values are not",
    ),
}  # fmt: skip


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_tampering_by_somebody_who_owns_the_database_is_told(
    owner: asyncpg.Connection, database: Database, client_id: UUID, tampering: str
) -> None:
    statement, words = TAMPERINGS[tampering]
    await make_client(owner, "Other")
    await seal(database)
    async with owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = replica")  # no trigger and no foreign key looks
        await owner.execute(statement)
    (chain,) = await verify(database, client_id)
    assert words in (chain.fault or "")
    assert words in {each.chain: each.fault or "" for each in await verify(database)}[client_id]


async def test_what_is_told_of_one_chain_is_not_told_of_another(
    owner: asyncpg.Connection, database: Database, client_id: UUID
) -> None:
    other = await make_client(owner, "Other")
    await seal(database)
    async with owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = replica")
        await owner.execute(TAMPERINGS["an entry put under another client's seal"][0])
    faults = {each.chain: each.fault is None for each in await verify(database)}
    assert faults == {client_id: False, other: True}


@pytest.mark.parametrize("emptied", ["NULL", "'null'"])
async def test_an_erasure_empties_values_and_the_chain_still_holds(
    owner: asyncpg.Connection, database: Database, client_id: UUID, emptied: str
) -> None:
    async with owner.transaction():
        await owner.execute("SET LOCAL ROLE service_role")
        await owner.execute(f"UPDATE audit_values SET values = {emptied}, salt = NULL")
    assert [each.fault for each in await verify(database)] == [None]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_seals SET sealed_at = now()",
        "DELETE FROM audit_seals",
        "TRUNCATE audit_seals CASCADE",
        "UPDATE audit_sealed SET client_id = NULL",
        "DELETE FROM audit_sealed",
        "TRUNCATE audit_sealed",
        "UPDATE audit_values SET client_id = NULL",
        "DELETE FROM audit_values",
        "TRUNCATE audit_values",
    ],
)
async def test_not_even_the_databases_owner_changes_a_seal_or_takes_rows_out(
    owner: asyncpg.Connection, client_id: UUID, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_seals (chain, sequence, entries, previous_hash, hash) "
        "VALUES ('00000000-0000-0000-0000-000000000000', 1, 1, '', sha256(''))",
        "INSERT INTO audit_sealed (audit_id, seal_id) VALUES (app.uuid_v7(), app.uuid_v7())",
        "UPDATE audit_values SET client_id = NULL",
    ],
)
@pytest.mark.parametrize("role", ["service_role", "authenticated", "anon", "agency_os_app"])
async def test_no_role_of_ours_writes_a_seal_by_hand(owner: asyncpg.Connection, role: str, statement: str) -> None:
    async with owner.transaction():
        await owner.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            async with owner.transaction():
                await owner.execute(statement)


UNSEALED = "SELECT count(*) FROM audit_logs AS l WHERE NOT EXISTS (SELECT FROM audit_sealed WHERE audit_id = l.id)"


@asynccontextmanager
async def sealer(urls: DatabaseUrls, redis_url: str, **pace: Any) -> AsyncIterator[None]:
    """The worker's sealer at work; it must end within five seconds."""
    web = make_web(api_settings(DATABASE_URL=urls.app_dsn, REDIS_URL=redis_url))
    stop = asyncio.Event()
    sealing = asyncio.create_task(seal_until(stop, web.infra, **pace))
    try:
        yield
        assert not sealing.done()
    finally:
        stop.set()
        await asyncio.wait_for(sealing, 5)
        await web.infra.aclose()


async def all_sealed(owner: asyncpg.Connection) -> None:
    """Returns when nothing waits for a seal; raises TimeoutError after ten seconds."""
    async with asyncio.timeout(10):
        while await owner.fetchval(UNSEALED):  # noqa: ASYNC110  # the database has no event for it
            await asyncio.sleep(0.1)


async def test_an_entry_is_under_a_seal_within_ten_seconds(
    owner: asyncpg.Connection, database_urls: DatabaseUrls, redis_url: str
) -> None:
    await make_client(owner)
    async with sealer(database_urls, redis_url):
        await all_sealed(owner)
        client_id = await make_client(owner, "Later")  # between two passes
        await all_sealed(owner)
    assert await owner.fetchval("SELECT count(*) FROM audit_seals WHERE client_id = $1", client_id) == 1


async def test_a_trail_longer_than_a_pass_takes_is_sealed_in_one_go_however_old(
    owner: asyncpg.Connection, database_urls: DatabaseUrls, redis_url: str
) -> None:
    await owner.execute(
        "INSERT INTO audit_logs (id, actor, verb, table_name, row_id, fields, digests) "
        "SELECT ('01900000-0000-7000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid, 'x', 'insert', 'leads', "
        "app.uuid_v7(), '{}', '{}' FROM generate_series(1, 25) AS n"
    )
    async with sealer(database_urls, redis_url, seconds=3600, most=10):
        await all_sealed(owner)
    assert await owner.fetchval("SELECT array_agg(entries ORDER BY sequence) FROM audit_seals") == [10, 10, 5]


async def test_a_pass_over_everything_that_met_another_sealer_is_made_again(
    owner: asyncpg.Connection, database_urls: DatabaseUrls, redis_url: str
) -> None:
    await owner.execute(
        "INSERT INTO audit_logs (id, actor, verb, table_name, row_id, fields, digests) VALUES "
        "('01900000-0000-7000-8000-000000000001', 'x', 'insert', 'leads', app.uuid_v7(), '{}', '{}')"
    )
    async with sealer(database_urls, redis_url, seconds=0.05):
        async with owner.transaction():
            await owner.execute("SELECT app.seal_audit('1 second', 1)")  # the other one, slow to commit
            await asyncio.sleep(0.5)
        await all_sealed(owner)
    assert await owner.fetchval("SELECT sum(entries) FROM audit_seals") == 1


async def test_a_pass_that_breaks_does_not_end_the_sealing(
    owner: asyncpg.Connection, database_urls: DatabaseUrls, redis_url: str
) -> None:
    await owner.execute("ALTER FUNCTION app.seal_audit(interval, integer) RENAME TO away")
    client_id = await make_client(owner)
    async with sealer(database_urls, redis_url, seconds=0.05):
        await asyncio.sleep(0.5)
        await owner.execute("ALTER FUNCTION app.away(interval, integer) RENAME TO seal_audit")
        await all_sealed(owner)
    assert await owner.fetchval("SELECT count(*) FROM audit_seals WHERE client_id = $1", client_id) == 1


async def test_the_sealer_waits_for_a_database_that_is_away_and_stops_when_told(redis_url: str) -> None:
    web = make_web(api_settings(REDIS_URL=redis_url))
    stop = asyncio.Event()
    sealing = asyncio.create_task(seal_until(stop, web.infra, seconds=0.01))
    await asyncio.sleep(0.2)
    assert not sealing.done()
    stop.set()
    await asyncio.wait_for(sealing, 5)
    await web.infra.aclose()
