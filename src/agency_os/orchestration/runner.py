"""The loop of a worker: looks for due runs, takes them, has them executed, and outlives whatever goes wrong.

One run per deployment at a time, deployments beside one another. Runs that only ask for the queue to be drained share
one. A server that is away is waited for. What a killed predecessor left is closed and done again. No Prefect here: how
a run is executed is handed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from agency_os.exceptions import AgencyOSError
from agency_os.integrations.prefect import FlowRun, PrefectClient, RunState
from agency_os.kit.clock import WallClock
from agency_os.kit.logging import get_logger
from agency_os.orchestration.deployments import Deployment, register
from agency_os.orchestration.run_queue import RunQueue

Execute = Callable[[Deployment, FlowRun], Awaitable[None]]
"""Executes a run that is ours to its end, the report of its states to the server included."""

LONGEST_BACK_OFF: Final = 5.0
"""Seconds between two looks for a server that is away: a nudge after its return still starts within about as much."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of wall time: between two looks at the queue, between two looks for a cancellation, between two signs of
    life to the server, for the current runs to end by themselves once the worker stops, and then to be reported."""

    poll: float = 0.3
    cancel: float = 3.0
    ready: float = 30.0
    finish: float = 3.0
    report: float = 2.0


@dataclass(frozen=True, slots=True)
class Batch:
    """``leader`` is executed; ``followers`` are satisfied by it."""

    leader: FlowRun
    followers: tuple[FlowRun, ...]


def batch(waiting: Sequence[FlowRun]) -> Batch:
    """What to do next of one deployment's waiting runs (at least one), the longest due first.

    Somebody who asked for a run of his own leads. The rest follow if they are shareable, and if what leads drains the
    queue as they would, that is without parameters of its own.
    """
    leader = next((run for run in waiting if not run.shareable), waiting[0])
    if leader.raw.get("parameters"):
        return Batch(leader, ())
    return Batch(leader, tuple(run for run in waiting if run is not leader and run.shareable))


class Runner:
    """Serves all deployments of `orchestration.deployments` under one worker's name."""

    def __init__(
        self,
        prefect: PrefectClient,
        *,
        owner: str,
        execute: Execute,
        wall: WallClock,
        scheduled: bool,
        pace: Pace = Pace(),
    ) -> None:
        self._prefect = prefect
        self._queue = RunQueue(prefect, owner)
        self._owner = owner
        self._execute = execute
        self._wall = wall
        self._scheduled = scheduled
        self._pace = pace
        self._served: Mapping[UUID, Deployment] = {}
        self._active: dict[UUID, asyncio.Task[None]] = {}
        self._mine: set[UUID] = set()
        self._cancelled: set[UUID] = set()
        self._said_ready = self._looked_for_cancellations = float("-inf")
        self._wake = asyncio.Event()

    async def serve(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then end within `Pace.finish` + `Pace.report` seconds."""
        looking = asyncio.create_task(self._keep_looking(stop))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({looking, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._wake.set()
            stopped.cancel()
            await self._finish(looking)
        if not looking.cancelled():
            looking.result()  # raises what is a defect of ours

    async def _keep_looking(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            failures = await self._look(failures)
            self._wake.clear()
            if not stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), min(self._pace.poll * 2**failures, LONGEST_BACK_OFF))

    async def _look(self, failures: int) -> int:
        """One look at the server; how often in a row it has failed since."""
        try:
            served = await self._prepare()
            await self._heed_cancellations(served)
            await self._take_due(served)
        except AgencyOSError as error:
            if failures == 0:
                _log.warning("prefect_away", error=str(error))
            # Whatever comes back may be another server, or one that has lost what it knew.
            self._served = {}
            return min(failures + 1, 10)
        if failures:
            _log.info("prefect_back", worker=self._owner)
        return 0

    async def _prepare(self) -> Mapping[UUID, Deployment]:
        """Be known to the server: at the start, after an outage, and when somebody has removed a deployment."""
        due = self._wall.monotonic() - self._said_ready >= self._pace.ready
        if self._served and not (due and not await self._queue.known(self._served)):
            if due:
                await self._queue.say_ready(self._served, self._wall.now())
                self._said_ready = self._wall.monotonic()
            return self._served
        served = await register(self._prefect, scheduled=self._scheduled)
        await self._clear_up(served)
        self._served = served
        _log.info("worker_serves", worker=self._owner, deployments=[each.key for each in served.values()])
        return served

    async def _clear_up(self, served: Mapping[UUID, Deployment]) -> None:
        """Close what stands under our name and is not being executed, and have its work done again."""
        lost = [run for run in await self._queue.begun(served) if run.id not in self._mine]
        for run in lost:
            cancelled = run.state is RunState.CANCELLING
            state = RunState.CANCELLED if cancelled else RunState.CRASHED
            await self._queue.end(run.id, state, f"worker {self._owner} was lost while it had this run")
            _log.warning("run_crashed", run=str(run.id), worker=self._owner)
        for deployment in {run.deployment_id for run in lost if run.state is not RunState.CANCELLING}:
            if deployment is not None:
                self._prefect.nudge_soon(served[deployment].key)

    async def _heed_cancellations(self, served: Mapping[UUID, Deployment]) -> None:
        """Abandon a run that somebody cancels on the server's pages."""
        if not self._active or self._wall.monotonic() - self._looked_for_cancellations < self._pace.cancel:
            return
        self._looked_for_cancellations = self._wall.monotonic()
        for run in await self._queue.begun(served):
            if run.state is RunState.CANCELLING and run.id in self._mine and run.deployment_id in self._active:
                self._cancelled.add(run.id)
                self._active[run.deployment_id].cancel()

    async def _take_due(self, served: Mapping[UUID, Deployment]) -> None:
        idle = [each for each in served if each not in self._active]
        if not idle:
            return
        waiting: dict[UUID, list[FlowRun]] = {}
        for run in await self._queue.waiting(idle, self._wall.now()):
            if run.deployment_id is not None:
                waiting.setdefault(run.deployment_id, []).append(run)
        for deployment, runs in waiting.items():
            await self._take(deployment, served[deployment], batch(runs))

    async def _take(self, deployment_id: UUID, deployment: Deployment, chosen: Batch) -> None:
        """Take the leader, then its followers, and only then let it begin.

        A nudge that still finds a follower waiting is thereby sure of a run that begins later than its call; one that
        comes after finds the follower taken, and asks for a run of its own.
        """
        if not await self._queue.take(chosen.leader):
            return
        taken = [run for run in chosen.followers if await self._queue.take(run)]
        self._mine |= {chosen.leader.id, *(run.id for run in taken)}
        task = asyncio.create_task(self._carry_out(deployment, Batch(chosen.leader, tuple(taken))))
        self._active[deployment_id] = task
        task.add_done_callback(lambda _: self._ended(deployment_id, chosen))

    def _ended(self, deployment_id: UUID, chosen: Batch) -> None:
        del self._active[deployment_id]
        ids = {chosen.leader.id, *(run.id for run in chosen.followers)}
        self._mine -= ids
        self._cancelled -= ids
        self._wake.set()

    async def _carry_out(self, deployment: Deployment, taken: Batch) -> None:
        try:
            await self._execute(deployment, taken.leader)
            if taken.followers:
                await self._end_followers(taken)
        except asyncio.CancelledError:
            if taken.leader.id in self._cancelled:
                with suppress(AgencyOSError):  # else the next clearing up finds it
                    await self._end_cancelled(taken)
            raise
        except Exception:  # noqa: BLE001  # a run that cannot be reported must not end the worker
            # The run may still stand as begun: the next look clears up under our name.
            _log.warning("run_not_reported", run=str(taken.leader.id), deployment=deployment.key, exc_info=True)
            self._served = {}

    async def _end_followers(self, taken: Batch) -> None:
        leader = await self._queue.read(taken.leader.id)
        for run in taken.followers:
            if leader.state is RunState.COMPLETED:
                await self._queue.end(run.id, RunState.COMPLETED, f"done by run {leader.id}")
            else:
                said = f"run {leader.id}, which was to do it, is {leader.state.lower()}: {leader.message}"
                await self._queue.end(run.id, RunState.FAILED, said)

    async def _end_cancelled(self, taken: Batch) -> None:
        for run in (taken.leader, *taken.followers):
            await self._queue.end(run.id, RunState.CANCELLED, "cancelled while it ran")

    async def _finish(self, looking: asyncio.Task[None]) -> None:
        """Let the current look and runs end; abandon those that do not, whose state then says that they crashed."""
        _, late = await asyncio.wait({looking, *self._active.values()}, timeout=self._pace.finish)
        late |= set(self._active.values())  # taken by that last look
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=self._pace.report)
