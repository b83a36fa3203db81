"""The loop of the worker against a server in memory; each engine is a function of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from agency_os.integrations.prefect import FlowRun, PrefectClient
from agency_os.kit.clock import FakeWallClock
from agency_os.orchestration.deployments import Deployment
from agency_os.orchestration.runner import Pace, Runner, batch
from tests.support.fake_prefect import URL, FakePrefect

INBOUND, OUTREACH, ENRICHMENT = "inbound/tick", "outreach/tick", "enrichment/tick"
PACE = Pace(poll=0.002, cancel=0.0, ready=30.0, finish=0.05, report=0.05)


class Bench:
    """A server, a runner and its engine, which by default completes each run at once."""

    def __init__(self) -> None:
        self.wall = FakeWallClock()
        self.server = FakePrefect(self.wall, INBOUND, OUTREACH, ENRICHMENT)
        self.begun: list[UUID] = []
        self.engine: Callable[[FlowRun], Awaitable[None]] = self.complete
        self.stop = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def complete(self, run: FlowRun) -> None:
        self.server.set_state(run.id, "COMPLETED", "all read")

    async def execute(self, _: Deployment, run: FlowRun) -> None:
        self.begun.append(run.id)
        self.server.set_state(run.id, "RUNNING")
        await self.engine(run)

    def start(self, owner: str = "here-1", *, scheduled: bool = True) -> None:
        runner = Runner(
            PrefectClient(self.server, URL, self.wall),
            owner=owner,
            execute=self.execute,
            wall=self.wall,
            scheduled=scheduled,
            pace=PACE,
        )
        self.tasks.append(asyncio.create_task(runner.serve(self.stop)))

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not reached():  # noqa: ASYNC110  # whatever a test looks at
                await asyncio.sleep(0.001)

    async def until_state(self, run: UUID, state: str) -> None:
        await self.until(lambda: self.server.state_of(run) == state)

    async def end(self) -> None:
        self.stop.set()
        async with asyncio.timeout(5):
            await asyncio.gather(*self.tasks)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.end()


async def test_a_due_run_is_taken_under_the_workers_name_and_executed(bench: Bench) -> None:
    run = bench.server.add_run(INBOUND)
    bench.start("here-1")
    await bench.until_state(run, "COMPLETED")
    assert bench.begun == [run]
    assert bench.server.runs[str(run)]["infrastructure_pid"] == "here-1"


async def test_a_run_of_the_future_is_left_until_it_is_due(bench: Bench) -> None:
    run = bench.server.add_run(INBOUND, due="2026-01-01T00:01:00+00:00")
    bench.start()
    await asyncio.sleep(0.03)
    assert bench.begun == []
    bench.wall.advance(60)
    await bench.until_state(run, "COMPLETED")


async def test_waiting_nudges_follow_one_run_and_end_with_it(bench: Bench) -> None:
    runs = [bench.server.add_run(INBOUND, tags=["nudge"]) for _ in range(4)]
    bench.start()
    await bench.until_state(runs[3], "COMPLETED")
    assert bench.begun == [runs[0]]
    assert {bench.server.message_of(run) for run in runs[1:]} == {f"done by run {runs[0]}"}


async def test_followers_are_taken_before_their_leader_begins(bench: Bench) -> None:
    runs = [bench.server.add_run(INBOUND, tags=["nudge"]) for _ in range(3)]
    seen: list[str] = []

    async def look(run: FlowRun) -> None:
        seen.extend(bench.server.state_of(each) for each in runs[1:])
        await bench.complete(run)

    bench.engine = look
    bench.start()
    await bench.until_state(runs[2], "COMPLETED")
    assert seen == ["PENDING", "PENDING"]


async def test_a_nudge_created_while_a_run_is_on_gets_a_later_one(bench: Bench) -> None:
    first = bench.server.add_run(INBOUND, tags=["nudge"])
    go_on = asyncio.Event()

    async def wait(run: FlowRun) -> None:
        await go_on.wait()
        await bench.complete(run)

    bench.engine = wait
    bench.start()
    await bench.until_state(first, "RUNNING")
    later = bench.server.add_run(INBOUND, tags=["nudge"])
    await asyncio.sleep(0.02)
    assert bench.server.state_of(later) == "SCHEDULED"
    go_on.set()
    await bench.until_state(later, "COMPLETED")
    assert bench.begun == [first, later]


async def test_followers_share_the_fate_of_a_failing_leader(bench: Bench) -> None:
    async def fail(run: FlowRun) -> None:
        bench.server.set_state(run.id, "FAILED", "no mailbox")

    bench.engine = fail
    runs = [bench.server.add_run(INBOUND, tags=["nudge"]) for _ in range(2)]
    bench.start()
    await bench.until_state(runs[1], "FAILED")
    assert bench.server.message_of(runs[1]).endswith("is failed: no mailbox")


async def test_a_run_that_another_worker_takes_first_is_left_to_it(bench: Bench) -> None:
    runs = [bench.server.add_run(INBOUND) for _ in range(20)]
    bench.start("here-1")
    bench.start("here-2")
    for run in runs:
        await bench.until_state(run, "COMPLETED")
    assert sorted(bench.begun) == sorted(runs)


async def test_one_run_per_deployment_at_a_time_and_deployments_beside_one_another(bench: Bench) -> None:
    async def hold(_: FlowRun) -> None:
        await asyncio.sleep(60)

    bench.engine = hold
    runs = [bench.server.add_run(key) for key in (INBOUND, INBOUND, OUTREACH)]
    bench.start()
    await bench.until(lambda: len(bench.begun) == 2)
    await asyncio.sleep(0.02)
    assert bench.begun == [runs[0], runs[2]]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
async def test_what_a_killed_predecessor_left_is_closed_and_asked_for_again(bench: Bench, state: str) -> None:
    left = bench.server.add_run(OUTREACH, state, infrastructure_pid="here-1")
    bench.start("here-1")
    await bench.until(lambda: len(bench.begun) == 1)
    assert bench.server.state_of(left) == "CRASHED"
    assert bench.server.runs[str(bench.begun[0])]["deployment_id"] == bench.server.deployments[OUTREACH]


async def test_a_run_taken_by_a_worker_killed_before_it_could_note_its_name_is_found(bench: Bench) -> None:
    left = bench.server.add_run(OUTREACH)
    bench.server.set_state(left, "PENDING", "taken by worker here-1")
    bench.start("here-1")
    await bench.until_state(left, "CRASHED")


async def test_what_others_are_at_is_left_alone(bench: Bench) -> None:
    theirs = bench.server.add_run(OUTREACH, "RUNNING", infrastructure_pid="here-10")
    bench.start("here-1")
    bench.start("here-100")
    await bench.until_state(bench.server.add_run(INBOUND), "COMPLETED")
    assert bench.server.state_of(theirs) == "RUNNING"


async def test_an_engine_that_cannot_report_has_its_run_closed_and_done_again(bench: Bench) -> None:
    async def break_once(run: FlowRun) -> None:
        if len(bench.begun) == 1:
            raise OSError("the server went away")
        await bench.complete(run)

    bench.engine = break_once
    run = bench.server.add_run(INBOUND)
    bench.start()
    await bench.until_state(run, "CRASHED")
    await bench.until(lambda: len(bench.begun) == 2)


async def test_a_server_that_is_away_is_waited_for_and_told_everything_again(bench: Bench) -> None:
    with capture_logs() as logs:
        bench.start()
        await bench.until(lambda: len(bench.server.registered) == 3)
        bench.server.away = True
        await bench.until(lambda: any(log["event"] == "prefect_away" for log in logs))
        bench.server.away = False
        await bench.until_state(bench.server.add_run(INBOUND), "COMPLETED")
    assert [log["event"] for log in logs if log["event"].startswith("prefect")] == ["prefect_away", "prefect_back"]
    assert len(bench.server.registered) == 6


async def test_a_run_that_outlives_an_outage_is_not_taken_for_a_lost_one(bench: Bench) -> None:
    go_on = asyncio.Event()

    async def wait(run: FlowRun) -> None:
        await go_on.wait()
        await bench.complete(run)

    bench.engine = wait
    run = bench.server.add_run(OUTREACH)
    bench.start()
    await bench.until_state(run, "RUNNING")
    bench.server.away = True
    await asyncio.sleep(0.02)
    bench.server.away = False
    await bench.until(lambda: len(bench.server.registered) == 6)
    await asyncio.sleep(0.02)
    go_on.set()
    await bench.until_state(run, "COMPLETED")
    assert bench.begun == [run]


async def test_a_deployment_that_somebody_removed_is_made_known_again(bench: Bench) -> None:
    bench.start()
    await bench.until(lambda: len(bench.server.registered) == 3)
    del bench.server.deployments[OUTREACH]
    bench.wall.advance(PACE.ready)
    await bench.until(lambda: OUTREACH in bench.server.deployments)


async def test_a_run_cancelled_while_it_runs_is_abandoned_with_its_followers(bench: Bench) -> None:
    async def hold(_: FlowRun) -> None:
        await asyncio.sleep(60)

    bench.engine = hold
    runs = [bench.server.add_run(INBOUND, tags=["nudge"]) for _ in range(2)]
    bench.start()
    await bench.until_state(runs[0], "RUNNING")
    bench.server.set_state(runs[0], "CANCELLING")
    await bench.until_state(runs[1], "CANCELLED")
    assert bench.server.state_of(runs[0]) == "CANCELLED"


async def test_a_stop_lets_a_run_end_that_is_about_to(bench: Bench) -> None:
    async def be_brief(run: FlowRun) -> None:
        await asyncio.sleep(0.02)
        await bench.complete(run)

    bench.engine = be_brief
    run = bench.server.add_run(INBOUND)
    bench.start()
    await bench.until(lambda: bench.begun == [run])
    await bench.end()
    assert bench.server.state_of(run) == "COMPLETED"


async def test_a_stop_abandons_a_run_that_does_not_end(bench: Bench) -> None:
    ended: list[str] = []

    async def hold(_: FlowRun) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    bench.engine = hold
    bench.start()
    await bench.until_state(bench.server.add_run(INBOUND), "RUNNING")
    await bench.end()
    assert ended == ["cancelled"]


@pytest.mark.parametrize("scheduled", [True, False])
async def test_schedules_are_registered_active_or_not_as_told(bench: Bench, scheduled: bool) -> None:
    bench.start(scheduled=scheduled)
    await bench.until(lambda: len(bench.server.registered) == 3)
    active = {each["active"] for body in bench.server.registered for each in body["schedules"]}
    assert active == {scheduled}


class TestBatch:
    """What to do next of the runs that wait."""

    def runs(self, *changes: dict[str, Any]) -> list[FlowRun]:
        server = FakePrefect(FakeWallClock(), INBOUND)
        return [FlowRun.of(server.runs[str(server.add_run(INBOUND, **each))]) for each in changes]

    def test_somebody_who_asked_for_a_run_leads_and_the_nudges_follow(self) -> None:
        nudge, asked, swept = self.runs({"tags": ["nudge"]}, {}, {"auto_scheduled": True})
        chosen = batch([nudge, asked, swept])
        assert (chosen.leader, chosen.followers) == (asked, (nudge, swept))

    def test_two_who_asked_do_not_share(self) -> None:
        first, second = self.runs({}, {})
        assert batch([first, second]).followers == ()

    def test_nobody_follows_a_run_with_parameters(self) -> None:
        narrow, nudge = self.runs({"parameters": {"client": 1}}, {"tags": ["nudge"]})
        chosen = batch([nudge, narrow])
        assert (chosen.leader, chosen.followers) == (narrow, ())
