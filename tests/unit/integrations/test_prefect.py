from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid5

import pytest
from structlog.testing import capture_logs

from agency_os.exceptions import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from agency_os.integrations.prefect import FlowRun, PrefectClient, RunState, RunTimeoutError
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import Headers, HttpResponse
from tests.support.fake_prefect import SPACE, URL, FakePrefect

INBOUND = "inbound/tick"


class Both:
    """A client, the server it speaks to and the wall clock of both."""

    def __init__(self) -> None:
        self.wall = FakeWallClock()
        self.server = FakePrefect(self.wall, INBOUND, "outreach/tick")
        self.client = self.another()

    def another(self) -> PrefectClient:
        return PrefectClient(self.server, f"{URL}/", self.wall)

    def answering(self, status: int, body: object) -> PrefectClient:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.server.answer = HttpResponse(status, Headers(), content)
        return self.client


@pytest.fixture
def both() -> Both:
    return Both()


async def test_a_first_nudge_leaves_at_once(both: Both) -> None:
    run = await both.client.nudge(INBOUND)
    assert both.server.state_of(run) == "SCHEDULED"
    assert both.wall.sleeps == []


async def test_nudges_that_come_together_share_one_request(both: Both) -> None:
    runs = await asyncio.gather(*(both.client.nudge(INBOUND) for _ in range(100)))
    assert len(set(runs)) == 1
    assert sum(path.endswith("create_flow_run") for _, path in both.server.requests) == 1


async def test_nudges_after_the_first_leave_together_at_the_end_of_the_interval(both: Both) -> None:
    await both.client.nudge(INBOUND, interval_seconds=2)
    both.wall.advance(0.5)
    await asyncio.gather(*(both.client.nudge(INBOUND, interval_seconds=2) for _ in range(10)))
    assert both.wall.sleeps == [1.5]
    assert len(both.server.runs) == 2


async def test_two_processes_share_a_run_that_still_waits(both: Both) -> None:
    runs = [await client.nudge(INBOUND) for client in (both.client, both.another())]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLED"])
async def test_a_nudge_never_relies_on_a_run_that_is_already_taken(both: Both, state: str) -> None:
    taken = await both.client.nudge(INBOUND)
    both.server.set_state(taken, state)
    run = await both.another().nudge(INBOUND)
    assert run != taken
    assert both.server.state_of(run) == "SCHEDULED"


async def test_generations_of_one_interval_go_on_until_a_run_waits(both: Both) -> None:
    runs = []
    for _ in range(4):
        runs.append(await both.another().nudge(INBOUND))
        both.server.set_state(runs[-1], "RUNNING")
    assert len(set(runs)) == 4
    assert [key[-1] for key in both.server.by_key] == ["0", "1", "2", "3"]


async def test_a_nudge_that_comes_while_another_leaves_gets_a_request_of_its_own(both: Both) -> None:
    first = asyncio.create_task(both.client.nudge(INBOUND, interval_seconds=0.5))
    while not any(path.endswith("create_flow_run") for _, path in both.server.requests):  # noqa: ASYNC110  # no event
        await asyncio.sleep(0)
    await both.client.nudge(INBOUND, interval_seconds=0.5)
    await first
    assert sum(path.endswith("create_flow_run") for _, path in both.server.requests) == 2


async def test_deployments_are_nudged_apart(both: Both) -> None:
    runs = await asyncio.gather(both.client.nudge(INBOUND), both.client.nudge("outreach/tick"))
    assert runs[0] != runs[1]


