"""Makes a plain PostgreSQL look like Supabase to the migrations: roles, `auth.users`, `auth.uid()`.

Run by the supervisor and the tests before `migrate`; never against Supabase, which brings all of it along.
"""

from __future__ import annotations

from importlib.resources import files

import asyncpg

APP_LOGIN = "agency_os_app"


async def bootstrap(owner_dsn: str, *, app_password: str) -> None:
    """Create roles and the `auth` schema where absent, and set the application login's password.

    ``owner_dsn`` is a superuser's DSN of the database to prepare. Safe to run twice, and at once.
    """
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute(files("agency_os.db").joinpath("bootstrap.sql").read_text("utf-8"))
        # ALTER ROLE takes no bind parameters; format(%L) quotes on the server.
        statement = await connection.fetchval(
            "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", APP_LOGIN, app_password
        )
        await connection.execute(statement)
    finally:
        await connection.close()
