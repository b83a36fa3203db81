"""A sandbox served over HTTP in this process, and a product's API that takes or refuses what it is told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agency_os_sandbox.app import Options, Sandbox
from agency_os_sandbox.server import SandboxServer, server_config
from tests.factories.sandbox import MONDAY_NINE, SECRETS, SEED, message


@dataclass(frozen=True, slots=True)
class Received:
    """One request that reached the product."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Product:
    """The product's side: keeps what arrives, answers at a path with ``statuses`` in turn and then with 200."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.path, headers, body))
        waiting = self.statuses.get(request.path)
        return web.Response(status=waiting.pop(0) if waiting else 200)

    def to(self, path: str) -> list[Received]:
        return [each for each in self.received if each.path == path]


@dataclass
class Served:
    """A running sandbox and a client for it."""

    sandbox: Sandbox
    url: str
    client: aiohttp.ClientSession

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Status and body of an answer; the body as JSON where it is."""
        async with self.client.request(method, self.url + path, **options) as answer:
            media = answer.content_type
            return answer.status, await (answer.json() if media == "application/json" else answer.text())

    async def send(self, messages: list[dict[str, Any]], key: str = "key-1", **options: Any) -> tuple[int, Any]:
        """Send a batch as the product does."""
        headers = {"Authorization": "Bearer re_test", "Idempotency-Key": key}
        return await self.call("POST", "/resend/emails/batch", json=messages, headers=headers, **options)

    async def faults(self, *rules: dict[str, Any]) -> None:
        """Put these faults in force."""
        assert (await self.call("PUT", "/control/faults", json=list(rules)))[0] == 200

    async def move(self, to: str) -> dict[str, Any]:
        """Move the clock; what control says then."""
        status, standing = await self.call("POST", "/control/clock", json={"to": to})
        assert status == 200, standing
        return dict(standing)

    async def settled(self, seconds: float = 20.0) -> dict[str, Any]:
        """Wait until nothing is undelivered."""
        async with asyncio.timeout(seconds):
            while True:
                _, standing = await self.call("GET", "/control/status")
                if standing["undelivered"] == 0:
                    return dict(standing)
                await asyncio.sleep(0.01)

    async def oracle(self) -> list[dict[str, Any]]:
        """The rows of the oracle log."""
        _, text = await self.call("GET", "/control/oracle")
        return [json.loads(line) for line in text.splitlines()]


Serve = Callable[[Path], Awaitable[Served]]


@pytest.fixture
async def product() -> AsyncIterator[Product]:
    """A product that takes everything."""
    taken = Product()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", taken.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = _listener()
    await web.SockSite(runner, listener).start()
    taken.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield taken
    await runner.cleanup()


@pytest.fixture
async def served(tmp_path: Path, product: Product) -> AsyncIterator[Served]:
    """A sandbox that delivers to ``product``."""
    sandbox = Sandbox(Options(tmp_path / "state", product.url, SECRETS, SEED, MONDAY_NINE))
    server = SandboxServer(server_config(sandbox.app))
    listener = _listener()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with aiohttp.ClientSession() as client:
        one = Served(sandbox, f"http://127.0.0.1:{listener.getsockname()[1]}", client)
        assert (await one.call("GET", "/health"))[0] == 200
        yield one
    server.stop()
    await serving


def _listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def written_to(served: Served, product: Product, address: str, **options: Any) -> dict[str, Any]:
    """A message whose links lead to this sandbox and this product."""
    return message(address, booking=f"{served.url}/cal/book/intro", one_click=f"{product.url}/u/tok", **options)
