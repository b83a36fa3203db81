"""Applies `supabase/migrations` in order, with Supabase's own history table, so that either tool can go on.

Each file runs in one transaction with its history row: a failing file leaves nothing behind. A lock serialises
runners; `lock_timeout` keeps a migration from queueing in front of live traffic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from agency_os.exceptions import MigrationError

_FILE_NAME = re.compile(r"^(\d+)_([a-z0-9_]+)\.sql$")
_RUNNER_LOCK = 7_304_117_001
_HISTORY = """
CREATE SCHEMA IF NOT EXISTS supabase_migrations;
CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations (
    version text PRIMARY KEY, statements text[], name text
);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: ``version`` is its leading digits, as Supabase's CLI reads them."""

    version: str
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a run did: versions applied now, and how many had been applied before."""

    applied: tuple[str, ...]
    before: int


def migrations_folder() -> Path:
    """The folder of migrations: inside an installed wheel, else of the checkout."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "supabase" / "migrations"


def load_migrations(folder: Path | None = None) -> list[Migration]:
    """Read all migrations in version order. Raises MigrationError on a bad name or a repeated version."""
    folder = folder or migrations_folder()
    found: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.match(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 015_what_it_does.sql; rename it")
        version, name = match.groups()
        if version in found:
            raise MigrationError(f"two migrations have version {version}; renumber {path.name}")
        found[version] = Migration(version, name, path.read_text("utf-8"))
    if not found:
        raise MigrationError(f"no migrations found in {folder}; the installation is incomplete")
    return list(found.values())


async def migrate(owner_dsn: str, *, folder: Path | None = None, lock_wait_seconds: int = 120) -> MigrationReport:
    """Bring the database at ``owner_dsn`` to the newest version.

    Raises MigrationError when another runner holds the lock too long, a file fails (nothing of it stays), a file was
    applied out of order, or the database is of a newer version than this code.
    """
    migrations = load_migrations(folder)
    connection = await asyncpg.connect(owner_dsn)
    try:
        await _lock(connection, lock_wait_seconds)
        await connection.execute(_HISTORY)
        done = await _applied_versions(connection)
        _refuse_strange_history(migrations, done)
        pending = [m for m in migrations if m.version not in done]
        await connection.execute("SET lock_timeout = '10s'")
        for migration in pending:
            await _apply(connection, migration)
        return MigrationReport(tuple(m.version for m in pending), len(done))
    finally:
        await connection.close()  # a session-level advisory lock ends with its session


async def pending_versions(connection: asyncpg.Connection, folder: Path | None = None) -> list[str]:
    """Versions not applied yet, for readiness checks. A missing history table means all of them."""
    exists = await connection.fetchval("SELECT to_regclass('supabase_migrations.schema_migrations') IS NOT NULL")
    done = await _applied_versions(connection) if exists else set()
    return [m.version for m in load_migrations(folder) if m.version not in done]


async def _lock(connection: asyncpg.Connection, seconds: int) -> None:
    await connection.execute(f"SET lock_timeout = '{int(seconds)}s'")
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _RUNNER_LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationError(
            f"another migration run has held the lock for {seconds} s; wait for it to end, then run again"
        ) from error


async def _applied_versions(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch("SELECT version FROM supabase_migrations.schema_migrations")
    return {row["version"] for row in rows}


def _refuse_strange_history(migrations: list[Migration], done: set[str]) -> None:
    newer = sorted(done - {m.version for m in migrations})
    if newer:
        raise MigrationError(
            f"the database has migrations this version does not know ({', '.join(newer)}): "
            "it belongs to a newer Agency OS; upgrade the software, the data is untouched"
        )
    newest_done = max(done, default="")
    gaps = [m.version for m in migrations if m.version < newest_done and m.version not in done]
    if gaps:
        raise MigrationError(
            f"migration {', '.join(gaps)} is missing although later ones were applied: "
            "the history is half applied; restore the database or apply the missing file by hand"
        )


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO supabase_migrations.schema_migrations (version, name, statements) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                [migration.sql],
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"migration {migration.version}_{migration.name} failed, nothing of it was kept: {error}"
        ) from error
