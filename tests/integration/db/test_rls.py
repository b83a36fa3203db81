"""Invariant 14 in the database: over every table and verb, nobody sees or changes more than his role in his tenant may.

The tables come from the catalogue: a new one is covered unasked, and must be named here before anybody may write it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from tests.conftest import DatabaseUrls
from tests.factories.tenants import PEOPLE, Tenants, make_tenants
from tests.support.servers import Servers, copy_of_template, drop_database

# ruff: noqa: S608  # names come from the catalogue

MANAGERS = frozenset({"owner of a", "admin of a"})
EDITORS = MANAGERS | {"member of a"}
READERS = EDITORS | {"viewer of a", "viewer of a, owner of b"}
READS_OTHERS = {"owner of b": "b", "viewer of a, owner of b": "b"}

MANAGERS_READ = frozenset(
    {"webhook_configs", "audit_logs", "audit_values", "audit_seals", "audit_sealed", "invitations", "api_keys"}
)
SERVICE_ONLY = frozenset(
    "platform_settings global_suppression client_suppression inbound_events send_batches cost_entries "
    "enrichment_requests idempotency_keys import_files".split()
)
_ALLOCATIONS = {f"allocation_{channel}" for channel in ("email", "sms", "linkedin", "voice", "mail")}
_PERSON = set("email phone first_name last_name title company linkedin_url domain state time_zone".split())
_STEP = {"step", "channel", "day_offset", "subject_template", "body_template"}
EDITORS_UPDATE: Mapping[str, set[str]] = {
    "campaigns": {"name", "description", "permission_mode", "deleted_at", *_ALLOCATIONS},
    "sequence_steps": {*_STEP, "deleted_at"},
    "companies": {"name", "domain"},
    "leads": {*_PERSON, "deleted_at"},
}
MANAGERS_UPDATE: Mapping[str, set[str]] = {
    "clients": {"name", "default_permission_mode", "sender_name", "abn", "postal_address", "booking_url"}
}
EDITORS_INSERT: Mapping[str, set[str]] = {
    "campaigns": {"id", "client_id", "name", "description", "permission_mode", *_ALLOCATIONS},
    "sequence_steps": {"id", "client_id", "campaign_id", *_STEP},
    "companies": {"id", "client_id", "key", "name", "domain"},
    "leads": {"id", "client_id", "campaign_id", "company_id", *_PERSON},
}

# Who asks: a database role, and the person whose claims it carries, if any.
PERSONS = sorted(PEOPLE)
CALLERS = [*PERSONS, "nobody", "anon", "login"]
ROLES = {"anon": "anon", "login": "agency_os_app"}


@pytest.fixture(scope="module")
async def connection(servers: Servers, worker_number: int) -> AsyncIterator[asyncpg.Connection]:
    name = f"rls_{worker_number}"
    await copy_of_template(servers, name)
    connection = await asyncpg.connect(servers.owner_dsn(name))
    yield connection
    await connection.close()
    await drop_database(servers, name)


@pytest.fixture(scope="module")
async def tenants(connection: asyncpg.Connection) -> Tenants:
    return await make_tenants(connection)


@asynccontextmanager
async def acting(connection: asyncpg.Connection, tenants: Tenants, caller: str) -> AsyncIterator[None]:
    """A transaction as ``caller``, undone at its end."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        claims = {"sub": str(tenants.people[caller]), "role": "authenticated"} if caller in PEOPLE else {}
        await connection.execute("SELECT set_config('request.jwt.claims', $1, true)", json.dumps(claims))
        await connection.execute(f"SET LOCAL ROLE {ROLES.get(caller, 'authenticated')}")
        yield
    finally:
        await transaction.rollback()


async def attempt(connection: asyncpg.Connection, statement: str) -> int:
    """How many rows the statement touched, 0 when it was refused. A refusal for another reason is a fault."""
    try:
        async with connection.transaction():
            return int((await connection.execute(statement)).rsplit(" ", 1)[1])
    except asyncpg.InsufficientPrivilegeError:
        return 0


async def seen(connection: asyncpg.Connection, table: str, key: str) -> set[str]:
    try:
        async with connection.transaction():
            return {row[0] for row in await connection.fetch(f"SELECT {key}::text FROM {table}")}
    except asyncpg.InsufficientPrivilegeError:
        return set()


async def contents(connection: asyncpg.Connection, tenants: Tenants) -> dict[tuple[str, str], str]:
    """Every row by table and key, as the database's owner sees it."""
    return {
        (name, row[0]): row[1]
        for name, table in tenants.tables.items()
        for row in await connection.fetch(f"SELECT {table.key}::text, t::text FROM {name} AS t")
    }


def may_see(tenants: Tenants, caller: str, table: str) -> set[str]:
    """What the caller shall see, written down apart from the policies."""
    if table == "users":
        return {str(user) for user in may_know(tenants, caller)}
    if table in SERVICE_ONLY:
        return set()
    found: set[str] = set()
    if caller in (MANAGERS if table in MANAGERS_READ else READERS):
        found |= tenants.of(table, tenants.a)
    if caller in READS_OTHERS:
        found |= tenants.of(table, tenants.b)
    return found


