"""Behind PgBouncer in transaction mode: many clients on few connections, none fails, nothing leaks between them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from agency_os.db import Database, Role
from agency_os.kit.ids import new_id
from tests.conftest import DatabaseUrls
from tests.factories.outreach import MONDAY_NOON

pytestmark = pytest.mark.needs("pgbouncer")

SERVER_CONNECTIONS = 5
_WHO = text("""
    SELECT current_user::text, auth.uid(), app.now(), pg_backend_pid(), public.get_user_client_ids()
""")
_WHO_ALONE = """
    SELECT current_user::text AS caller, coalesce(current_setting('request.jwt.claims', true), '') AS claims,
        coalesce(current_setting('app.now', true), '') AS now
"""


@pytest.fixture
async def pooled_dsn(database_urls: DatabaseUrls, tmp_path: Path) -> AsyncIterator[str]:
    """The application's DSN, by way of a PgBouncer of the test's own."""
    server, port = urlsplit(database_urls.app_dsn), _free_port()
    users = tmp_path / "users.txt"
    users.write_text(f'"{server.username}" "{server.password}"\n')
    config = tmp_path / "pgbouncer.ini"
    config.write_text(
        f"""
        [databases]
        * = host=127.0.0.1 port={server.port}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = scram-sha-256
        auth_file = {users}
        pool_mode = transaction
        default_pool_size = {SERVER_CONNECTIONS}
        max_client_conn = 500
        ignore_startup_parameters = extra_float_digits
        logfile = {tmp_path / "pgbouncer.log"}
    """.replace("        ", "")
    )
    process = _start(config, tmp_path)
    try:
        await _until_up(port, process, tmp_path / "pgbouncer.log")
        yield f"postgresql://{server.username}:{server.password}@127.0.0.1:{port}{server.path}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture
async def people(database_urls: DatabaseUrls) -> dict[UUID, UUID]:
    """Eight people, each the owner of a client."""
    owner = await asyncpg.connect(database_urls.owner_dsn)
    found = {new_id(): new_id() for _ in range(8)}
    for user_id, client_id in found.items():
        email = f"{user_id}@team.example"
        await owner.execute("INSERT INTO auth.users (id, email) VALUES ($1, $2)", user_id, email)
        await owner.execute("INSERT INTO clients (id, name) VALUES ($1, 'Agency')", client_id)
        await owner.execute(
            "INSERT INTO memberships (user_id, client_id, role, accepted_at) VALUES ($1, $2, 'owner', now())",
            user_id,
            client_id,
        )
    await owner.close()
    return found


async def ask(database: Database, role: Role, user_id: UUID | None, now: datetime) -> list[tuple[object, ...]]:
    """One transaction with pauses in it: who it is, at its beginning and its end."""
    claims = {"sub": str(user_id)} if user_id else None
    async with database.transaction(now=now, role=role, claims=claims) as db:
        first = tuple((await db.execute(_WHO)).one())
        await asyncio.sleep(0)
        return [first, tuple((await db.execute(_WHO)).one())]


async def test_960_transactions_at_once_none_fails_and_each_is_who_it_says(
    pooled_dsn: str, people: dict[UUID, UUID]
) -> None:
    processes = [Database.connect(pooled_dsn) for _ in range(4)]
    persons = list(people)
    cases: list[tuple[Role, UUID | None, datetime]] = []
    for number in range(960):
        person = persons[number % 8] if number % 3 else None
        cases.append(("authenticated" if person else "service_role", person, MONDAY_NOON + timedelta(seconds=number)))
    answers = await asyncio.gather(*(ask(processes[n % 4], *case) for n, case in enumerate(cases)))
    for database in processes:
        await database.close()
    expected = [(role, person, now, [people[person]] if person else []) for role, person, now in cases]
    for at in (0, 1):
        assert [(row[0], row[1], row[2], row[4]) for row in (answer[at] for answer in answers)] == expected
    assert len({answer[0][3] for answer in answers}) <= SERVER_CONNECTIONS


async def test_role_claims_and_time_end_with_their_transaction(pooled_dsn: str, people: dict[UUID, UUID]) -> None:
    database = Database.connect(pooled_dsn)
    bare = [await asyncpg.connect(pooled_dsn, statement_cache_size=0) for _ in range(4)]

    async def look(connection: asyncpg.Connection) -> set[tuple[str, str, str]]:
        return {tuple((await connection.fetch(_WHO_ALONE))[0]) for _ in range(60)}

    asking = [ask(database, "authenticated", person, MONDAY_NOON) for person in [*people] * 30]
    others = asyncio.gather(*asking)
    seen = await asyncio.gather(*(look(each) for each in bare))
    await others
    for connection in bare:
        await connection.close()
    await database.close()
    assert {each for one in seen for each in one} == {("agency_os_app", "", "")}


async def test_a_transaction_that_breaks_leaves_nothing_of_its_role_behind(
    pooled_dsn: str, people: dict[UUID, UUID]
) -> None:
    database = Database.connect(pooled_dsn)
    person = next(iter(people))
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            async with database.transaction(now=MONDAY_NOON, role="authenticated", claims={"sub": str(person)}):
                raise ZeroDivisionError
    async with database.engine.connect() as connection:
        found = (await connection.execute(text(_WHO_ALONE))).one()
    await database.close()
    assert tuple(found) == ("agency_os_app", "", "")


def _start(config: Path, folder: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert program is not None
    prefix: list[str] = []
    if os.geteuid() == 0:  # PgBouncer refuses root
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")
        for path in folder.parents:
            if path.owner() == "root" and path.name.startswith(("pytest-", "popen-")):
                path.chmod(0o755)
        prefix = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    return subprocess.Popen([*prefix, program, "-q", str(config)])


async def _until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, f"pgbouncer ended, see {log}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    pytest.fail("pgbouncer does not listen")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
