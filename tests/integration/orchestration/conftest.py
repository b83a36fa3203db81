"""A real Prefect server for the session, and real worker processes with made-up ticks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agency_os.integrations.prefect import PrefectClient
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.http import AiohttpTransport
from agency_os.orchestration.environment import SERVER_ENVIRONMENT
from tests.support.needs import REPOSITORY
from tests.support.servers import Servers, drop_database, empty_database

START_SECONDS = 90.0


def end_group(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    """Ends a process and whatever it started."""
    if process.poll() is None:
        os.killpg(process.pid, how)
    process.wait(timeout=20)


@dataclass
class Worker:
    """A worker process and what it has noted."""

    process: subprocess.Popen[bytes]
    state: Path

    def notes(self, tick: str, what: str = "begin") -> list[float]:
        """The instants (seconds since the epoch) at which ticks of this name began, or ended."""
        path = self.state / "ticks.ndjson"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("}")]
        return [note["at"] for note in found if (note["tick"], note["what"]) == (tick, what)]

    async def until_begun(self, tick: str, count: int, seconds: float = 20.0) -> list[float]:
        """The beginnings, once there are ``count`` of them."""
        deadline = time.monotonic() + seconds
        while len(begun := self.notes(tick)) < count:
            assert time.monotonic() < deadline, f"{tick} began {len(begun)} times, not {count}:\n{self.log()}"
            await asyncio.sleep(0.01)
        return begun

    def order(self, **ticks: dict[str, Any]) -> None:
        """How the ticks go from now on."""
        (self.state / "orders.json").write_text(json.dumps(ticks))

    def log(self) -> str:
        """What it has said."""
        return (self.state / "worker.log").read_text(errors="replace")[-4000:]

    def kill(self) -> None:
        """``kill -9``."""
        end_group(self.process)


StartWorker = Callable[..., Worker]


@pytest.fixture(scope="session")
async def prefect_url(
    servers: Servers, worker_number: int, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """The API of a Prefect server on a database of its own."""
    home = tmp_path_factory.mktemp("prefect")
    name, port = f"prefect_{worker_number}", _free_port()
    await empty_database(servers, name)
    environment = {
        **os.environ,
        **SERVER_ENVIRONMENT,
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": servers.owner_dsn(name).replace("postgresql:", "postgresql+asyncpg:"),
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=home, stdout=log, stderr=subprocess.STDOUT, process_group=0
        )
    url = f"http://127.0.0.1:{port}/api"
    try:
        await _until_healthy(process, url, home / "server.log")
        yield url
    finally:
        end_group(process)
        await drop_database(servers, name)


@pytest.fixture
async def prefect(prefect_url: str) -> AsyncIterator[PrefectClient]:
    """Our client of that server."""
    transport = AiohttpTransport()
    client = PrefectClient(transport, prefect_url, SystemWallClock())
    yield client
    await client.aclose()
    await transport.aclose()


@pytest.fixture
def start_worker(prefect_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers on one state folder; all are ended with the test."""
    with ExitStack() as ended:

        def start(clock: str = "http://127.0.0.1:9/clock", api_url: str = prefect_url) -> Worker:
            with (tmp_path / "worker.log").open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.support.prefect_worker", str(tmp_path), api_url, clock],
                    cwd=REPOSITORY,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                )
            ended.callback(end_group, process)
            return Worker(process, tmp_path)

        yield start


async def _until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    transport = AiohttpTransport()
    client = PrefectClient(transport, url, SystemWallClock())
    deadline = time.monotonic() + START_SECONDS
    try:
        while not await client.healthy():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the Prefect server does not start:\n{log.read_text()[-3000:]}")
            await asyncio.sleep(0.1)
    finally:
        await transport.aclose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
