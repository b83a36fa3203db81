"""The three ticks: enrich, send, read. Each goes over all due clients, drains what is due, and reports its counts.

No Prefect here: a flow hands in how a task is called, a test calls the tick as it is. A failing client is reported and
does not hold up the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from uuid import UUID

from agency_os.exceptions import AgencyOSError
from agency_os.kit.logging import get_logger
from agency_os.orchestration.tasks import (
    allocation_tasks,
    enrichment_tasks,
    import_tasks,
    outreach_tasks,
    reply_tasks,
    scoring_tasks,
)

if TYPE_CHECKING:
    from agency_os.wiring.services import Services

T = TypeVar("T")
ClientTask = Callable[..., Awaitable[Mapping[str, int]]]

MOST_ROUNDS: Final = 200
"""Batches of one client in one tick: the rest waits for the next, so that no client starves another."""

_log = get_logger(__name__)


class Run(Protocol):
    """How a tick calls its tasks."""

    async def __call__(self, task: Callable[..., Awaitable[T]], *args: Any) -> T:
        """The task's result."""
        ...


async def direct(task: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Call the task as it is."""
    return await task(*args)


@dataclass(slots=True)
class TickReport:
    """What a tick did: counts by name, and the clients that failed with their reason."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def summary(self) -> str:
        """One line for people."""
        parts = [f"{count} {name}" for name, count in sorted(self.counts.items()) if count]
        parts += [f"client {client} failed: {reason}" for client, reason in self.failures.items()]
        return f"{self.name}: {', '.join(parts) or 'nothing due'}"


async def enrichment_tick(services: Services, run: Run = direct) -> TickReport:
    """Import, enrich, score and allocate what is new."""
    report = TickReport("enrichment")
    now = await services.infra.clock.now()
    for import_id in await run(import_tasks.imports_waiting, services, now):
        await _drain(report, run, import_tasks.run_import, services, import_id, now)
    for client in await run(enrichment_tasks.clients_to_enrich, services, now):
        await _drain(report, run, enrichment_tasks.enrich_client, services, client, now)
    for client in await run(scoring_tasks.clients_to_score, services, now):
        await _drain(report, run, scoring_tasks.score_client, services, client, now)
    for client in await run(allocation_tasks.clients_to_allocate, services, now):
        await _drain(report, run, allocation_tasks.allocate_client, services, client, now)
    return report


async def outreach_tick(services: Services, run: Run = direct) -> TickReport:
    """Settle what was left, then freeze and send what is due."""
    report = TickReport("outreach")
    now = await services.infra.clock.now()
    report.counts.update(await run(outreach_tasks.settle, services, now))
    for client in await run(outreach_tasks.clients_due, services, now):
        await _drain(report, run, outreach_tasks.learn_message_ids, services, client, now)
        await _drain(report, run, outreach_tasks.freeze_client, services, client, now)
        await _drain(report, run, outreach_tasks.send_client, services, client, now)
    return report


async def inbound_tick(services: Services, run: Run = direct) -> TickReport:
    """Read every provider event that waits."""
    report = TickReport("inbound")
    now = await services.infra.clock.now()
    await _drain(report, run, reply_tasks.read_events, services, None, now)
    return report


async def _drain(
    report: TickReport, run: Run, task: ClientTask, services: Services, client: UUID | None, now: Any
) -> None:
    """Call a task of one client until it reports ``remaining`` 0."""
    subject = () if client is None else (client,)
    for _ in range(MOST_ROUNDS):
        try:
            counts = dict(await run(task, services, *subject, now))
        except AgencyOSError as error:
            report.failures[str(client)] = str(error)
            _log.warning("tick_failed_for_client", tick=report.name, client=str(client), error=str(error))
            return
        except Exception as error:  # noqa: BLE001  # one client's failure holds up no other; its words may hold data
            report.failures[str(client)] = type(error).__name__
            _log.error("tick_broke_for_client", tick=report.name, client=str(client), error=type(error).__name__)
            return
        remaining = counts.pop("remaining", 0)
        report.counts.update(counts)
        if not remaining:
            return
