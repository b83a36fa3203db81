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

from agency_os.integrations.prefect import PrefectClient, RunState
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.http import AiohttpTransport
from agency_os.orchestration.deployments import register
from agency_os.orchestration.environment import SERVER_ENVIRONMENT
from agency_os.orchestration.run_queue import RunQueue
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

    async def until_said(self, event: str, count: int = 1, seconds: float = 30.0) -> None:
        """Returns once the workers on this folder have logged ``event`` so many times."""
        deadline = time.monotonic() + seconds
        while self.log().count(f'"event": "{event}"') < count:
            assert time.monotonic() < deadline, f"{event} was not said {count} times:\n{self.log()}"
            await asyncio.sleep(0.02)

    async def until_serving(self, workers: int = 1) -> None:
        """Returns once so many workers on this folder serve."""
        await self.until_said("worker_serves", workers)

    def ask_to_end(self, how: signal.Signals) -> int:
        """Its exit status after this signal; fails when it does not end within ten seconds."""
        self.process.send_signal(how)
        return self.process.wait(timeout=10)

    def order(self, **ticks: dict[str, Any]) -> None:
        """How the ticks go from now on."""
        (self.state / "orders.json").write_text(json.dumps(ticks))

    def log(self) -> str:
        """What it has said."""
        return _end_of(self.state / "worker.log")

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
    process = _spawn(command, home / "server.log", env=environment, cwd=home)
    url = f"http://127.0.0.1:{port}/api"
    try:
        await _until_healthy(process, url, home / "server.log")
        yield url
    finally:
        end_group(process)
        await drop_database(servers, name)


@pytest.fixture
async def prefect(prefect_url: str) -> AsyncIterator[PrefectClient]:
    """Our client of that server, on which every deployment is known and nothing waits."""
    transport, wall = AiohttpTransport(), SystemWallClock()
    client = PrefectClient(transport, prefect_url, wall)
    served = await register(client, scheduled=False)
    queue = RunQueue(client, "nobody")
    for run in await queue.waiting(served, wall.now()):
        await queue.end(run.id, RunState.CANCELLED, "left by an earlier test")
    yield client
    await client.aclose()
    await transport.aclose()


@pytest.fixture
def start_worker(prefect_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers on one state folder; all are ended with the test."""
    with ExitStack() as ended:

        def start(clock: str = "http://127.0.0.1:9/clock", api_url: str = prefect_url, **env: str) -> Worker:
            command = [sys.executable, "-m", "tests.support.prefect_worker", str(tmp_path), api_url, clock]
            process = _spawn(command, tmp_path / "worker.log", env={**os.environ, **env}, cwd=REPOSITORY)
            ended.callback(end_group, process)
            return Worker(process, tmp_path)

        yield start


def _spawn(command: list[str], log: Path, *, env: dict[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(command, env=env, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, process_group=0)


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-20000:]


async def _until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    transport = AiohttpTransport()
    client = PrefectClient(transport, url, SystemWallClock())
    deadline = time.monotonic() + START_SECONDS
    try:
        while not await client.healthy():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the Prefect server does not start:\n{_end_of(log)}")
            await asyncio.sleep(0.1)
    finally:
        await transport.aclose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