async def test_one_impatient_caller_does_not_take_the_nudge_from_the_others(both: Both) -> None:
    impatient, patient = (asyncio.create_task(both.client.nudge(INBOUND)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    assert both.server.state_of(await patient) == "SCHEDULED"


async def test_a_nudge_that_does_not_reach_the_server_raises_and_the_next_one_tries_again(both: Both) -> None:
    both.server.away = True
    with pytest.raises(UnavailableError):
        await both.client.nudge(INBOUND)
    both.server.away = False
    assert both.server.state_of(await both.client.nudge(INBOUND)) == "SCHEDULED"


async def test_nudge_soon_returns_at_once_and_closing_waits_for_it(both: Both) -> None:
    both.client.nudge_soon(INBOUND)
    assert both.server.runs == {}
    await both.client.aclose()
    assert len(both.server.runs) == 1


async def test_nudge_soon_leaves_a_failure_to_the_sweep(both: Both) -> None:
    both.server.away = True
    with capture_logs() as logs:
        both.client.nudge_soon(INBOUND)
        await both.client.aclose()
        await asyncio.sleep(0)
    assert [(log["log_level"], log["error"]) for log in logs] == [("warning", "the server is away")]


async def test_a_lost_deployment_is_looked_up_again(both: Both) -> None:
    await both.client.start(INBOUND)
    new = str(uuid5(SPACE, "after a new database"))
    both.server.deployments[INBOUND] = new
    run = await both.client.start(INBOUND)
    assert both.server.runs[str(run)]["deployment_id"] == new


async def test_an_unknown_deployment_is_not_found(both: Both) -> None:
    with pytest.raises(NotFoundError, match="Deployment not found"):
        await both.client.start("nothing/here")
    assert len(both.server.requests) == 1


async def test_start_gives_the_same_run_for_the_same_key_and_passes_parameters(both: Both) -> None:
    runs = [await both.client.start(INBOUND, {"batch": 3}, idempotency_key="k") for _ in range(2)]
    assert runs[0] == runs[1]
    assert both.server.runs[str(runs[0])]["parameters"] == {"batch": 3}


async def test_waiting_returns_the_run_once_it_has_ended(both: Both) -> None:
    run = await both.client.start(INBOUND)
    asked = 0

    def end_at_the_third(method: str, path: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            both.server.set_state(run, "COMPLETED", "3 read")

    both.server.on_request = end_at_the_third
    ended = await both.client.wait(run)
    assert (ended.state, ended.message) == (RunState.COMPLETED, "3 read")
    assert asked == 3


async def test_waiting_outlives_a_server_that_is_away_but_not_its_own_time(both: Both) -> None:
    run = await both.client.start(INBOUND)
    both.server.away = True
    with pytest.raises(RunTimeoutError, match="has not ended within 5 s: the server is away"):
        await both.client.wait(run, timeout=5)
    assert 4 < both.wall.monotonic() <= 5


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NotFoundError),
        (409, ConflictError),
        (422, InvalidInputError),
        (401, UnavailableError),
        (500, UnavailableError),
    ],
)
async def test_refusals_become_our_errors_with_what_the_server_said(
    both: Both, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error, match=f"answered {status} to GET /flow_runs/.*: out of tea"):
        await both.answering(status, {"detail": "out of tea"}).read_run(UUID(int=1))


async def test_an_answer_that_is_not_json_names_the_setting(both: Both) -> None:
    with pytest.raises(UnavailableError, match="check PREFECT_API_URL"):
        await both.answering(200, b"<html>").read_run(UUID(int=1))


async def test_a_run_in_an_unknown_form_is_refused(both: Both) -> None:
    with pytest.raises(UnavailableError, match="in a form we do not know"):
        await both.answering(200, {"id": "x"}).read_run(UUID(int=1))


async def test_health_is_a_yes_or_a_no(both: Both) -> None:
    well = await both.client.healthy()
    both.server.away = True
    assert (well, await both.client.healthy()) == (True, False)


@pytest.mark.parametrize(
    ("changes", "shareable"),
    [
        ({}, False),
        ({"tags": ["nudge"]}, True),
        ({"auto_scheduled": True}, True),
        ({"tags": ["nudge"], "parameters": {"a": 1}}, False),
    ],
)
def test_runs_without_parameters_that_nobody_asked_for_by_name_are_shareable(
    both: Both, changes: dict[str, Any], shareable: bool
) -> None:
    run = both.server.add_run(INBOUND, **changes)
    assert FlowRun.of(both.server.runs[str(run)]).shareable is shareable
