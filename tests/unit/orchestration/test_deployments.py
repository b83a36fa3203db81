from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with Prefect, without types

from agency_os.exceptions import UnavailableError
from agency_os.integrations.prefect import PrefectClient
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import Headers, HttpResponse
from agency_os.orchestration.deployments import DEPLOYMENTS, register
from agency_os.orchestration.environment import WORKER_ENVIRONMENT
from agency_os.orchestration.schedules.scheduled_jobs import SCHEDULES, schedules_run
from tests.support.fake_prefect import URL, FakePrefect
from tests.support.needs import REPOSITORY

_SHOW_FLOWS = """
import json
from agency_os.orchestration.deployments import DEPLOYMENTS
from agency_os.orchestration.worker import load_flow
flows = {each.key: load_flow(each) for each in DEPLOYMENTS}
print(json.dumps({key: [flow.name, flow.isasync, flow.retries, flow.persist_result] for key, flow in flows.items()}))
"""


def test_prefect_yaml_declares_what_the_worker_serves() -> None:
    declared: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    found = {
        (each["entrypoint"], each["name"]): [
            (line["slug"], line["cron"], line["timezone"]) for line in each["schedules"]
        ]
        for each in declared
    }
    assert found == {
        (each.entrypoint, each.name): [(line.slug, line.cron, line.time_zone) for line in SCHEDULES[each.key]]
        for each in DEPLOYMENTS
    }


def test_every_entrypoint_is_an_async_flow_of_its_deployments_name_that_stores_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    # In a process of its own: importing Prefect reads its settings for good.
    environment = {**WORKER_ENVIRONMENT, "PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": URL}
    shown = subprocess.run(
        [sys.executable, "-c", _SHOW_FLOWS], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(shown.stdout) == {each.key: [each.flow, True, 0, False] for each in DEPLOYMENTS}


def test_every_deployment_has_its_schedules_and_no_schedule_is_without_one() -> None:
    assert set(SCHEDULES) == {deployment.key for deployment in DEPLOYMENTS}


def test_the_schedules_are_those_of_the_design() -> None:
    found = {(line.cron, line.time_zone) for lines in SCHEDULES.values() for line in lines}
    assert found == {
        ("0 2 * * *", "Australia/Sydney"),
        ("*/15 * * * *", "UTC"),
        ("*/5 * * * *", "UTC"),
        ("* * * * *", "UTC"),
    }


@pytest.mark.parametrize(("clock", "run"), [("system", True), ("http://127.0.0.1:4/clock", False)])
def test_schedules_run_in_real_time_alone(clock: str, run: bool) -> None:
    assert schedules_run(clock) is run


async def test_registering_says_nothing_of_a_pause_so_that_an_operators_stands() -> None:
    server = FakePrefect(FakeWallClock())
    known = await register(PrefectClient(server, URL, server.wall), scheduled=True)
    assert {each.key for each in known.values()} == {"enrichment/tick", "outreach/tick", "inbound/tick"}
    assert not any("paused" in body for body in server.registered)


async def test_an_answer_without_an_id_is_an_outage_and_no_crash() -> None:
    server = FakePrefect(FakeWallClock())
    server.answer = HttpResponse(200, Headers(), b'{"id": null}')
    with pytest.raises(UnavailableError, match="without its id"):
        await register(PrefectClient(server, URL, server.wall), scheduled=True)
