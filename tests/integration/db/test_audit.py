"""Invariant 20 in the database: the audit trail equals the changes of state, only grows, and holds no secret.

The audited tables come from the catalogue, with what their triggers log of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import RFC_4122, UUID

import asyncpg
import pytest

from agency_os.db import Database
from tests.conftest import DatabaseUrls
from tests.factories.outreach import MONDAY_NOON, add_leads, make_agency
from tests.factories.tenants import Table, Tenants, make_tenants

# ruff: noqa: S608  # names come from the catalogue

NOT_AUDITED = frozenset(
    # Trails and queues themselves, and what other rows tell already.
    "audit_logs audit_values activities import_rows inbound_events messages resource_usage send_batches cost_entries "
    "enrichment_requests conversion_patterns conversion_pattern_history platform_settings users "
    "idempotency_keys audit_seals audit_sealed import_files mailbox_positions".split()
)
CLOCKWORK = frozenset({"created_at", "updated_at"})


@pytest.fixture
async def owner(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    yield connection
    await connection.close()


@pytest.fixture
async def tenants(owner: asyncpg.Connection) -> Tenants:
    """Every table filled, its constraints off, its triggers on, and the trail still empty."""
    tenants = await make_tenants(owner)
    await owner.execute("TRUNCATE audit_logs, audit_values")
    for name in tenants.tables:
        await owner.execute(f"ALTER TABLE {name} ENABLE TRIGGER USER")
    return tenants


async def audited(owner: asyncpg.Connection, tenants: Tenants) -> dict[str, set[str]]:
    """The audited tables with the columns that their triggers log."""
    rows = await owner.fetch("""
        SELECT tgrelid::regclass::text AS name, string_to_array(encode(tgargs, 'escape'), '\\000') AS only
        FROM pg_trigger WHERE tgfoid = 'app.audit_update()'::regprocedure
    """)
    named = {row["name"]: {each for each in row["only"] if each} for row in rows}
    return {name: only or tenants.tables[name].names - {"updated_at"} for name, only in named.items()}


async def entries(owner: asyncpg.Connection, table: str) -> list[dict[str, Any]]:
    rows = await owner.fetch(
        "SELECT l.*, v.salt, v.values FROM audit_logs AS l JOIN audit_values AS v ON v.audit_id = l.id "
        "WHERE l.table_name = $1 ORDER BY l.id",
        table,
    )
    return [dict(row) for row in rows]


async def change_each_column(owner: asyncpg.Connection, table: Table, tenants: Tenants) -> list[str]:
    """Set every column but the key, one statement each, to another value; one name for each row changed, in order."""
    changed = []
    for column in table.columns:
        if not column.is_key and not column.is_generated and column.name not in {"client_id", *CLOCKWORK}:
            value = column.sample(7, tenants.a)
            where = f"client_id = '{tenants.a}'" if "client_id" in table.names else f"id = '{tenants.a}'"
            tag = await owner.execute(
                f"UPDATE {table.name} SET {column.name} = {value} "
                f"WHERE {where} AND to_jsonb({column.name}) IS DISTINCT FROM to_jsonb({value})"
            )
            changed += [column.name] * int(tag.removeprefix("UPDATE "))
    return changed


async def test_every_tenant_table_is_audited_or_named_here(owner: asyncpg.Connection, tenants: Tenants) -> None:
    assert set(tenants.tables) - set(await audited(owner, tenants)) == NOT_AUDITED


async def test_each_change_of_a_logged_column_is_one_entry_and_no_other_change_is(
    owner: asyncpg.Connection, tenants: Tenants
) -> None:
    logged = await audited(owner, tenants)
    del logged["memberships"], logged["global_suppression"]  # several rows of one client; of no client
    seen = 0
    for name, columns in logged.items():
        changed = await change_each_column(owner, tenants.tables[name], tenants)
        found = [entry["fields"] for entry in await entries(owner, name)]
        assert (name, found) == (name, [[column] for column in changed if column in columns])
        seen += len(found)
    assert seen > 100


async def test_the_trail_replayed_is_the_row_as_it_stands(owner: asyncpg.Connection, tenants: Tenants) -> None:
    compared = 0
    for name, columns in (await audited(owner, tenants)).items():
        table = tenants.tables[name]
        if name in {"clients", "memberships", "global_suppression"}:
            continue
        await owner.execute(table.insert(table.names - CLOCKWORK, 3, tenants.a))
        await change_each_column(owner, table, tenants)
        for row in await owner.fetch(f"SELECT id, to_jsonb(t) AS now FROM {name} AS t WHERE client_id = $1", tenants.a):
            mine = [entry for entry in await entries(owner, name) if entry["row_id"] == row["id"]]
            if mine[0]["verb"] != "insert":
                continue
            replayed = {field: value for entry in mine for field, value in entry["values"].items()}
            expected = {f: v for f, v in row["now"].items() if f in columns - CLOCKWORK and v is not None}
            assert (name, replayed) == (name, expected)
            compared += 1
    assert compared >= 14


async def test_a_change_to_what_it_was_is_no_entry(owner: asyncpg.Connection, tenants: Tenants) -> None:
    await owner.execute("UPDATE leads SET title = title, status = status")
    assert await entries(owner, "leads") == []


async def test_one_statement_over_both_tenants_is_one_entry_a_row_under_its_own_client(
    owner: asyncpg.Connection, tenants: Tenants
) -> None:
    await owner.execute("UPDATE leads SET title = 'Director'")
    found = await entries(owner, "leads")
    assert {(entry["client_id"], str(entry["row_id"])) for entry in found} == {
        (client, key) for client in (tenants.a, tenants.b) for key in tenants.of("leads", client)
    }
    assert {entry["values"]["title"] for entry in found} == {"Director"}


async def test_changes_of_a_row_sort_in_their_order_even_within_a_millisecond(
    owner: asyncpg.Connection, tenants: Tenants
) -> None:
    await owner.execute("""
        DO $$ BEGIN FOR n IN 1..200 LOOP
            UPDATE companies SET name = n::text WHERE client_id = (SELECT min(client_id::text) FROM companies)::uuid;
        END LOOP; END $$
    """)
    names = [int(entry["values"]["name"]) for entry in await entries(owner, "companies")]
    assert names == list(range(1, 201))


async def test_ids_made_by_the_database_are_version_7_of_this_moment(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT app.uuid_v7() AS id, extract(epoch FROM clock_timestamp()) AS s FROM generate_series(1, 100)"
    )
    assert {(row["id"].version, row["id"].variant) for row in rows} == {(7, RFC_4122)}
    assert all(abs((row["id"].int >> 80) / 1000 - float(row["s"])) < 1 for row in rows)


async def test_what_is_undone_leaves_no_entry(owner: asyncpg.Connection, tenants: Tenants) -> None:
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("UPDATE leads SET title = 'Director'")
    await transaction.rollback()
    assert await entries(owner, "leads") == []


async def test_the_log_itself_holds_digests_and_no_value(owner: asyncpg.Connection, tenants: Tenants) -> None:
    await owner.execute("UPDATE leads SET email = 'pat@company.example' WHERE client_id = $1", tenants.a)
    (entry,) = await entries(owner, "leads")
    digest = hashlib.sha256(entry["salt"] + b'"pat@company.example"').hexdigest()
    assert entry["digests"] == {"email": digest}
    assert await owner.fetchval("SELECT count(*) FROM audit_logs AS l WHERE l::text LIKE '%pat@company%'") == 0


async def test_two_entries_of_one_value_cannot_be_told_to_be_of_one_value(
    owner: asyncpg.Connection, tenants: Tenants
) -> None:
    await owner.execute("UPDATE leads SET email = 'pat@company.example'")
    digests = [entry["digests"]["email"] for entry in await entries(owner, "leads")]
    assert len(digests) == len(set(digests)) == 2


async def test_a_webhooks_secret_is_never_in_the_trail(owner: asyncpg.Connection, tenants: Tenants) -> None:
    table = tenants.tables["webhook_configs"]
    await owner.execute(table.insert(table.names, 3, tenants.a))
    await owner.execute("UPDATE webhook_configs SET secret = 'whsec_very_secret', url = 'https://a.example'")
    trail = await owner.fetch("SELECT l::text || v::text AS t FROM audit_logs l JOIN audit_values v ON audit_id = id")
    assert [row for row in trail if "secret" in row["t"]] == []
    assert len(trail) == 4


async def test_no_column_that_sounds_like_a_secret_is_logged(owner: asyncpg.Connection, tenants: Tenants) -> None:
    sounding = ("secret", "password", "token", "api_key", "credential", "digest")
    columns = [(name, c) for name, columns in (await audited(owner, tenants)).items() for c in columns]
    assert [column for column in columns if any(each in column[1] for each in sounding)] == []


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_logs SET actor = 'nobody'", "DELETE FROM audit_logs", "TRUNCATE audit_logs CASCADE"],
)
async def test_not_even_the_databases_owner_changes_the_log(
    owner: asyncpg.Connection, tenants: Tenants, statement: str
) -> None:
    await owner.execute("UPDATE leads SET title = 'Director'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="audit_logs is append-only"):
        await owner.execute(statement)


@pytest.mark.parametrize("role", ["service_role", "authenticated", "anon", "agency_os_app"])
@pytest.mark.parametrize("table", ["audit_logs", "audit_values"])
async def test_nobody_can_forge_an_entry(owner: asyncpg.Connection, tenants: Tenants, table: str, role: str) -> None:
    insert = tenants.tables[table].insert(tenants.tables[table].names, 3, tenants.a)
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(f"SET LOCAL ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await owner.execute(insert)
    await transaction.rollback()


async def test_an_erasure_may_empty_the_values_and_the_log_still_tells_that_there_was_a_change(
    owner: asyncpg.Connection, tenants: Tenants
) -> None:
    await owner.execute("UPDATE leads SET email = 'pat@company.example' WHERE client_id = $1", tenants.a)
    async with owner.transaction():
        await owner.execute("SET LOCAL ROLE service_role")
        await owner.execute("UPDATE audit_values SET values = NULL, salt = NULL")
    (entry,) = await entries(owner, "leads")
    assert (entry["values"], entry["salt"], entry["fields"]) == (None, None, ["email"])


async def test_the_actor_is_the_person_or_else_the_role(database_urls: DatabaseUrls, owner: asyncpg.Connection) -> None:
    person = UUID("01a209f3-6a24-708b-96cd-67abd6aed204")
    database = Database.connect(database_urls.app_dsn)
    async with database.transaction(now=MONDAY_NOON) as db:
        agency = await make_agency(db)
        await add_leads(db, agency, 1)
    await owner.execute("INSERT INTO auth.users (id, email) VALUES ($1, 'ann@team.example')", person)
    await owner.execute(
        "INSERT INTO memberships (user_id, client_id, role, accepted_at) VALUES ($1, $2, 'member', now())",
        person,
        agency.client_id,
    )
    async with database.transaction(now=MONDAY_NOON, role="authenticated", claims={"sub": str(person)}) as db:
        connection = await db.connection()
        await connection.exec_driver_sql("UPDATE leads SET title = 'Director'")
    await database.close()
    found = [(entry["actor"], entry["verb"], entry["created_at"]) for entry in await entries(owner, "leads")]
    assert found == [("service_role", "insert", MONDAY_NOON), (str(person), "update", MONDAY_NOON)]
