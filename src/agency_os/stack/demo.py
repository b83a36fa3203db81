"""The main job on view: a sample agency, a lead list, three simulated weeks, and what came of it.

The driver only sets up, moves the clock and asks for ticks: all enriching, sending and reading happens in Prefect runs.
It may be killed at any moment and started again: it goes on at the clock's time, and nobody is written to twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

from agency_os.engines.reporter import Acceptance, ReporterEngine
from agency_os.exceptions import InvalidInputError, StackError
from agency_os.integrations.prefect import RunState
from agency_os.repositories.client import SetUp
from agency_os.repositories.inbound_event import InboundEventRepository
from agency_os.repositories.report import ReportRepository
from agency_os.stack.demo_agency import set_up
from agency_os.stack.demo_days import LENGTH, Moment, moments
from agency_os.stack.demo_plan import DemoPlan
from agency_os.stack.sandbox_control import SandboxControl, lookup_units
from agency_os.wiring.importing import import_leads
from agency_os.wiring.infrastructure import Infrastructure

QUIET_POLL: Final = 0.03
STALLED: Final = 4.0
"""Seconds of wall time without progress after which the driver asks for an inbound run itself, as the sweep would."""
PATIENCE: Final = 120.0
_TRIES: Final = 3
_MOST_SETTLING: Final = 40
"""Runs after the last day until nothing is open: with faults of every kind, each of a run's calls may fail again."""

Show = Callable[[str, str], None]
"""Shows progress: a short stage and a line."""


class DemoDriver:
    """Runs the demo against a stack that is up."""

    def __init__(self, infra: Infrastructure, sandbox_url: str, plan: DemoPlan, show: Show) -> None:
        self._infra = infra
        self._sandbox_url = sandbox_url
        self._control = SandboxControl(sandbox_url, infra.transport)
        self._plan = plan
        self._show = show
        self.runs = 0

    async def run(self) -> dict[str, Any]:
        """Live the three weeks from wherever the clock stands; returns the summary, which is also written as JSON."""
        await self._refuse_another_demo()
        await self._control.set_faults(self._plan.faults)
        agency = await self._prepare()
        for moment in moments(self._plan.start):
            if moment.at >= await self._infra.clock.now():  # the same again: its tick may have been cut off
                await self._live(moment)
        await self._settle()
        summary = await self._summary(agency)
        self._plan.summary.write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", "utf-8")
        return summary

    async def _refuse_another_demo(self) -> None:
        status = await self._control.status()
        if status.seed != self._plan.seed or not self._plan.start <= status.now <= self._plan.start + LENGTH:
            raise InvalidInputError(
                f"this state folder holds a demo with seed {status.seed} that stands at {status.now:%Y-%m-%d}: "
                "set AGENCY_OS_STATE to another folder for another --seed or --start"
            )

    async def _prepare(self) -> SetUp:
        infra = self._infra
        now = await infra.clock.now()
        async with infra.database.transaction(now=now) as db:
            agency = await set_up(db, booking_url=f"{self._sandbox_url}/cal/book/harbour-vine", now=now)
        if self._plan.imported():
            return agency
        with self._plan.leads.open("rb") as stream:
            report = await import_leads(
                infra.database,
                infra.hashes,
                client_id=agency.client_id,
                campaign_id=agency.campaign_id,
                stream=stream,
                file_name=self._plan.leads.name,
                options=None,
                now=now,
            )
        self._plan.keep(imported=True)
        self._show("import", f"{report.read} rows read, {report.accepted} accepted, {len(report.left_out)} left out")
        return agency

    async def _live(self, moment: Moment) -> None:
        await self._control.move_to(moment.at)
        await self._until_quiet()
        said = []
        if moment.first:
            said.append(await self._tick("enrichment/tick"))
        if moment.tick:
            said.append(await self._tick("outreach/tick"))
            await self._until_quiet()
        day = moment.at.astimezone(UTC)
        self._show(f"{day:%a %d %b %H:%M} UTC", "; ".join(each for each in said if "nothing due" not in each))

    async def _settle(self) -> None:
        """What a killed worker or a lost answer left open is settled before the books are compared."""
        for _ in range(_MOST_SETTLING):
            await self._tick("outreach/tick")
            await self._until_quiet()
            async with self._infra.database.transaction(now=self._infra.wall.now()) as db:
                if not await ReportRepository(db).open_sendings():
                    return

    async def _tick(self, deployment: str) -> str:
        """Ask for one run and wait for its end. Raises StackError when it failed."""
        for _ in range(_TRIES):
            run = await self._infra.prefect.wait(await self._infra.prefect.start(deployment), timeout=300)
            self.runs += 1
            if run.state is not RunState.CRASHED:  # its worker was killed: the next one does it
                break
        if run.state is not RunState.COMPLETED:
            raise StackError(f"the run of {deployment} ended {run.state.lower()}: {run.message}")
        return run.message

    async def _until_quiet(self) -> None:
        """Wait until nothing is on its way or unread; the clock stands still meanwhile."""
        wall = self._infra.wall
        asked = started = wall.monotonic()
        before: tuple[int, int] | None = None
        while True:
            undelivered = (await self._control.status()).undelivered
            unread = await self._unread()
            if undelivered == 0 and unread == 0:
                return
            if (undelivered, unread) != before:
                before, asked, started = (undelivered, unread), wall.monotonic(), wall.monotonic()
            elif unread and wall.monotonic() - asked > STALLED:
                await self._infra.prefect.start("inbound/tick")
                asked = wall.monotonic()
            if wall.monotonic() - started > PATIENCE:
                raise StackError(f"{undelivered} webhooks are not delivered and {unread} events not read; see the logs")
            await wall.sleep(QUIET_POLL)

    async def _unread(self) -> int:
        async with self._infra.database.transaction(now=self._infra.wall.now()) as db:
            return await InboundEventRepository(db).waiting()

    async def _summary(self, agency: SetUp) -> dict[str, Any]:
        rows, world = await asyncio.gather(self._control.oracle(), self._control.world())
        accepted = [
            Acceptance(row["touch"], row["idempotency_key"], row["units"])
            for row in rows
            if row["accepted"] and row["provider"] == "resend"
        ]
        now, reporter = await self._infra.clock.now(), ReporterEngine()
        async with self._infra.database.transaction(now=now) as db:
            report = await reporter.campaign(db, agency.client_id)
            agreement = await reporter.agreement(db, "resend", accepted, lookup_units(rows))
        return {
            "seed": self._plan.seed,
            "start": self._plan.start.isoformat(),
            "end": now.isoformat(),
            **report,
            "ledger": {
                "agrees": agreement.holds,
                "accepted_by_provider": agreement.accepted,
                "sent_by_ledger": agreement.sent,
                "unknown": list(agreement.unknown),
                "differences": list(agreement.differences[:20]),
            },
            "world": world,
        }
