"""The bootstrap: safe to run twice, at once and on a database of an older version; its logins may do what they need."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from agency_os.db.bootstrap import bootstrap, is_bootstrapped, is_ready_for_auth
from agency_os.db.migrate import migrate
from tests.conftest import DatabaseUrls
from tests.factories.auth import auth_dsn


def _password(urls: DatabaseUrls) -> str:
    return urlsplit(urls.app_dsn).password or ""


async def test_it_may_run_twice_and_at_once(empty_database_urls: DatabaseUrls) -> None:
    password = _password(empty_database_urls)
    again = [bootstrap(empty_database_urls.owner_dsn, app_password=password, auth_password=password) for _ in range(4)]
    await asyncio.gather(*again)
    assert await is_ready_for_auth(await auth_dsn(empty_database_urls))


async def test_a_database_of_an_older_version_gets_what_is_new_and_keeps_its_people(
    database_urls: DatabaseUrls,
) -> None:
    owner = await asyncpg.connect(database_urls.owner_dsn)
    await owner.execute(
        "DROP TABLE auth.mfa_amr_claims, auth.refresh_tokens, auth.sessions;"
        "REVOKE ALL ON SCHEMA auth FROM supabase_auth_admin; REVOKE ALL ON auth.users FROM supabase_auth_admin;"
        "INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8000-000000000001', 'ada@agency.example')"
    )
    before = await is_bootstrapped(database_urls.owner_dsn)
    dsn = await auth_dsn(database_urls)
    report = await migrate(database_urls.owner_dsn)
    kept = await owner.fetchval("SELECT count(*) FROM public.users")
    await owner.close()
    assert (before, await is_ready_for_auth(dsn), report.applied, kept) == (True, True, (), 1)


async def test_without_a_password_nobody_logs_in_as_the_auth_server(empty_database_urls: DatabaseUrls) -> None:
    await bootstrap(empty_database_urls.owner_dsn, app_password=_password(empty_database_urls))
    dsn = (await auth_dsn(empty_database_urls)).replace("supabase_auth_admin:", "supabase_auth_admin:x")
    assert not await is_ready_for_auth(dsn)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM auth.users",
        "TRUNCATE auth.sessions CASCADE",
        "SELECT FROM public.users",
        "SELECT FROM public.leads",
        "INSERT INTO public.users (id, email) VALUES ('00000000-0000-4000-8000-000000000001', 'x')",
        "CREATE TABLE auth.mine ()",
        "CREATE TABLE public.mine ()",
        "SET ROLE service_role",
        "SET ROLE authenticated",
        "ALTER TABLE auth.users DISABLE TRIGGER ALL",
        "CREATE ROLE other",
    ],
)
async def test_the_auth_servers_login_may_do_nothing_else(database_urls: DatabaseUrls, statement: str) -> None:
    connection = await asyncpg.connect(await auth_dsn(database_urls))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("theirs", ["auth.identities", "auth.schema_migrations"])
async def test_supabases_own_schema_is_told_from_ours(database_urls: DatabaseUrls, theirs: str) -> None:
    owner = await asyncpg.connect(database_urls.owner_dsn)
    await owner.execute(f"CREATE TABLE {theirs} ()")
    await owner.close()
    assert not await is_bootstrapped(database_urls.owner_dsn)
