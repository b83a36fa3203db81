"""The migrated schema: equal to the models, every tenant table behind row-level security, nothing that deletes."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from tests.conftest import DatabaseUrls


async def test_the_models_equal_the_migrated_schema(database_urls: DatabaseUrls) -> None:
    import agency_os.models
    from agency_os.db.session import create_engine
    from agency_os.models.base import Base

    for module in pkgutil.walk_packages(agency_os.models.__path__, "agency_os.models."):
        importlib.import_module(module.name)

    def compare(connection: Connection) -> list[Any]:
        options = {"compare_type": True, "compare_server_default": True, "include_object": _is_ours}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    engine = create_engine(database_urls.owner_dsn)
    async with engine.connect() as connection:
        differences = await connection.run_sync(compare)
    await engine.dispose()
    assert differences == []


async def test_every_table_with_a_client_is_behind_row_level_security(database_urls: DatabaseUrls) -> None:
    rows = await _rows(
        database_urls,
        """
        SELECT c.relname AS table_name, c.relrowsecurity AS secured,
               EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS has_policy,
               EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'client_id') AS of_a_client
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
        """,
    )
    assert len([row for row in rows if row["of_a_client"]]) >= 20
    assert [row["table_name"] for row in rows if not (row["secured"] and row["has_policy"])] == []


async def test_an_index_serves_every_policy_by_client(database_urls: DatabaseUrls) -> None:
    rows = await _rows(
        database_urls,
        """
        SELECT c.relname AS table_name
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'client_id' AND NOT a.attisdropped
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum)
        """,
    )
    assert [row["table_name"] for row in rows] == []


async def test_no_foreign_key_deletes_or_empties(database_urls: DatabaseUrls) -> None:
    rows = await _rows(
        database_urls,
        """
        SELECT conrelid::regclass::text || '.' || conname AS name
        FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
          AND confdeltype NOT IN ('r', 'a')
        """,
    )
    assert [row["name"] for row in rows] == []


async def test_the_application_owns_nothing_and_may_delete_nothing(database_urls: DatabaseUrls) -> None:
    rows = await _rows(
        database_urls,
        """
        SELECT c.relname || ' ' || r.rolname AS right
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN pg_roles r
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
          AND r.rolname IN ('agency_os_app', 'anon', 'authenticated', 'service_role')
          AND (c.relowner = r.oid OR has_table_privilege(r.oid, c.oid, 'DELETE')
               OR has_table_privilege(r.oid, c.oid, 'TRUNCATE'))
        """,
    )
    assert [row["right"] for row in rows] == []


def _is_ours(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Supabase brings the schema `auth`; the models only point at its users."""
    return getattr(item, "schema", None) != "auth"


async def _rows(urls: DatabaseUrls, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(urls.owner_dsn)
    rows = await connection.fetch(query)
    await connection.close()
    return list(rows)
