"""The embedded parts as services: each one's command, environment and test of health.

Input: the plan. Promise: everything listens on the loopback alone, and a program that is not ours gets no secret but
its own.
"""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil

from agency_os.exceptions import AgencyOSError, StackError
from agency_os.integrations.prefect import PrefectClient
from agency_os.kit.clock import WallClock, parse_instant
from agency_os.kit.http import Transport
from agency_os.orchestration.environment import SERVER_ENVIRONMENT, WORKER_ENVIRONMENT
from agency_os.stack.embedded import LOOPBACK, cache_command, postgres_binaries, postgres_command, postgres_dsn
from agency_os.stack.health import answers_cache, answers_http, answers_postgres
from agency_os.stack.plan import PREFECT_DATABASE, Plan
from agency_os.stack.process import Service
from agency_os.stack.sandbox_settings import sandbox_environment

START_ORDER = ("postgres", "cache", "prefect", "sandbox", "auth", "api", "worker")
"""What depends on what; they are stopped the other way round."""

_SERVED = "inbound/tick"


def postgres_service(plan: Plan) -> Service:
    """PostgreSQL 18 on its folder in the state; a fast shutdown lets no session hold it up."""
    data = plan.state / "postgres"
    dsn = plan.superuser_dsn("postgres")
    return Service(
        name="postgres",
        command=tuple(postgres_command(postgres_binaries(), data, plan.ports["postgres"], max_connections="200")),
        env=plan.base,
        healthy=lambda: answers_postgres(dsn),
        before=lambda: remove_stale_pid(data / "postmaster.pid"),
        stop_signal=signal.SIGINT,
        stop_seconds=30.0,
    )


def cache_service(plan: Plan) -> Service:
    """Valkey with a password, which stands in a file and not in the list of processes; snapshots at its stop."""
    folder = plan.state / "cache"
    port, password = plan.ports["cache"], plan.secrets["cache"]

    def write_configuration() -> None:
        folder.mkdir(exist_ok=True)
        _write_private(folder / "valkey.conf", f"requirepass {password}\nsave 300 1\n")

    command = cache_command(port, folder)
    return Service(
        name="cache",
        command=(command[0], str(folder / "valkey.conf"), *command[1:]),
        env=plan.base,
        healthy=lambda: answers_cache(port, password),
        before=write_configuration,
    )


def prefect_service(plan: Plan, transport: Transport) -> Service:
    """Prefect's server as its own `prefect server start --background` runs it, on its own database."""
    home = plan.state / "prefect"
    port = plan.ports["prefect"]
    dsn = postgres_dsn(plan.ports["postgres"], plan.secrets["prefect"], PREFECT_DATABASE, user=PREFECT_DATABASE)
    env = {
        **plan.base,
        **SERVER_ENVIRONMENT,
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": dsn.replace("postgresql://", "postgresql+asyncpg://", 1),
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_UI_API_URL": f"{plan.url('prefect')}/api",
        # By default it unpacks its pages into its own package, which another user may own.
        "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui"),
    }
    server = ("-m", "uvicorn", "--factory", "prefect.server.api.server:create_app", "--log-level", "warning")
    return Service(
        name="prefect",
        command=(sys.executable, *server, "--host", LOOPBACK, "--port", str(port), "--timeout-keep-alive", "5"),
        env=env,
        healthy=lambda: answers_http(transport, f"{plan.url('prefect')}/api/ready"),
        before=lambda: home.mkdir(exist_ok=True),
        stop_seconds=5.0,
    )


def sandbox_service(plan: Plan, transport: Transport) -> Service:
    """The providers' protocols and the simulated world, whose log of requests stays out of our reach."""
    url = plan.url("sandbox")
    own = sandbox_environment(plan.secrets)
    arguments = {
        "--port": str(plan.ports["sandbox"]),
        "--state": str(plan.state / "sandbox"),
        "--api-url": plan.url("api"),
    }
    if plan.options.seed is not None:
        arguments["--seed"] = str(plan.options.seed)
    if plan.options.start is not None:
        arguments["--start"] = plan.options.start.isoformat()
    return Service(
        name="sandbox",
        command=(_program("agency-os-sandbox"), "serve", *(part for pair in arguments.items() for part in pair)),
        env={**plan.base, **own},
        healthy=lambda: answers_http(transport, f"{url}/health"),
    )


def auth_service(plan: Plan, transport: Transport) -> Service:
    """The protocol of Supabase Auth over the product's own database; its login stands in no other environment."""
    arguments = ("--port", str(plan.ports["auth"]), "--state", str(plan.state / "auth"))
    return Service(
        name="auth",
        command=(_program("agency-os-sandbox"), "auth", *arguments),
        env={**plan.base, "AUTH_DATABASE_URL": plan.auth_dsn},
        healthy=lambda: answers_http(transport, f"{plan.url('auth')}/auth/v1/health"),
    )


def api_service(plan: Plan, transport: Transport) -> Service:
    """The API; healthy when every part it needs answers it."""
    return Service(
        name="api",
        command=(_program("agency-os"), "api", "--host", LOOPBACK, "--port", str(plan.ports["api"])),
        env=plan.env,
        healthy=lambda: answers_http(transport, f"{plan.url('api')}/health/ready"),
    )


def worker_service(plan: Plan, prefect: PrefectClient, wall: WallClock) -> Service:
    """The worker; healthy once it has told the Prefect server that it serves the deployments."""
    polled = LastPolled(prefect, wall)
    return Service(
        name="worker",
        command=(_program("agency-os"), "worker"),
        env={**WORKER_ENVIRONMENT, **plan.env},
        healthy=polled.changed,
        before=polled.forget,
    )


class LastPolled:
    """Tells a worker's first sign of life from its predecessor's, also where the server's clock differs from ours."""

    def __init__(self, prefect: PrefectClient, wall: WallClock) -> None:
        self._prefect = prefect
        self._wall = wall
        self._began = wall.now()
        self._first: datetime | None = None

    def forget(self) -> None:
        """A new worker is about to start: what the server says next is its predecessor's."""
        self._began = self._wall.now()
        self._first = None

    async def changed(self) -> bool:
        """Whether the deployments have been polled since the start, or since the server was first asked."""
        polled = None
        with suppress(AgencyOSError, TypeError, KeyError, AttributeError):
            polled = parse_instant((await self._prefect.call("GET", f"/deployments/name/{_SERVED}"))["last_polled"])
        if polled is None:
            return False
        self._first = self._first or polled
        return polled >= self._began or polled != self._first


def _program(name: str) -> str:
    """A console command of this very installation."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.is_file():
        raise StackError(f"{path} is not installed; run `make install`")
    return str(path)


def remove_stale_pid(path: Path) -> None:
    """After `kill -9` PostgreSQL's own lock file stays; it blocks the start once a stranger has got its number.

    We hold the state folder and have ended what the last run left: only a live server on this folder is respected.
    """
    with suppress(OSError, ValueError, IndexError):
        pid = int(path.read_text("ascii").splitlines()[0])
        if not _is_postgres_on(pid, path.parent):
            path.unlink()


def _is_postgres_on(pid: int, data: Path) -> bool:
    """Whether it lives and works in its data folder; PostgreSQL itself takes even a zombie for alive."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == data.resolve()
    except psutil.Error:
        return False


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
