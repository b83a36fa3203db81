"""The sandbox in this process, with a recorder between it and our clients, and worlds whose webhooks can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpRequest, HttpResponse, Transport
from agency_os.kit.retry import RateLimit
from agency_os_sandbox.app import Options, Sandbox
from tests.factories.sandbox import MONDAY_NINE, SECRETS, SEED, World
from tests.support.published import JUDGED, Published
from tests.support.wire import InProcess, Recorder

HOST = "http://sandbox.example"
_JUDGED = "judged"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """xdist: a worker hands over what it has judged."""
    worker_output = getattr(session.config, "workeroutput", None)
    if worker_output is not None:
        worker_output[_JUDGED] = sorted(JUDGED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """xdist: gather what a worker judged."""
    JUDGED.update((title, name) for title, name in getattr(node, "workeroutput", {}).get(_JUDGED, ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every provider and operation that was held against a description."""
    if JUDGED:
        terminalreporter.section("judged by their descriptions")
    for title in sorted({title for title, _ in JUDGED}):
        terminalreporter.line(f"{title}: {', '.join(sorted(name for known, name in JUDGED if known == title))}")


class Wire:
    """The sandbox, what went over the wire to it, and what our clients need besides."""

    def __init__(self, folder: Path) -> None:
        self.sandbox = Sandbox(Options(folder, "http://127.0.0.1:9", SECRETS, SEED, MONDAY_NINE))
        self.recorder = Recorder(InProcess(self.sandbox.app))
        self.wall = FakeWallClock()
        self.rate = RateLimit(1000, self.wall)
        self.random = Random(1)  # noqa: S311 - jitter, nothing secret

    def connection(self, base_url: str, api_key: str, transport: Transport | None = None) -> Connection:
        """What a client of ours is given; it speaks to the sandbox unless ``transport`` says otherwise."""
        return Connection(transport or self.recorder, base_url, api_key, self.rate, self.wall, self.random)

    async def fault(self, provider: str, kind: str) -> None:
        """Let the provider's next request go wrong."""
        rules = [{"provider": provider, "operation": "*", "kind": kind, "nth": 1}]
        response = await self.raw("PUT", f"{HOST}/control/faults", rules)
        assert response.status == 200, response.body

    async def raw(self, method: str, url: str, body: object = None, **headers: str) -> HttpResponse:
        """A request that none of our clients would make; it is not recorded."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await InProcess(self.sandbox.app).send(HttpRequest(method, url, named, content))

    async def check_raw(self, judge: Published, method: str, url: str, body: object = None, **headers: str) -> int:
        """The status of an answer to a request that none of our clients would make; the answer is as published."""
        response = await self.raw(method, url, body, **headers)
        judge.check_answer(HttpRequest(method, url, headers), response)
        return response.status

    def check(self, judge: Published) -> list[int]:
        """The statuses of all that was answered; every request and answer is as published."""
        for request, response in self.recorder.exchanges:
            judge.check_request(request)
            judge.check_answer(request, response)
        return [response.status for _, response in self.recorder.exchanges]


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    """A sandbox that is closed when the test is over."""
    made = Wire(tmp_path / "sandbox")
    yield made
    made.sandbox.store.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world that is closed when the test is over."""
    made = World(tmp_path / "world")
    yield made
    made.store.close()
