"""Small promises of the services: PostgreSQL's stale lock file, the worker's sign of life, the order of starting."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from agency_os.exceptions import StackError
from agency_os.integrations.prefect import PrefectClient
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import Headers, HttpRequest, HttpResponse, Transport
from agency_os.stack import services
from agency_os.stack.services import LastPolled, remove_stale_pid


def _ended_process() -> int:
    with subprocess.Popen(["/bin/true"]) as process:
        pass
    return process.pid


def test_the_lock_of_a_dead_postgresql_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "postmaster.pid"
    path.write_text(f"{_ended_process()}\n/data\n")
    remove_stale_pid(path)
    assert not path.exists()


def test_a_lock_whose_number_a_stranger_has_got_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "postmaster.pid"
    path.write_text(f"{os.getpid()}\n/data\n")
    remove_stale_pid(path)
    assert not path.exists()


def test_the_lock_of_a_zombie_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "postmaster.pid"
    with subprocess.Popen(["/bin/true"], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()  # it has ended and is not waited for
        path.write_text(f"{process.pid}\n/data\n")
        remove_stale_pid(path)
    assert not path.exists()


def test_the_lock_of_a_server_that_lives_on_this_folder_stays(tmp_path: Path) -> None:
    path = tmp_path / "postmaster.pid"
    with subprocess.Popen(["/bin/sleep", "60"], cwd=tmp_path) as process:
        path.write_text(f"{process.pid}\n/data\n")
        remove_stale_pid(path)
        process.kill()
    assert path.exists()


@pytest.mark.parametrize("content", [None, "", "no number"])
def test_a_lock_that_cannot_be_read_is_left_to_postgresql(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "postmaster.pid"
    if content is not None:
        path.write_text(content)
    remove_stale_pid(path)
    assert path.exists() == (content is not None)


class _Server(Transport):
    """A Prefect server that says of the deployment what the test wants; 503 while it is away."""

    def __init__(self) -> None:
        self.polled: str | None = None
        self.away = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        assert request.url.endswith("/deployments/name/inbound/tick")
        body = json.dumps({"last_polled": self.polled}).encode()
        return HttpResponse(503 if self.away else 200, Headers(), b"" if self.away else body)

    async def aclose(self) -> None:
        return


@pytest.fixture
def server() -> _Server:
    return _Server()


@pytest.fixture
def worker(server: _Server) -> LastPolled:
    """Of a worker that starts at 2026-01-01T00:00:00Z."""
    wall = FakeWallClock()
    return LastPolled(PrefectClient(server, "http://prefect.example/api", wall), wall)


async def test_a_worker_is_healthy_once_it_has_polled(server: _Server, worker: LastPolled) -> None:
    assert not await worker.changed()
    server.polled = "2026-01-01T00:00:05Z"
    assert await worker.changed()


async def test_what_the_worker_before_it_polled_does_not_count(server: _Server, worker: LastPolled) -> None:
    server.away = True
    assert not await worker.changed()
    server.away, server.polled = False, "2025-12-31T23:59:55Z"
    assert not await worker.changed()


async def test_a_server_whose_clock_is_late_is_believed_too(server: _Server, worker: LastPolled) -> None:
    server.polled = "2025-12-31T20:00:00Z"
    assert not await worker.changed()
    server.polled = "2025-12-31T20:00:05Z"
    assert await worker.changed()
    worker.forget()
    assert not await worker.changed()


def test_a_program_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(StackError, match=r"agency-os is not installed; run `make install`"):
        services._program("agency-os")
