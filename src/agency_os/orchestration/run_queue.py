"""The Prefect server as a queue of flow runs: what waits, taking a run, ending it, and what a dead worker left.

Inputs: a client and the name of the worker's slot. Promise: of several workers one takes a run; a run taken under this
name is found again after ``kill -9`` at any instant. Imports nothing of Prefect.
Source: docs.prefect.io/v3/api-ref/rest-api/server/flow-runs.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from agency_os.exceptions import UnavailableError
from agency_os.integrations.prefect import FlowRun, PrefectClient, RunState

MOST_WAITING: Final = 200
"""Runs read at once, the server's own limit for a page; the rest is read at the next look."""
_BEGUN: Final = (RunState.PENDING, RunState.RUNNING, RunState.CANCELLING)


class RunQueue:
    """The runs of some deployments, for one worker.

    Every method raises UnavailableError when the server is away.
    """

    def __init__(self, prefect: PrefectClient, owner: str) -> None:
        self._prefect = prefect
        self._owner = owner
        self._taken = f"taken by worker {owner}"

    async def waiting(self, deployments: Collection[UUID], until: datetime) -> list[FlowRun]:
        """The runs that are due by ``until`` (wall time), the longest due first."""
        return await self._read(
            {
                "deployment_id": {"any_": _texts(deployments)},
                "state": {"type": {"any_": [RunState.SCHEDULED]}},
                "next_scheduled_start_time": {"before_": until.isoformat()},
            }
        )

    async def begun(self, deployments: Collection[UUID]) -> list[FlowRun]:
        """The runs under this worker's name that have not ended."""
        runs = await self._read(
            {"deployment_id": {"any_": _texts(deployments)}, "state": {"type": {"any_": list(_BEGUN)}}}
        )
        return [run for run in runs if self._owner == run.owner or run.message == self._taken]

    async def take(self, run: FlowRun) -> bool:
        """Make a waiting run ours; False when another worker, or a cancellation, was first.

        The server decides under a lock of its row. The name stands in the state first, so that it is written in the
        same instant; the engine's next state replaces it, hence it is also noted as the run's owner.
        """
        if not await self._set_state(run.id, RunState.PENDING, self._taken):
            return False
        await self._prefect.call("PATCH", f"/flow_runs/{run.id}", {"infrastructure_pid": self._owner})
        return True

    async def end(self, run_id: UUID, state: RunState, message: str) -> bool:
        """Put a run of ours into a final state; False when it is in one already."""
        return await self._set_state(run_id, state, message)

    async def read(self, run_id: UUID) -> FlowRun:
        """The run as it is."""
        return await self._prefect.read_run(run_id)

    async def known(self, deployments: Collection[UUID]) -> bool:
        """Whether the server still has every one of these deployments."""
        found = await self._prefect.call(
            "POST", "/deployments/count", {"deployments": {"id": {"any_": _texts(deployments)}}}
        )
        return bool(found == len(deployments))

    async def say_ready(self, deployments: Collection[UUID], until: datetime) -> None:
        """Tell the server that somebody serves these deployments, for its pages; it believes so for a minute."""
        body = {"deployment_ids": _texts(deployments), "scheduled_before": until.isoformat(), "limit": 1}
        await self._prefect.call("POST", "/deployments/get_scheduled_flow_runs", body)

    async def _read(self, wanted: dict[str, Any]) -> list[FlowRun]:
        described = await self._prefect.call(
            "POST",
            "/flow_runs/filter",
            {"flow_runs": wanted, "sort": "NEXT_SCHEDULED_START_TIME_ASC", "limit": MOST_WAITING},
        )
        if not isinstance(described, list):
            raise UnavailableError("Prefect's answer to a query for flow runs is no list; check PREFECT_API_URL")
        return [FlowRun.of(raw) for raw in described]

    async def _set_state(self, run_id: UUID, state: RunState, message: str) -> bool:
        answer = await self._prefect.call(
            "POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": state, "message": message}}
        )
        try:
            return bool(answer["status"] == "ACCEPT")
        except (KeyError, TypeError) as error:
            raise UnavailableError("Prefect's answer to a change of state is in a form we do not know") from error


def _texts(ids: Collection[UUID]) -> list[str]:
    return [str(each) for each in ids]
