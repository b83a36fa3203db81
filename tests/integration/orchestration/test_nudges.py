"""Nudges against a real server and worker: how soon a run begins, how few runs there are, and that none is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from agency_os.integrations.prefect import PrefectClient, RunState
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.http import AiohttpTransport
from tests.integration.orchestration.conftest import StartWorker

NUDGES = 20


@pytest.fixture
async def other_process(prefect_url: str) -> AsyncIterator[PrefectClient]:
    """A second client, which shares nothing with the first but the server."""
    transport = AiohttpTransport()
    client = PrefectClient(transport, prefect_url, SystemWallClock())
    yield client
    await client.aclose()
    await transport.aclose()


async def test_the_95th_percentile_from_nudge_to_begin_is_under_5_seconds(
    prefect: PrefectClient, start_worker: StartWorker
) -> None:
    worker = start_worker()
    await worker.until_serving()
    waits = []
    for number in range(NUDGES):
        called = time.time()
        run = await prefect.nudge("inbound/tick", interval_seconds=0.05)
        waits.append((await worker.until_begun("inbound", number + 1))[-1] - called)
        await prefect.wait(run)
    assert sorted(waits)[round(NUDGES * 0.95) - 1] < 5


async def test_many_nudges_give_few_runs_and_the_last_is_followed_by_one(
    prefect: PrefectClient, other_process: PrefectClient, start_worker: StartWorker
) -> None:
    worker = start_worker()
    worker.order(inbound={"seconds": 0.2})
    await worker.until_serving()
    calls, called = [], 0.0
    for _ in range(100):
        called = time.time()
        calls += [asyncio.create_task(client.nudge(interval_seconds=0.5)) for client in (prefect, other_process)]
        await asyncio.sleep(0.02)
    runs = set(await asyncio.gather(*calls))
    for run in runs:
        await prefect.wait(run)
    begun = worker.notes("inbound")
    assert begun[-1] > called
    assert len(begun) <= len(runs) <= 15


async def test_no_nudge_is_lost_however_it_falls_upon_a_run(
    prefect: PrefectClient, other_process: PrefectClient, start_worker: StartWorker
) -> None:
    worker = start_worker()
    worker.order(inbound={"seconds": 0.15})
    await worker.until_serving()
    for number in range(15):
        called = time.time()
        client = (prefect, other_process)[number % 2]
        run = await client.nudge(interval_seconds=0.15)
        await asyncio.sleep(0.017 * number % 0.2)
        done = await prefect.wait(run)
        assert done.state is RunState.COMPLETED
        assert worker.notes("inbound")[-1] > called


async def test_waiting_nudges_are_done_by_one_run(prefect: PrefectClient, start_worker: StartWorker) -> None:
    runs = [await prefect.nudge(interval_seconds=length) for length in (0.1, 0.2, 0.3, 0.4)]
    worker = start_worker()
    messages = [(await prefect.wait(run, timeout=30)).message for run in runs]
    assert messages == ["inbound: 1 step", *[f"done by run {runs[0]}"] * 3]
    assert len(worker.notes("inbound")) == 1


async def test_whoever_starts_a_run_gets_a_run_of_his_own(prefect: PrefectClient, start_worker: StartWorker) -> None:
    runs = [await prefect.start("inbound/tick") for _ in range(3)]
    worker = start_worker()
    for run in runs:
        await prefect.wait(run, timeout=30)
    assert len(worker.notes("inbound")) == 3
