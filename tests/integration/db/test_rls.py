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

from tests.factories.tenants import KEYS, PEOPLE, Tenants, make_tenants
from tests.support.servers import Servers, copy_of_template, drop_database

# ruff: noqa: S608  # names come from the catalogue

# Who may what, written down apart from the policies: the clients whose rows a caller reads, and the one whose rows he
# edits or manages.
MANAGES = {
    "owner of a": "a", "admin of a": "a", "once banned owner of a": "a", "owner of b": "b",
    "viewer of a, owner of b": "b",
}  # fmt: skip
_LIVE_KEYS_OF_A = [name for name in KEYS if name.startswith("key of a: ")] + ["key of a that runs out tomorrow"]
READS: Mapping[str, set[str]] = {
    **{name: {"a"} for name in ("owner of a", "admin of a", "member of a", "viewer of a", "once banned owner of a")},
    **{name: {"a"} for name in _LIVE_KEYS_OF_A},
    "owner of b": {"b"}, "viewer of a, owner of b": {"a", "b"}, "key of b: every scope": {"b"},
}  # fmt: skip
_CAMPAIGNS, _LEADS = frozenset({"campaigns", "sequence_steps"}), frozenset({"leads", "companies"})
EDITS: Mapping[str, tuple[str, frozenset[str]]] = {
    **{name: (client, _CAMPAIGNS | _LEADS) for name, client in MANAGES.items()},
    "member of a": ("a", _CAMPAIGNS | _LEADS),
    "key of a: campaigns:write": ("a", _CAMPAIGNS), "key of a: leads:write": ("a", _LEADS),
    "key of a: every scope": ("a", _CAMPAIGNS | _LEADS), "key of a that runs out tomorrow": ("a", _CAMPAIGNS | _LEADS),
    "key of b: every scope": ("b", _CAMPAIGNS | _LEADS),
}  # fmt: skip