def may_know(tenants: Tenants, caller: str) -> set[UUID]:
    own = {tenants.people[caller]} if caller in PEOPLE else set()
    clients = {"a"} & ({"a"} if caller in READERS else set()) | ({"b"} if caller in READS_OTHERS else set())
    fellows = {
        tenants.people[name]
        for name, memberships in PEOPLE.items()
        for client, _, _, is_removed in memberships
        if client in clients and not is_removed
    }
    return own | fellows


@pytest.mark.parametrize("caller", CALLERS)
async def test_select_shows_exactly_what_the_role_may_see(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    async with acting(connection, tenants, caller):
        found = {name: await seen(connection, name, table.key) for name, table in tenants.tables.items()}
    assert found == {name: may_see(tenants, caller, name) for name in tenants.tables}


@pytest.mark.parametrize("caller", CALLERS)
async def test_update_changes_the_granted_columns_of_ones_own_rows_alone(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    expected = dict(EDITORS_UPDATE) if caller in EDITORS | set(READS_OTHERS) else {}
    expected |= MANAGERS_UPDATE if caller in MANAGERS | set(READS_OTHERS) else {}
    own = tenants.b if caller in READS_OTHERS else tenants.a
    async with acting(connection, tenants, caller):
        changed = {
            (name, column.name): touched
            for name, table in tenants.tables.items()
            for column in table.columns
            if not column.is_generated
            and (touched := await attempt(connection, f"UPDATE {name} SET {column.name} = {column.sample(9, own)}"))
        }
    assert changed == {(name, column): 1 for name, columns in expected.items() for column in columns}


@pytest.mark.parametrize("caller", CALLERS)
async def test_no_row_of_another_tenant_is_changed(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    others = {tenants.a, tenants.b} - ({tenants.b} if caller in READS_OTHERS else {tenants.a})
    before = await contents(connection, tenants)
    async with acting(connection, tenants, caller):
        for name, table in tenants.tables.items():
            for column in table.columns:
                if not column.is_generated:
                    await attempt(connection, f"UPDATE {name} SET {column.name} = {column.sample(9, tenants.a)}")
        await connection.execute("RESET ROLE")
        after = await contents(connection, tenants)
    differing = {key for key in before if after.get(key) != before[key]}
    assert bool(differing) == (caller in EDITORS | set(READS_OTHERS))
    assert {name for name, key in differing for client in others if key in tenants.of(name, client)} == set()


@pytest.mark.parametrize("caller", CALLERS)
async def test_insert_takes_the_granted_columns_into_ones_own_tenant_alone(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    into = {"a": tenants.a, "b": tenants.b}
    allowed = {"a"} if caller in EDITORS else {"b"} if caller in READS_OTHERS else set[str]()
    async with acting(connection, tenants, caller):
        done = {
            (name, client)
            for name, table in tenants.tables.items()
            for client, client_id in into.items()
            if await attempt(connection, table.insert(EDITORS_INSERT.get(name, table.names), 9, client_id))
        }
    assert done == {(name, client) for name in EDITORS_INSERT for client in allowed}


async def test_insert_of_any_column_that_is_not_granted_is_refused(
    connection: asyncpg.Connection, tenants: Tenants
) -> None:
    async with acting(connection, tenants, "owner of a"):
        done = [
            f"{name}.{column}"
            for name, table in tenants.tables.items()
            for granted in [EDITORS_INSERT.get(name, set())]
            for column in sorted(table.names - granted)
            if await attempt(connection, table.insert({*granted, column}, 9, tenants.a))
        ]
    assert done == []


@pytest.mark.parametrize("caller", ["viewer of a", "member of a", "owner of a", "owner of b"])
async def test_an_insert_that_meets_another_tenants_row_does_not_become_its_update(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    own, other = (tenants.b, tenants.a) if caller == "owner of b" else (tenants.a, tenants.b)
    changed = []
    async with acting(connection, tenants, caller):
        for name, columns in EDITORS_INSERT.items():
            (victim,) = tenants.of(name, other)
            table, column = tenants.tables[name], min(EDITORS_UPDATE[name])
            insert = table.insert(columns, 9, own, key=victim)
            conflict = f" ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}"
            if await attempt(connection, insert + conflict):
                changed.append(name)
    assert changed == []


@pytest.mark.parametrize("verb", ["DELETE FROM", "TRUNCATE"])
@pytest.mark.parametrize("caller", [*CALLERS, "service"])
async def test_nobody_deletes(connection: asyncpg.Connection, tenants: Tenants, caller: str, verb: str) -> None:
    role = "service_role" if caller == "service" else ROLES.get(caller, "authenticated")
    permitted = []
    async with acting(connection, tenants, caller):
        await connection.execute(f"SET LOCAL ROLE {role}")
        for name in tenants.tables:
            try:
                async with connection.transaction():
                    await connection.execute(f"{verb} {name}")
                permitted.append(name)
            except asyncpg.InsufficientPrivilegeError:
                continue
    assert permitted == []


async def test_the_service_sees_every_tenants_rows(connection: asyncpg.Connection, tenants: Tenants) -> None:
    async with acting(connection, tenants, "stranger"):
        await connection.execute("SET LOCAL ROLE service_role")
        found = {name: await seen(connection, name, table.key) for name, table in tenants.tables.items()}
    assert found == {name: set().union(*rows.values()) for name, rows in tenants.rows.items()}


async def test_every_table_has_a_row_of_each_tenant_so_that_nothing_is_proven_on_emptiness(tenants: Tenants) -> None:
    shared = {"users", "platform_settings", "global_suppression", "enrichment_requests", "idempotency_keys"}
    assert {name for name, rows in tenants.rows.items() if not {tenants.a, tenants.b} <= set(rows)} == shared
    assert {name for name, rows in tenants.rows.items() if not any(rows.values())} == set()


async def test_functions_answer_for_the_callers_own_tenant_alone(
    connection: asyncpg.Connection, tenants: Tenants
) -> None:
    (campaign,) = tenants.of("campaigns", tenants.a)
    async with acting(connection, tenants, "owner of b"):
        assert await connection.fetchval("SELECT get_user_client_ids()") == [tenants.b]
        assert await connection.fetchval("SELECT app.client_ids_with_role('owner', 'viewer')") == [tenants.b]
        assert await connection.fetchval("SELECT app.effective_permission_mode($1)", UUID(campaign)) is None


async def test_functions_can_be_called_by_those_alone_who_need_them(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        SELECT r.rolname, array_agg(n.nspname || '.' || p.proname ORDER BY n.nspname, p.proname) AS functions
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace CROSS JOIN pg_roles AS r
        WHERE n.nspname IN ('app', 'public') AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
            AND r.rolname IN ('anon', 'authenticated', 'service_role', 'agency_os_app')
        GROUP BY 1
    """)
    tenants_use = """
        app.caller_id app.claim_idempotency_key app.client_ids_with_role app.confirm_caller app.confirmed_email
        app.effective_permission_mode app.keep_answer app.now app.set_updated_at app.uuid_v7 public.get_user_client_ids
    """.split()
    assert {row["rolname"]: row["functions"] for row in rows} == {
        "authenticated": tenants_use,
        "service_role": sorted(
            [
                *tenants_use,
                "app.applied_migrations",
                "app.audit_entry_bytes",
                "app.audit_seal_hash",
                "app.find_api_key",
                "app.seal_audit",
            ]
        ),
    }


async def test_functions_with_their_owners_rights_look_names_up_nowhere(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
        WHERE p.pronamespace IN ('app'::regnamespace, 'public'::regnamespace) AND p.prosecdef
            AND NOT 'search_path=""' = ANY (coalesce(p.proconfig, '{}'))
    """)
    assert [row["name"] for row in rows] == []


async def test_no_role_of_ours_reaches_tables_outside_schema_public(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        SELECT n.nspname || '.' || c.relname || ' ' || r.rolname AS right
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace CROSS JOIN pg_roles AS r
        WHERE n.nspname IN ('auth', 'app', 'supabase_migrations') AND c.relkind IN ('r', 'p', 'v', 'm')
            AND r.rolname IN ('anon', 'authenticated', 'service_role', 'agency_os_app')
            AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
    """)
    assert [row["right"] for row in rows] == []


async def test_public_holds_no_view_that_would_see_with_its_owners_eyes(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
    """)
    assert [row["relname"] for row in rows] == []


async def test_a_row_cannot_point_into_another_tenant(database_urls: DatabaseUrls) -> None:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    rows = await connection.fetch("""
        WITH tenant AS (SELECT attrelid, attnum FROM pg_attribute WHERE attname = 'client_id' AND NOT attisdropped)
        SELECT f.conname FROM pg_constraint AS f
        JOIN tenant AS own ON own.attrelid = f.conrelid JOIN tenant AS far ON far.attrelid = f.confrelid
        WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace
            AND NOT (own.attnum = ANY (f.conkey) AND far.attnum = ANY (f.confkey))
            -- Written by the audit triggers and the sealer alone, in one statement with the entry they belong to.
            AND f.conrelid NOT IN ('audit_values'::regclass, 'audit_sealed'::regclass)
    """)
    await connection.close()
    assert [row["conname"] for row in rows] == []


async def test_a_login_that_forgets_its_role_can_do_nothing(database_urls: DatabaseUrls) -> None:
    connection = await asyncpg.connect(database_urls.app_dsn)
    tables = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    refused = 0
    for table in tables:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM {table}")
        refused += 1
    await connection.close()
    assert refused >= 26
