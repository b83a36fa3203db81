"""Seals over the audit trail: written in time, one chain per client, and every tampering is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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


async def seal(database: Database, *, everything: bool = False, most: int = 20_000) -> int:
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
    while await seal(database, most=2):
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
        "WITH new AS (INSERT INTO audit_logs (id, client_id, actor, verb, table_name, row_id, fields, digests) "
        "SELECT app.uuid_v7(), client_id, 'x', 'insert', 'leads', app.uuid_v7(), '{}', '{}' FROM audit_seals LIMIT 1 "
        "RETURNING id, client_id) INSERT INTO audit_sealed (audit_id, seal_id, client_id) "
        "SELECT new.id, (SELECT id FROM audit_seals ORDER BY sequence LIMIT 1), new.client_id FROM new",
        "entries, and",
    ),
    "a seal made anew": ("UPDATE audit_seals SET hash = sha256('x') WHERE sequence = 2", "was changed"),
    "a seal that follows from another": (
        "UPDATE audit_seals SET previous_hash = sha256('x') WHERE sequence = 3", "does not follow"
    ),
    "a seal taken out": (
        "WITH s AS (SELECT id FROM audit_seals WHERE sequence = 2), "
        "m AS (DELETE FROM audit_sealed WHERE seal_id IN (SELECT id FROM s)) "
        "DELETE FROM audit_seals WHERE id IN (SELECT id FROM s)",
        "is missing",
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
    async with owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = replica")  # no trigger and no foreign key looks
        await owner.execute(statement)
    (chain,) = await verify(database, client_id)
    assert words in (chain.fault or "")


async def test_an_erasure_empties_values_and_the_chain_still_holds(
    owner: asyncpg.Connection, database: Database, client_id: UUID
) -> None:
    await owner.execute("UPDATE audit_values SET values = NULL, salt = NULL")
    assert [each.fault for each in await verify(database)] == [None]


@pytest.mark.parametrize("table", ["audit_seals", "audit_sealed"])
async def test_not_even_the_databases_owner_changes_a_seal(
    owner: asyncpg.Connection, client_id: UUID, table: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(f"DELETE FROM {table}")  # noqa: S608  # ours


async def test_an_entry_is_under_a_seal_within_ten_seconds(
    owner: asyncpg.Connection, database_urls: DatabaseUrls, redis_url: str
) -> None:
    web = make_web(api_settings(DATABASE_URL=database_urls.app_dsn, REDIS_URL=redis_url))
    stop = asyncio.Event()
    sealing = asyncio.create_task(seal_until(stop, web.infra))
    client_id = await make_client(owner)
    late = "SELECT count(*) FROM audit_logs AS l WHERE NOT EXISTS (SELECT FROM audit_sealed WHERE audit_id = l.id)"
    async with asyncio.timeout(10):
        while await owner.fetchval(late):  # noqa: ASYNC110  # the database has no event for it
            await asyncio.sleep(0.1)
    stop.set()
    await asyncio.wait_for(sealing, 5)
    await web.infra.aclose()
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