MANAGERS_READ = frozenset(
    {"webhook_configs", "audit_logs", "audit_values", "audit_seals", "audit_sealed", "invitations", "api_keys"}
)
SERVICE_ONLY = frozenset(
    "platform_settings global_suppression client_suppression inbound_events send_batches cost_entries "
    "enrichment_requests idempotency_keys import_files mailbox_positions".split()
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

# Who asks: a database role, and the person whose claims or the API key whose id it carries, if any.
BOTH = "stranger with a key of a"
CALLERS = [*sorted(PEOPLE), *KEYS, BOTH, "nobody", "anon", "login"]
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
        person, key = ("stranger", "key of a: every scope") if caller == BOTH else (caller, caller)
        claims = {"sub": str(tenants.people[person]), "role": "authenticated"} if person in PEOPLE else {}
        key_id, client_id = tenants.keys.get(key, (None, None))
        for name, value in {"api_key": key_id, "client_id": client_id}.items():
            await connection.execute(f"SELECT set_config('app.{name}', $1, true)", str(value or ""))
        await connection.execute(
            "SELECT set_config('request.jwt.claims', $1, true)", json.dumps(claims) if claims else ""
        )
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
    clients = {MANAGES.get(caller, "")} if table in MANAGERS_READ else READS.get(caller, set())
    return set().union(*(tenants.of(table, client_id) for name, client_id in both(tenants).items() if name in clients))


def both(tenants: Tenants) -> dict[str, UUID]:
    return {"a": tenants.a, "b": tenants.b}


def may_know(tenants: Tenants, caller: str) -> set[UUID]:
    own = {tenants.people["stranger" if caller == BOTH else caller]} if caller in {*PEOPLE, BOTH} else set()
    fellows = {
        tenants.people[name]
        for name, memberships in PEOPLE.items()
        for client, _, _, is_removed in memberships
        if client in READS.get(caller, set()) and not is_removed
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
    client, edited = EDITS.get(caller, ("a", frozenset()))
    expected = {
        **{name: EDITORS_UPDATE[name] for name in edited}, **(MANAGERS_UPDATE if caller in MANAGES else {}),
    }  # fmt: skip
    own = both(tenants)[client]
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
    others = {tenants.a, tenants.b} - {both(tenants)[EDITS[caller][0]] if caller in EDITS else None}
    before = await contents(connection, tenants)
    async with acting(connection, tenants, caller):
        for name, table in tenants.tables.items():
            for column in table.columns:
                if not column.is_generated:
                    await attempt(connection, f"UPDATE {name} SET {column.name} = {column.sample(9, tenants.a)}")
        await connection.execute("RESET ROLE")
        after = await contents(connection, tenants)
    differing = {key for key in before if after.get(key) != before[key]}
    assert bool(differing) == (caller in EDITS)
    assert {name for name, key in differing for client in others if key in tenants.of(name, client)} == set()


@pytest.mark.parametrize("caller", CALLERS)
async def test_insert_takes_the_granted_columns_into_ones_own_tenant_alone(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    own, edited = EDITS.get(caller, ("a", frozenset()))
    async with acting(connection, tenants, caller):
        done = {
            (name, client)
            for name, table in tenants.tables.items()
            for client, client_id in both(tenants).items()
            if await attempt(connection, table.insert(EDITORS_INSERT.get(name, table.names), 9, client_id))
        }
    assert done == {(name, own) for name in edited}


@pytest.mark.parametrize("caller", ["owner of a", "key of a: every scope"])
async def test_insert_of_any_column_that_is_not_granted_is_refused(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    async with acting(connection, tenants, caller):
        done = [
            f"{name}.{column}"
            for name, table in tenants.tables.items()
            for granted in [EDITORS_INSERT.get(name, set())]
            for column in sorted(table.names - granted)
            if await attempt(connection, table.insert({*granted, column}, 9, tenants.a))
        ]
    assert done == []


@pytest.mark.parametrize(
    "caller",
    ["viewer of a", "member of a", "owner of a", "owner of b", "key of a: every scope", "key of b: every scope"],
)
async def test_an_insert_that_meets_another_tenants_row_does_not_become_its_update(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    own, other = (tenants.b, tenants.a) if " of b" in caller else (tenants.a, tenants.b)
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


@pytest.mark.parametrize("caller", [each for each in CALLERS if each not in ROLES])
async def test_functions_answer_for_the_callers_own_tenant_alone(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    client, edited = EDITS.get(caller, ("", frozenset()))
    expected: dict[str, set[str]] = {
        "public.get_user_client_ids()": READS.get(caller, set()),
        "app.client_ids_with_role('owner', 'admin')": {MANAGES.get(caller, "")},
        "app.client_ids_to_edit('campaigns:write')": {client} if "campaigns" in edited else set(),
        "app.client_ids_to_edit('leads:write')": {client} if "leads" in edited else set(),
    }
    async with acting(connection, tenants, caller):
        found = {call: set(await connection.fetchval(f"SELECT {call}")) for call in expected}
    assert found == {
        call: {client_id for name, client_id in both(tenants).items() if name in names}
        for call, names in expected.items()
    }


@pytest.mark.parametrize("caller", [each for each in CALLERS if each not in ROLES])
async def test_a_standing_is_told_to_those_alone_who_have_one(
    connection: asyncpg.Connection, tenants: Tenants, caller: str
) -> None:
    expected: dict[str, list[object]] = {}
    found: dict[str, list[object]] = {}
    modes: set[str] = set()
    async with acting(connection, tenants, caller):
        for name, client_id in both(tenants).items():
            if name in READS.get(caller, set()):
                roles = [role for client, role, _, _ in PEOPLE.get(caller, []) if client == name]
                expected[name] = [(*roles, None)] if roles else [(None, KEYS[caller][2])]
            rows = await connection.fetch("SELECT role, scopes FROM app.confirm_caller($1)", client_id)
            found |= {name: [tuple(row) for row in rows]} if rows else {}
            (campaign,) = tenants.of("campaigns", client_id)
            if await connection.fetchval("SELECT app.effective_permission_mode($1)", UUID(campaign)) is not None:
                modes.add(name)
    assert (found, modes) == (expected, READS.get(caller, set()))


async def test_functions_can_be_called_by_those_alone_who_need_them(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        SELECT r.rolname, array_agg(n.nspname || '.' || p.proname ORDER BY n.nspname, p.proname) AS functions
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace CROSS JOIN pg_roles AS r
        WHERE n.nspname IN ('app', 'public') AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
            AND r.rolname IN ('anon', 'authenticated', 'service_role', 'agency_os_app')
        GROUP BY 1
    """)
    tenants_use = """
        app.caller_id app.claim_idempotency_key app.client_ids_to_edit app.client_ids_with_role app.confirm_caller
        app.confirmed_email
        app.effective_permission_mode app.keep_answer app.now app.set_updated_at app.uuid_v7 public.get_user_client_ids
    """.split()
    assert {row["rolname"]: row["functions"] for row in rows} == {
        "authenticated": tenants_use,
        "service_role": sorted(
            [
                *tenants_use,
                "app.applied_migrations",
                "app.audit_entry_hash",
                "app.audit_seal_hash",
                "app.find_api_key",
                "app.seal_audit",
            ]
        ),
    }
