"""What a user can get wrong: said in one plain line with the exit status of a command, and the state kept."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.conftest import DatabaseUrls
from tests.integration.stack.running import PROGRAM, Stack, as_ordinary_user, new_stack

SOMEWHERE_ELSE = {"REDIS_URL": "redis://127.0.0.1:9/0", "PREFECT_API_URL": "http://127.0.0.1:9/api"}


@pytest.fixture
def stack() -> Iterator[Stack]:
    with new_stack() as made:
        yield made


def _put(stack: Stack, name: str, text: str) -> None:
    """A file in the state folder, as a run of the stack's own user would have left it."""
    stack.state.mkdir(exist_ok=True)
    (stack.state / name).write_text(text)
    if os.geteuid() == 0:
        for path in (stack.state, stack.state / name):
            shutil.chown(path, "nobody", "nogroup")


@pytest.mark.needs("root")
def test_root_is_told_to_be_an_ordinary_user(stack: Stack) -> None:
    done = subprocess.run(
        [PROGRAM, "up"], cwd=stack.folder, env={"HOME": "/", "PATH": os.defpath}, capture_output=True, check=False
    )
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, len(lines), done.stdout) == (2, 1, b"")
    assert "PostgreSQL refuses to run as root: start this as an ordinary user" in lines[0]
    assert not stack.state.exists()


def test_missing_settings_are_named_one_a_line_with_status_2(stack: Stack) -> None:
    status, lines = stack.refused(RESEND_API_KEY="re_key")
    assert status == 2
    assert all(line.startswith("agency-os: ") and " is missing: expected " in line for line in lines)
    assert len(lines) == 8


def test_a_port_asked_for_that_is_taken_is_one_line(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, lines = stack.refused("--port", str(port))
    assert (status, lines) == (
        1,
        [f"agency-os: port {port} is taken by another program: end that, or choose another port"],
    )


def test_a_damaged_state_file_is_named_and_kept(stack: Stack) -> None:
    _put(stack, "secrets.json", '{"postgres": "ab')
    status, lines = stack.refused()
    assert (status, len(lines)) == (1, 1)
    assert f"{stack.state}/secrets.json is damaged: restore it from a copy" in lines[0]
    assert (stack.state / "secrets.json").read_text() == '{"postgres": "ab'


def test_a_folder_that_cannot_be_written_is_one_line(stack: Stack) -> None:
    locked = stack.folder / "locked"
    locked.mkdir(mode=0o555)
    status, lines = stack.refused(AGENCY_OS_STATE=str(locked / "state"))
    assert (status, lines) == (
        1,
        [f"agency-os: the state folder {locked}/state cannot be written: Permission denied"],
    )


async def test_a_database_of_a_newer_version_is_refused_and_untouched(
    stack: Stack, database_urls: DatabaseUrls
) -> None:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    await connection.execute("INSERT INTO supabase_migrations.schema_migrations (version, name) VALUES ('999', 'new')")
    own = {"DATABASE_URL": database_urls.app_dsn, "MIGRATION_DATABASE_URL": database_urls.owner_dsn}
    # A login belongs to the whole server, which other tests use at this moment: its password stays as it is.
    _put(stack, "secrets.json", json.dumps({"auth": urlsplit(database_urls.app_dsn).password}))
    status, lines = stack.refused(**own, **SOMEWHERE_ELSE)
    count = await connection.fetchval("SELECT count(*) FROM supabase_migrations.schema_migrations WHERE name = 'new'")
    await connection.close()
    assert (status, count) == (1, 1)
    assert "does not know (999): it belongs to a newer Agency OS" in lines[-1]


def test_migrating_without_the_owners_login_names_the_setting(stack: Stack) -> None:
    done = _migrate(stack)
    assert done.returncode == 2
    assert done.stderr.startswith("agency-os: MIGRATION_DATABASE_URL is missing: expected postgresql://OWNER:PASSWORD@")
    assert len(done.stderr.splitlines()) == 1


def test_migrating_a_server_that_is_away_is_one_line_without_the_password(stack: Stack) -> None:
    done = _migrate(stack, "postgresql://owner:hush-hush@127.0.0.1:9/db")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "hush-hush" not in done.stderr


async def test_migrate_says_what_it_applied_and_the_second_time_nothing(
    stack: Stack, empty_database_urls: DatabaseUrls
) -> None:
    from agency_os.db.bootstrap import bootstrap
    from agency_os.db.migrate import load_migrations

    app_password = empty_database_urls.app_dsn.split("@")[0].rpartition(":")[2]
    await bootstrap(empty_database_urls.owner_dsn, app_password=app_password)
    first, second = (_migrate(stack, empty_database_urls.owner_dsn).stdout.splitlines() for _ in range(2))
    assert first[:-1] == [f"applied {migration.version}" for migration in load_migrations()]
    assert second == [f"the database is up to date: 0 migrations applied, {len(first) - 1} were before"]


def _migrate(stack: Stack, owner_dsn: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*as_ordinary_user(), PROGRAM, "migrate"],
        cwd=stack.folder,
        env={"HOME": str(stack.folder / "home"), "PATH": os.defpath, "MIGRATION_DATABASE_URL": owner_dsn},
        capture_output=True,
        text=True,
        check=False,
    )
