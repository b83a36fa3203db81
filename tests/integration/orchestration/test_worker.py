"""The worker as a process against a real Prefect server: what it survives, and what it leaves."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from datetime import datetime, timedelta

from agency_os.integrations.prefect import PrefectClient, RunState
from agency_os.kit.clock import SystemWallClock, parse_instant
from tests.integration.orchestration.conftest import StartWorker
from tests.support.tcp_switch import TcpSwitch


async def test_after_kill_9_the_next_worker_closes_the_run_and_does_it_again(
    prefect: PrefectClient, start_worker: StartWorker
) -> None:
    worker = start_worker()
    worker.order(outreach={"seconds": 60})
    run = await prefect.start("outreach/tick")
    await worker.until_begun("outreach", 1)
    worker.kill()
    worker.order()
    await start_worker().until_begun("outreach", 2)
    crashed = await prefect.read_run(run)
    assert crashed.state is RunState.CRASHED
    assert "was lost while it had this run" in crashed.message


async def test_a_worker_beside_it_leaves_the_run_of_a_living_one_alone(
    prefect: PrefectClient, start_worker: StartWorker
) -> None:
    worker = start_worker()
    worker.order(outreach={"seconds": 4})
    run = await prefect.start("outreach/tick")
    await worker.until_begun("outreach", 1)
    await start_worker().until_serving(2)
    assert (await prefect.wait(run)).state is RunState.COMPLETED


async def test_of_two_workers_one_takes_a_run(prefect: PrefectClient, start_worker: StartWorker) -> None:
    worker = start_worker()
    start_worker()
    await worker.until_serving(2)
    runs = [await prefect.start("inbound/tick") for _ in range(12)]
    done = [await prefect.wait(run) for run in runs]
    assert len(worker.notes("inbound")) == 12
    assert len({run.owner for run in done}) == 2


async def test_a_failing_tick_fails_its_run_with_the_reason_and_the_worker_goes_on(
    prefect: PrefectClient, start_worker: StartWorker
) -> None:
    worker = start_worker()
    worker.order(inbound={"fail": "the mailbox is on fire"})
    failed = await prefect.wait(await prefect.start("inbound/tick"), timeout=30)
    worker.order()
    after = await prefect.wait(await prefect.start("inbound/tick"))
    assert (failed.state, failed.message) == (RunState.FAILED, "ConflictError: the mailbox is on fire")
    assert after.state is RunState.COMPLETED


async def test_runs_that_share_a_failing_one_fail_with_its_reason(
    prefect: PrefectClient, start_worker: StartWorker
) -> None:
    runs = [await prefect.nudge(interval_seconds=length) for length in (0.1, 0.2)]
    start_worker().order(inbound={"fail": "no"})
    shared = [await prefect.wait(run, timeout=30) for run in runs]
    assert [run.state for run in shared] == [RunState.FAILED] * 2
    assert f"run {runs[0]}, which was to do it, is failed: ConflictError: no" == shared[1].message


async def test_deployments_run_beside_one_another(prefect: PrefectClient, start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.order(outreach={"seconds": 5})
    outreach = await prefect.start("outreach/tick")
    await worker.until_begun("outreach", 1)
    await prefect.wait(await prefect.nudge(), timeout=4.5)
    assert (await prefect.read_run(outreach)).state is RunState.RUNNING


async def test_sigterm_lets_a_short_run_end(prefect: PrefectClient, start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.order(outreach={"seconds": 1.5})
    run = await prefect.start("outreach/tick")
    await worker.until_begun("outreach", 1)
    assert worker.ask_to_end(signal.SIGTERM) == 0
    assert (await prefect.read_run(run)).state is RunState.COMPLETED


async def test_sigint_abandons_a_long_run_within_seconds_and_says_so(
    prefect: PrefectClient, start_worker: StartWorker
) -> None:
    worker = start_worker()
    worker.order(outreach={"seconds": 60}, inbound={"seconds": 60})
    runs = [await prefect.start(f"{name}/tick") for name in ("outreach", "inbound")]
    await worker.until_begun("outreach", 1)
    await worker.until_begun("inbound", 1)
    asked = time.monotonic()
    assert worker.ask_to_end(signal.SIGINT) == 0
    assert time.monotonic() - asked < 9
    assert [(await prefect.read_run(run)).state for run in runs] == [RunState.CRASHED] * 2


async def test_a_run_cancelled_on_the_servers_pages_stops(prefect: PrefectClient, start_worker: StartWorker) -> None:
    worker = start_worker()
    worker.order(outreach={"seconds": 60})
    run = await prefect.start("outreach/tick")
    await worker.until_begun("outreach", 1)
    await prefect.call("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    async with asyncio.timeout(20):
        # The engine reports a crash for an instant, before the worker says what it was.
        while (await prefect.read_run(run)).state is not RunState.CANCELLED:  # noqa: ASYNC110  # only the server knows
            await asyncio.sleep(0.05)


async def test_a_server_that_goes_away_is_waited_for(
    prefect: PrefectClient, prefect_url: str, start_worker: StartWorker
) -> None:
    async with TcpSwitch.to(prefect_url) as switch:
        worker = start_worker(api_url=switch.url)
        await worker.until_serving()
        await switch.off()
        run = await prefect.nudge()
        await asyncio.sleep(2)
        assert worker.notes("inbound") == []
        await switch.on()
        assert (await prefect.wait(run, timeout=30)).state is RunState.COMPLETED


async def test_a_run_that_cannot_be_reported_is_closed_and_done_again(
    prefect: PrefectClient, prefect_url: str, start_worker: StartWorker
) -> None:
    async with TcpSwitch.to(prefect_url) as switch:
        worker = start_worker(api_url=switch.url, PREFECT_CLIENT_MAX_RETRIES="0")
        worker.order(inbound={"seconds": 1})
        run = await prefect.start("inbound/tick")
        await worker.until_begun("inbound", 1)
        await switch.off()
        await worker.until_said("run_not_reported", seconds=90)
        await switch.on()
        await worker.until_begun("inbound", 2)
        assert (await prefect.read_run(run)).state is RunState.CRASHED


async def test_without_any_server_it_lives_and_ends_when_told(start_worker: StartWorker) -> None:
    worker = start_worker(api_url="http://127.0.0.1:9/api")
    await worker.until_said("prefect_away")
    assert worker.ask_to_end(signal.SIGTERM) == 0


async def test_a_server_that_never_answers_does_not_hold_up_the_end(start_worker: StartWorker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        worker = start_worker(api_url=f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        connection, _ = await asyncio.to_thread(silent.accept)
        with connection:
            asked = time.monotonic()
            assert await asyncio.to_thread(worker.ask_to_end, signal.SIGTERM) == 0
            assert time.monotonic() - asked < 6


async def test_schedules_are_active_in_real_time_alone(prefect: PrefectClient, start_worker: StartWorker) -> None:
    virtual = await prefect.call("GET", "/deployments/name/outreach/tick")
    await start_worker(clock="system").until_serving()
    real = await prefect.call("GET", "/deployments/name/outreach/tick")
    assert [each["active"] for each in virtual["schedules"]] == [False]
    assert [each["active"] for each in real["schedules"]] == [True]


async def test_each_worker_that_starts_shows_as_ready_on_the_server_within_seconds(
    prefect: PrefectClient, start_worker: StartWorker
) -> None:
    polled = []
    for number in (1, 2):
        worker = start_worker()
        await worker.until_serving(number)
        served = wall_time()
        async with asyncio.timeout(10):
            while (await last_polled(prefect)) < served - timedelta(seconds=1):  # noqa: ASYNC110  # only the server knows
                await asyncio.sleep(0.05)
        polled.append(await last_polled(prefect))
        worker.kill()
    assert polled[0] < polled[1]


def wall_time() -> datetime:
    return SystemWallClock().now()


async def last_polled(prefect: PrefectClient) -> datetime:
    described = await prefect.call("GET", "/deployments/name/inbound/tick")
    return parse_instant(described["last_polled"] or "1970-01-01T00:00:00Z")
