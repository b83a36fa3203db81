"""The migration runner on a real PostgreSQL: safe at once, all or nothing per file, a strange history is refused."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agency_os.db.migrate import load_migrations, migrate, migrations_folder, pending_versions
from agency_os.exceptions import MigrationError
from tests.conftest import DatabaseUrls

_RUNNER_LOCK = 7_304_117_001


@asynccontextmanager
async def _connected(urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.owner_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _history(urls: DatabaseUrls) -> list[str]:
    async with _connected(urls) as connection:
        rows = await connection.fetch("SELECT version FROM supabase_migrations.schema_migrations ORDER BY version")
    return [row["version"] for row in rows]


async def _exists(urls: DatabaseUrls, table: str) -> Any:
    async with _connected(urls) as connection:
        return await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"public.{table}")


def _write(folder: Path, **files: str) -> Path:
    """Migrations by name; ``_001_a`` becomes 001_a.sql."""
    for name, sql in files.items():
        (folder / f"{name.removeprefix('_')}.sql").write_text(sql)
    return folder


async def test_every_migration_is_applied_once_and_a_second_run_does_nothing(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    folder = _write(tmp_path, _001_a="CREATE TABLE a (id int)", _002_b="CREATE TABLE b (id int)")
    first = await migrate(empty_database_urls.owner_dsn, folder=folder)
    second = await migrate(empty_database_urls.owner_dsn, folder=folder)
    assert (first.applied, first.before) == (("001", "002"), 0)
    assert (second.applied, second.before) == ((), 2)


async def test_the_history_is_in_the_form_that_supabase_keeps(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    await migrate(empty_database_urls.owner_dsn, folder=_write(tmp_path, _001_people="CREATE TABLE people (id int)"))
    async with _connected(empty_database_urls) as connection:
        row = await connection.fetchrow("SELECT version, name, statements FROM supabase_migrations.schema_migrations")
    assert tuple(row) == ("001", "people", ["CREATE TABLE people (id int)"])


async def test_eight_runners_at_once_apply_each_file_once(empty_database_urls: DatabaseUrls, tmp_path: Path) -> None:
    # Without the lock the second runner of the slow file fails: its table is already there.
    folder = _write(
        tmp_path, _001_slow="CREATE TABLE slow (id int); SELECT pg_sleep(0.3)", _002_next="CREATE TABLE next (id int)"
    )
    reports = await asyncio.gather(*(migrate(empty_database_urls.owner_dsn, folder=folder) for _ in range(8)))
    assert sorted(version for report in reports for version in report.applied) == ["001", "002"]
    assert await _history(empty_database_urls) == ["001", "002"]


async def test_a_runner_that_waits_too_long_for_another_says_so(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    folder = _write(tmp_path, _001_a="CREATE TABLE a (id int)")
    async with _connected(empty_database_urls) as other:
        await other.execute("SELECT pg_advisory_lock($1)", _RUNNER_LOCK)
        with pytest.raises(MigrationError, match=r"^another migration run has held the lock for 1 s; wait"):
            await migrate(empty_database_urls.owner_dsn, folder=folder, lock_wait_seconds=1)
    assert not await _exists(empty_database_urls, "a")


async def test_a_migration_waits_for_live_traffic_ten_seconds_at_most(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    folder = _write(tmp_path, _001_a="CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS value")
    await migrate(empty_database_urls.owner_dsn, folder=folder)
    async with _connected(empty_database_urls) as connection:
        assert await connection.fetchval("SELECT value FROM seen") == "10s"


async def test_a_file_that_fails_leaves_nothing_and_the_run_goes_on_once_it_is_mended(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    folder = _write(
        tmp_path,
        _001_a="CREATE TABLE a (id int)",
        _002_b="CREATE TABLE b (id int); INSERT INTO nowhere VALUES (1)",
        _003_c="CREATE TABLE c (id int)",
    )
    with pytest.raises(MigrationError, match=r'^migration 002_b failed, nothing of it was kept: .*"nowhere"'):
        await migrate(empty_database_urls.owner_dsn, folder=folder)
    assert (await _history(empty_database_urls), await _exists(empty_database_urls, "b")) == (["001"], False)
    _write(folder, _002_b="CREATE TABLE b (id int)")
    assert (await migrate(empty_database_urls.owner_dsn, folder=folder)).applied == ("002", "003")


async def test_a_failed_run_frees_the_lock(empty_database_urls: DatabaseUrls, tmp_path: Path) -> None:
    folder = _write(tmp_path, _001_a="this is no SQL")
    for _ in range(2):
        with pytest.raises(MigrationError, match=r"^migration 001_a failed"):
            await migrate(empty_database_urls.owner_dsn, folder=folder, lock_wait_seconds=1)


async def test_a_gap_in_the_history_is_refused_and_nothing_is_applied(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    folder = _write(tmp_path, _001_a="CREATE TABLE a (id int)", _003_c="CREATE TABLE c (id int)")
    await migrate(empty_database_urls.owner_dsn, folder=folder)
    _write(folder, _002_b="CREATE TABLE b (id int)", _004_d="CREATE TABLE d (id int)")
    with pytest.raises(MigrationError, match=r"^migration 002 is missing although later ones were applied"):
        await migrate(empty_database_urls.owner_dsn, folder=folder)
    assert await _history(empty_database_urls) == ["001", "003"]


async def test_a_database_of_a_newer_version_is_refused_and_nothing_is_applied(
    empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    folder = _write(tmp_path, _001_a="CREATE TABLE a (id int)", _009_z="CREATE TABLE z (id int)")
    await migrate(empty_database_urls.owner_dsn, folder=folder)
    (folder / "009_z.sql").unlink()
    _write(folder, _010_new="CREATE TABLE new (id int)")
    with pytest.raises(MigrationError, match=r"does not know \(009\): it belongs to a newer Agency OS"):
        await migrate(empty_database_urls.owner_dsn, folder=folder)
    assert not await _exists(empty_database_urls, "new")


async def test_pending_names_what_a_database_lacks(empty_database_urls: DatabaseUrls, tmp_path: Path) -> None:
    folder = _write(tmp_path, _001_a="CREATE TABLE a (id int)")
    async with _connected(empty_database_urls) as connection:
        untouched = await pending_versions(connection, folder)
        await migrate(empty_database_urls.owner_dsn, folder=folder)
        _write(folder, _002_b="CREATE TABLE b (id int)")
        assert (untouched, await pending_versions(connection, folder)) == (["001"], ["002"])


async def test_the_real_migrations_are_complete_in_a_migrated_database(database_urls: DatabaseUrls) -> None:
    async with _connected(database_urls) as connection:
        assert await pending_versions(connection) == []
    assert await _history(database_urls) == [migration.version for migration in load_migrations()]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("1-first.sql",), r"^1-first.sql is not named like 015_what_it_does.sql"),
        (("001_a.sql", "001_b.sql"), r"^two migrations have version 001; renumber 001_b.sql"),
        ((), r"^no migrations found in .*; the installation is incomplete"),
    ],
)
def test_a_folder_that_cannot_be_right_is_refused(files: tuple[str, ...], message: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match=message):
        load_migrations(tmp_path)


def test_an_installed_package_uses_the_migrations_it_brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "migrations").mkdir()
    monkeypatch.setattr(importlib.import_module("agency_os.db.migrate"), "__file__", str(tmp_path / "migrate.py"))
    assert migrations_folder() == tmp_path / "migrations"


def test_a_checkout_uses_the_folder_that_supabase_uses() -> None:
    assert migrations_folder().parts[-2:] == ("supabase", "migrations")
