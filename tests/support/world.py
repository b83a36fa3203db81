"""A whole small world for tests: real database and cache, a sandbox process, an API process, and services in-process.

Ticks are called as functions; the driver here moves the business clock and waits until nothing is on its way, as the
demo's does. No Prefect: its address is a closed port, so that nudges fall on deaf ears.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agency_os.config import load_settings
from agency_os.engines.reporter import Acceptance, Agreement, ReporterEngine
from agency_os.kit.http import AiohttpTransport, HttpRequest, HttpResponse
from agency_os.orchestration.ticks import TickReport, enrichment_tick, inbound_tick, outreach_tick
from agency_os.repositories.inbound_event import InboundEventRepository
from agency_os.stack.health import answers_http
from agency_os.stack.sandbox_control import SandboxControl, lookup_units
from agency_os.stack.sandbox_settings import product_environment, sandbox_environment
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.services import Services, build_services

BIN = Path(sys.executable).parent
SECRETS = dict.fromkeys(("resend_webhook", "postmark_webhook", "cal_com_webhook", "webhooks"), "ab" * 32)
START = datetime.fromisoformat("2026-11-23T08:00:00+11:00")
"""A Monday morning in Sydney."""


@dataclass
class World:
    """What a test drives."""

    env: dict[str, str]
    services: Services
    control: SandboxControl
    api_url: str
    sandbox_url: str
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def move_to(self, moment: datetime) -> None:
        """Move the clock, let people act, and read what they sent."""
        await self.control.move_to(moment)
        await self.quiet()

    async def move(self, **step: float) -> None:
        """Move the clock by a timedelta's arguments."""
        await self.move_to(await self.now() + timedelta(**step))

    async def now(self) -> datetime:
        """The business time."""
        return await self.services.infra.clock.now()

    async def quiet(self) -> None:
        """Deliver and read until nothing is on its way; fails after a minute."""
        deadline = time.monotonic() + 60
        while True:
            undelivered = (await self.control.status()).undelivered
            async with self.services.infra.database.transaction(now=START) as db:
                unread = await InboundEventRepository(db).waiting()
            if not undelivered and not unread:
                return
            assert time.monotonic() < deadline, f"{undelivered} undelivered, {unread} unread"
            if unread:
                await inbound_tick(self.services)
            else:
                await asyncio.sleep(0.02)

    async def enrich(self) -> TickReport:
        """One enrichment tick."""
        return await enrichment_tick(self.services)

    async def send(self) -> TickReport:
        """One outreach tick, and what follows from it at once."""
        report = await outreach_tick(self.services)
        await self.quiet()
        return report

    async def faults(self, *rules: Mapping[str, Any]) -> None:
        """Put these faults in force at the sandbox."""
        await self.call("PUT", "/control/faults", list(rules))

    async def call(self, method: str, path: str, body: Any = None) -> HttpResponse:
        """A call of the sandbox."""
        content = b"" if body is None else json.dumps(body).encode()
        request = HttpRequest(method, self.sandbox_url + path, {"Content-Type": "application/json"}, content)
        return await self.services.infra.transport.send(request)

    async def agreement(self) -> Agreement:
        """The ledger beside the oracle log."""
        rows = await self.control.oracle()
        accepted = [
            Acceptance(row["touch"], row["idempotency_key"], row["units"])
            for row in rows
            if row["accepted"] and row["provider"] == "resend"
        ]
        async with self.services.infra.database.transaction(now=START) as db:
            return await ReporterEngine().agreement(db, "resend", accepted, lookup_units(rows))


@asynccontextmanager
async def simulated_world(
    folder: Path, *, app_dsn: str, redis_url: str, seed: int = 7, start: datetime = START
) -> AsyncIterator[World]:
    """A world that lives in ``folder`` and leaves no process behind."""
    sandbox_port, api_port = free_ports(2)
    env = settings_env(app_dsn, redis_url, sandbox_port, api_port, folder)
    processes = [
        _spawn("agency-os-sandbox", "serve", "--port", str(sandbox_port), "--state", str(folder / "sandbox"),
               "--seed", str(seed), "--start", start.isoformat(), "--api-url", f"http://127.0.0.1:{api_port}",
               env=env, log=folder / "sandbox.log"),
        _spawn("agency-os", "api", "--port", str(api_port), env=env, log=folder / "api.log"),
    ]  # fmt: skip
    transport = AiohttpTransport()
    try:
        sandbox_url, api_url = f"http://127.0.0.1:{sandbox_port}", f"http://127.0.0.1:{api_port}"
        await _until_up(transport, f"{sandbox_url}/health", processes[0], folder / "sandbox.log")
        await _until_up(transport, f"{api_url}/health/live", processes[1], folder / "api.log")
        infra = build_infrastructure(load_settings(env), transport=transport)
        services = build_services(infra)
        control = SandboxControl(sandbox_url, transport)
        yield World(env, services, control, api_url, sandbox_url, processes)
        await services.aclose()
    finally:
        await transport.aclose()
        stop_all(processes)


def settings_env(app_dsn: str, redis_url: str, sandbox_port: int, api_port: int, folder: Path) -> dict[str, str]:
    """The environment of the product's and the sandbox's processes."""
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "DATABASE_URL": app_dsn,
        "REDIS_URL": redis_url,
        "SUPABASE_URL": "http://127.0.0.1:9",
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "PUBLIC_URL": f"http://127.0.0.1:{api_port}",
        "AGENCY_OS_STATE": str(folder / "state"),
        "TOKEN_SECRET": "t" * 40,
        "SUPPRESSION_KEY": "s" * 40,
        "BUSINESS_CLOCK": f"{sandbox}/clock",
        **product_environment(sandbox, SECRETS),
        **sandbox_environment(SECRETS),
        "APOLLO_REQUESTS_PER_SECOND": "500",
        "HUNTER_REQUESTS_PER_SECOND": "500",
        "RESEND_REQUESTS_PER_SECOND": "500",
    }


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def stop_all(processes: list[subprocess.Popen[bytes]]) -> None:
    """End the process groups."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _spawn(command: str, *arguments: str, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(BIN / command), *arguments], env=dict(env), stdout=output, stderr=output, process_group=0
        )


async def _until_up(transport: AiohttpTransport, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not await answers_http(transport, url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not answer: {_tail(log)}")
        await asyncio.sleep(0.05)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]
