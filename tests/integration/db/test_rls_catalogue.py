"""What the catalogue must say of a migrated database, so that row-level security cannot be gone around."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import DatabaseUrls

# ruff: noqa: S608  # names come from the catalogue


@pytest.fixture
async def connection(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    yield connection
    await connection.close()


async def test_secrets_are_columns_that_no_tenant_reads(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        SELECT c.relname || '.' || a.attname AS name FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
            AND NOT a.attisdropped AND has_any_column_privilege('authenticated', c.oid, 'SELECT')
            AND NOT has_column_privilege('authenticated', c.oid, a.attnum, 'SELECT')
        ORDER BY 1
    """)
    assert [row["name"] for row in rows] == ["api_keys.digest", "webhook_configs.secret"]


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
