"""Makes a plain PostgreSQL look like Supabase to the migrations: roles, `auth.users`, `auth.uid()`.

Run by the supervisor and the tests before `migrate`; never against Supabase, which brings all of it along. The tables
of the embedded auth server and its login are part of it.
"""

from __future__ import annotations

from importlib.resources import files

import asyncpg

APP_LOGIN = "agency_os_app"
AUTH_LOGIN = "supabase_auth_admin"


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
            # ALTER ROLE takes no bind parameters; format(%L) quotes on the server.
            statement = await connection.fetchval(
                "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", login, password
            )
            await connection.execute(statement)
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
