"""One machine: starts every part that the user's settings do not replace, keeps it running, and stops it cleanly.

Input: the options, and a function that shows a line to the user. Promise: inside the ``async with`` every part is
healthy; after it no process and no port is left, however it was left. After ``kill -9`` the next start goes on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from agency_os.exceptions import SettingsError
from agency_os.integrations.prefect import PrefectClient
from agency_os.kit.clock import SystemWallClock, WallClock
from agency_os.kit.http import AiohttpTransport
from agency_os.stack.cluster import cluster_exists, make_cluster, make_databases, prepare_schema
from agency_os.stack.interruption import Interruption, StopRequestedError, unhindered
from agency_os.stack.options import RunningStack, StackOptions
from agency_os.stack.plan import Embedded, Plan, make_plan
from agency_os.stack.process import Service, ServiceProcess
from agency_os.stack.restarts import keep
from agency_os.stack.services import (
    START_ORDER,
    api_service,
    auth_service,
    cache_service,
    postgres_service,
    prefect_service,
    sandbox_service,
    worker_service,
)
from agency_os.stack.state import Say, StateFolder

__all__ = ["RunningStack", "StackOptions", "StopRequestedError", "Supervisor"]


class Supervisor:
    """Runs the stack once."""

    def __init__(self, options: StackOptions, say: Say, *, wall: WallClock | None = None) -> None:
        """``say`` shows one line to the user; ``wall`` is the machine's clock."""
        self._options = options
        self._say = say
        self._wall = wall or SystemWallClock()
        self._state = StateFolder(options.state)
        self._transport = AiohttpTransport()
        self._processes: dict[str, ServiceProcess] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._interruption = Interruption(hurry=self._kill_all)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RunningStack]:
        """Everything up, until the ``async with`` is left.

        Raises:
            SettingsError: a setting is missing or malformed, SUPABASE_URL beside a database of Supabase's among them,
                or PostgreSQL would have to run as root.
            StackError: a part cannot be started or kept, or another supervisor works from this state folder.
            StopRequestedError: Ctrl-C or SIGTERM came while nobody waited in ``until_stopped``.
            MigrationError: the database is half migrated or of a newer version; nothing of it was changed.
        """
        if Embedded.of(self._options.given).postgres and os.geteuid() == 0:
            raise SettingsError(
                "the embedded PostgreSQL refuses to run as root: start this as an ordinary user, or give DATABASE_URL, "
                "MIGRATION_DATABASE_URL and PREFECT_API_URL of servers of your own"
            )
        with self._state.hold(self._say), self._interruption as interruption:
            try:
                plan = make_plan(self._options, self._state, self._say, fresh=not cluster_exists(self._state.path))
                await self._start_all(plan)
                yield self._running_stack(plan)
            finally:
                interruption.stopping = True
                await unhindered(asyncio.create_task(self._stop_all()))

    def _running_stack(self, plan: Plan) -> RunningStack:
        return RunningStack(
            api_url=plan.url("api"),
            prefect_url=plan.settings.prefect.api_url.removesuffix("/api"),
            sandbox_url=plan.url("sandbox") if plan.embedded.sandbox else None,
            settings=plan.settings,
            env=plan.env,
            pid=lambda name: self._processes[name].pid or 0,
            until_stopped=self._interruption.until_signalled,
        )

    async def _start_all(self, plan: Plan) -> None:
        """Each part as soon as what it needs is there."""
        branches = [self._start_databases(plan)]
        if plan.embedded.cache:
            branches.append(self._launch(cache_service(plan)))
        if plan.embedded.sandbox:
            branches.append(self._launch(sandbox_service(plan, self._transport)))
        await _together(*branches)

    async def _start_databases(self, plan: Plan) -> None:
        if plan.embedded.postgres:
            await make_cluster(plan, self._state)
            await self._launch(postgres_service(plan))
            await make_databases(plan)
        await _together(self._start_prefect(plan), self._start_served(plan))
        # Only now: beside the server's start it would take its processor time, and then wait for it with long pauses.
        await self._launch(worker_service(plan, self._prefect_client(plan), self._wall))

    async def _start_prefect(self, plan: Plan) -> None:
        if plan.embedded.prefect:
            await self._launch(prefect_service(plan, self._transport))

    async def _start_served(self, plan: Plan) -> None:
        """The API, and the auth server, whose tables come with the schema."""
        report = await prepare_schema(plan)
        if report.applied:
            self._say(f"database: {len(report.applied)} migrations applied, {report.before} had been before")
        services = [api_service(plan, self._transport)]
        if plan.embedded.auth:
            services.append(auth_service(plan, self._transport))
        await _together(*(self._launch(service) for service in services))

    def _prefect_client(self, plan: Plan) -> PrefectClient:
        key = plan.settings.prefect.api_key
        url = plan.settings.prefect.api_url
        return PrefectClient(self._transport, url, self._wall, key.get_secret_value() if key is not None else None)

    async def _launch(self, service: Service) -> None:
        began = self._wall.monotonic()
        process = self._processes[service.name] = ServiceProcess(service, self._state)
        await process.start()
        self._say(f"{service.name} is up ({self._wall.monotonic() - began:.1f} s)")
        self._watchers.append(asyncio.create_task(self._watch(process)))

    async def _watch(self, process: ServiceProcess) -> None:
        self._interruption.interrupt(await keep(process, self._wall, self._say))

    async def _stop_all(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for name in reversed(START_ORDER):
            if name in self._processes:
                await self._processes[name].stop()
        await self._transport.aclose()

    def _kill_all(self) -> None:
        self._say("stopping at once")
        for process in self._processes.values():
            process.kill()


async def _together(*branches: Awaitable[None]) -> None:
    """Run the branches beside one another; the first failure cancels the rest and is raised as it is."""
    tasks = [asyncio.ensure_future(branch) for branch in branches]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
