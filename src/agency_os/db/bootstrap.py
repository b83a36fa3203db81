"""Makes a plain PostgreSQL look like Supabase to the migrations: roles, `auth.users`, `auth.uid()`.

Run by the supervisor and the tests before `migrate`; never against Supabase, which brings all of it along. The tables
of the embedded auth server and its login are part of it.
"""

from __future__ import annotations

from importlib.resources import files

import asyncpg

from agency_os.db.databases import FAILURES

APP_LOGIN = "agency_os_app"
AUTH_LOGIN = "supabase_auth_admin"

_ATTEMPTS = 10


async def bootstrap(owner_dsn: str, *, app_password: str, auth_password: str | None = None) -> None:
    """Create roles and the `auth` schema where absent, and set the passwords of the logins.

    ``owner_dsn`` is a superuser's DSN of the database to prepare; without ``auth_password`` the auth server's login
    keeps the one it has, which at first is none: nobody logs in by it. Safe to run twice, at once, and on a database
    that an older version prepared.
    """
    passwords = {APP_LOGIN: app_password}
    if auth_password is not None:
        passwords[AUTH_LOGIN] = auth_password
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute(files("agency_os.db").joinpath("bootstrap.sql").read_text("utf-8"))
        for login, password in passwords.items():
            await _set_password(connection, login, password)
    finally:
        await connection.close()


async def is_bootstrapped(owner_dsn: str) -> bool:
    """Whether the schema `auth` is the one made here, by this version or an older one, and not Supabase's.

    Supabase's own auth server keeps its migrations and its identities beside the users; ours has neither.
    """
    connection = await asyncpg.connect(owner_dsn)
    try:
        ours: bool = await connection.fetchval(
            "SELECT count(*) FILTER (WHERE c.relname = 'users') = 1 AND count(*) = 1"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'auth' AND (c.relname IN ('schema_migrations', 'identities') OR c.relname = 'users'"
            " AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'encrypted_password'))"
        )
        return ours
    finally:
        await connection.close()


async def is_ready_for_auth(auth_dsn: str) -> bool:
    """Whether the auth server's login gets in and finds its tables; False also when the database is away."""
    try:
        connection = await asyncpg.connect(auth_dsn, timeout=10)
    except FAILURES:
        return False
    try:
        ready: bool = await connection.fetchval(
            "SELECT to_regclass('auth.sessions') IS NOT NULL AND to_regclass('auth.refresh_tokens') IS NOT NULL"
            " AND to_regclass('auth.mfa_amr_claims') IS NOT NULL"
        )
    except asyncpg.PostgresError:  # without rights on the schema
        return False
    else:
        return ready
    finally:
        await connection.close()


async def _set_password(connection: asyncpg.Connection, login: str, password: str) -> None:
    # ALTER ROLE takes no bind parameters; format(%L) quotes on the server.
    statement = await connection.fetchval(
        "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", login, password
    )
    for attempt in range(_ATTEMPTS):
        try:
            await connection.execute(statement)
        except asyncpg.InternalServerError as error:
            # A login belongs to all databases of a server: another one's bootstrap changed it at this very moment.
            if "tuple concurrently updated" not in str(error) or attempt == _ATTEMPTS - 1:
                raise
        else:
            return
