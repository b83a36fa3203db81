"""Databases and logins of a PostgreSQL server: what the one-machine stack makes on its own server before migrating.

Names and passwords are ours, plain letters and hexadecimal digits; everything is safe to run twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from agency_os.exceptions import UnavailableError

FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What asyncpg raises when a server is away, does not let us in, or refuses a statement."""


async def make_database(server_dsn: str, name: str) -> None:
    """Create database ``name``, owned by the login of ``server_dsn``, where it is absent."""
    async with _connection(server_dsn) as connection:
        if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
            await connection.execute(f"CREATE DATABASE {name}")


async def make_tenant(server_dsn: str, name: str, password: str) -> None:
    """A login ``name`` with ``password`` and a database of the same name, which it owns; it owns nothing else.

    For a program whose data may lag: its commits do not wait for the disk.
    """
    await _make_login(server_dsn, name, password)
    await make_database(server_dsn, name)
    async with _connection(server_dsn) as connection:
        await connection.execute(f"ALTER DATABASE {name} OWNER TO {name}")
        await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")


async def is_plain(owner_dsn: str) -> bool:
    """Whether the database lacks what Supabase brings along, the users of `auth` (see `bootstrap`)."""
    async with _connection(owner_dsn) as connection:
        return not await connection.fetchval("SELECT to_regclass('auth.users') IS NOT NULL")


async def _make_login(server_dsn: str, name: str, password: str) -> None:
    async with _connection(server_dsn) as connection:
        exists = await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", name)
        await connection.execute(f"{'ALTER' if exists else 'CREATE'} ROLE {name} LOGIN PASSWORD '{password}'")


@asynccontextmanager
async def _connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except FAILURES as error:
        raise UnavailableError(f"the database cannot be reached: {error or type(error).__name__}") from error
    try:
        yield connection
    finally:
        await connection.close()
