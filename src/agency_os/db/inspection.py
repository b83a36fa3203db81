"""A look at a database from outside, for the doctor: who a login is, and how far the migrations have come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import asyncpg

from agency_os.exceptions import UnavailableError

_SECONDS: Final = 5.0
_ROLES: Final = ("authenticated", "service_role")


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """The server's ``version`` with its ``major`` number, and what the login is."""

    version: str
    major: int
    is_superuser: bool
    has_our_roles: bool


async def inspect_login(url: str) -> LoginFacts:
    """Log in and look. Raises UnavailableError in words that hold no password."""
    connection = await _connect(url)
    try:
        row = await connection.fetchrow(
            "SELECT current_setting('server_version') AS version, "
            "current_setting('server_version_num')::integer / 10000 AS major, r.rolsuper AS is_superuser, "
            "(SELECT count(*) FROM pg_roles AS o WHERE o.rolname = ANY ($1) "
            "AND pg_has_role(current_user, o.oid, 'MEMBER')) AS roles FROM pg_roles AS r WHERE rolname = current_user",
            list(_ROLES),
        )
    finally:
        await connection.close()
    return LoginFacts(row["version"], row["major"], row["is_superuser"], row["roles"] == len(_ROLES))


async def applied_versions(url: str) -> set[str]:
    """The migrations in the history of a database; none where there is no history. Raises UnavailableError."""
    connection = await _connect(url)
    try:
        exists = await connection.fetchval("SELECT to_regclass('supabase_migrations.schema_migrations') IS NOT NULL")
        rows = await connection.fetch("SELECT version FROM supabase_migrations.schema_migrations") if exists else []
    finally:
        await connection.close()
    return {row["version"] for row in rows}


async def _connect(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, timeout=_SECONDS, statement_cache_size=0)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise UnavailableError(_words(error)) from error


def _words(error: Exception) -> str:
    if isinstance(error, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError):
        return "login or password is wrong"
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return "there is no such database"
    if isinstance(error, asyncpg.PostgresError):
        return str(error).splitlines()[0]
    return "it does not answer: start it, or check address and port"
