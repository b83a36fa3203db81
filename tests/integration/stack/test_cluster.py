"""A database of the user's own: a plain PostgreSQL is prepared like Supabase, anything else only migrated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from agency_os.db.migrate import load_migrations
from agency_os.exceptions import UnavailableError
from agency_os.stack.cluster import prepare_schema
from agency_os.stack.options import StackOptions
from agency_os.stack.plan import Plan, make_plan
from agency_os.stack.state import StateFolder
from tests.conftest import DatabaseUrls


def _plan(folder: Path, application: str, owner: str) -> Plan:
    given = {"DATABASE_URL": application, "MIGRATION_DATABASE_URL": owner}
    state = StateFolder(folder)
    with state.hold(lambda _: None):
        return make_plan(StackOptions(folder, given=given), state, lambda _: None, fresh=True)


async def test_a_plain_database_is_prepared_and_migrated_and_the_application_gets_in(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    plan = _plan(tmp_path, empty_database_urls.app_dsn, empty_database_urls.owner_dsn)
    report = await prepare_schema(plan)
    assert len(report.applied) == len(load_migrations())
    connection = await asyncpg.connect(empty_database_urls.app_dsn)
    assert await connection.fetchval("SELECT to_regclass('public.leads') IS NOT NULL")
    await connection.close()


async def test_a_database_with_users_of_its_own_is_only_migrated(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(empty_database_urls.owner_dsn)
    await connection.execute(
        "CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY, email text, raw_user_meta_data jsonb);"
        "CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid';"
        "CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS 'SELECT NULL::text'"
    )
    await prepare_schema(_plan(tmp_path, empty_database_urls.app_dsn, empty_database_urls.owner_dsn))
    columns = await connection.fetchval(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'auth' AND table_name = 'users'"
    )
    await connection.close()
    assert columns == 3


async def test_a_plain_database_needs_the_applications_own_login(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    plan = _plan(tmp_path, empty_database_urls.owner_dsn, empty_database_urls.owner_dsn)
    with pytest.raises(UnavailableError, match=r"is a plain PostgreSQL: let DATABASE_URL log in as agency_os_app"):
        await prepare_schema(plan)


@dataclass(frozen=True, slots=True)
class Ordinary:
    """A login without special rights that owns an empty database."""

    dsn: str


@pytest.fixture
async def ordinary(empty_database_urls: DatabaseUrls) -> AsyncIterator[Ordinary]:
    parts = urlsplit(empty_database_urls.owner_dsn)
    database = parts.path.strip("/")
    connection = await asyncpg.connect(empty_database_urls.owner_dsn)
    await connection.execute(f"CREATE ROLE plain_{database} LOGIN PASSWORD 'hush-hush'")
    await connection.execute(f"ALTER DATABASE {database} OWNER TO plain_{database}")
    yield Ordinary(f"postgresql://plain_{database}:hush-hush@127.0.0.1:{parts.port}/{database}")
    await connection.execute(f"ALTER DATABASE {database} OWNER TO postgres; DROP ROLE plain_{database}")
    await connection.close()


async def test_a_plain_database_cannot_be_prepared_by_an_ordinary_login(
    ordinary: Ordinary, empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    with pytest.raises(UnavailableError, match=r"whose login must be a superuser: ") as caught:
        await prepare_schema(_plan(tmp_path, empty_database_urls.app_dsn, ordinary.dsn))
    assert "hush-hush" not in str(caught.value)
