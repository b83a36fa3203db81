"""A database of the user's own: a plain PostgreSQL is prepared like Supabase, anything else only migrated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from agency_os.db.bootstrap import is_ready_for_auth
from agency_os.db.migrate import load_migrations
from agency_os.exceptions import SettingsError, UnavailableError
from agency_os.stack.cluster import prepare_schema
from agency_os.stack.options import StackOptions
from agency_os.stack.plan import Plan, make_plan
from agency_os.stack.state import StateFolder
from tests.conftest import DatabaseUrls


def _plan(folder: Path, application: str, owner: str, **given: str) -> Plan:
    given |= {"DATABASE_URL": application, "MIGRATION_DATABASE_URL": owner}
    state = StateFolder(folder)
    with state.hold(lambda _: None):
        # A login belongs to the whole server, which other tests use beside this one: all give it the same password.
        (folder / "secrets.json").write_text(json.dumps({"auth": urlsplit(application).password}))
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


async def test_a_plain_database_lets_the_embedded_auth_server_in_at_every_start(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    plan = _plan(tmp_path, empty_database_urls.app_dsn, empty_database_urls.owner_dsn)
    await prepare_schema(plan)
    second = await prepare_schema(plan)
    assert (second.applied, await is_ready_for_auth(plan.auth_dsn)) == ((), True)


async def test_a_database_that_an_older_version_prepared_gets_what_auth_needs(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    plan = _plan(tmp_path, empty_database_urls.app_dsn, empty_database_urls.owner_dsn)
    await prepare_schema(plan)
    connection = await asyncpg.connect(empty_database_urls.owner_dsn)
    await connection.execute(
        "DROP TABLE auth.mfa_amr_claims, auth.refresh_tokens, auth.sessions;"
        "REVOKE ALL ON SCHEMA auth FROM supabase_auth_admin; REVOKE ALL ON auth.users FROM supabase_auth_admin"
    )
    await connection.close()
    assert not await is_ready_for_auth(plan.auth_dsn)
    await prepare_schema(plan)
    assert await is_ready_for_auth(plan.auth_dsn)


@pytest.fixture
async def supabases(empty_database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with users as Supabase brings them, and without what is not needed here."""
    connection = await asyncpg.connect(empty_database_urls.owner_dsn)
    await connection.execute(
        "CREATE SCHEMA auth; CREATE TABLE auth.schema_migrations (version text); CREATE TABLE auth.users (id uuid"
        " PRIMARY KEY, email text, encrypted_password text, raw_user_meta_data jsonb, email_confirmed_at timestamptz,"
        " banned_until timestamptz, deleted_at timestamptz);"
        "CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid';"
        "CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS 'SELECT NULL::text'"
    )
    yield connection
    await connection.close()


async def test_a_database_of_supabases_is_only_migrated(
    empty_database_urls: DatabaseUrls, supabases: asyncpg.Connection, tmp_path: Path
) -> None:
    own = {"SUPABASE_URL": "https://project.supabase.co"}
    await prepare_schema(_plan(tmp_path, empty_database_urls.app_dsn, empty_database_urls.owner_dsn, **own))
    columns = await supabases.fetchval(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'auth' AND table_name = 'users'"
    )
    assert (columns, await supabases.fetchval("SELECT to_regclass('auth.sessions')")) == (7, None)


async def test_a_database_of_supabases_needs_the_address_where_its_users_log_in(
    empty_database_urls: DatabaseUrls, supabases: asyncpg.Connection, tmp_path: Path
) -> None:
    plan = _plan(tmp_path, empty_database_urls.app_dsn, empty_database_urls.owner_dsn)
    with pytest.raises(SettingsError, match=r"^SUPABASE_URL is missing: .* expected https://PROJECT\.supabase\.co"):
        await prepare_schema(plan)
    assert await supabases.fetchval("SELECT to_regclass('public.leads') IS NULL")


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
