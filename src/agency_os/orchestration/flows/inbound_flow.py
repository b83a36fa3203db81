"""The flow `inbound`: a thin shell over `orchestration.ticks.inbound_tick`, run in our own worker."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas import State

from agency_os.orchestration.prefect_tick import run_tick


@flow(name="inbound", persist_result=False, retries=0, log_prints=False, validate_parameters=False)
async def inbound() -> State[Any]:
    """Read every provider event that waits."""
    return await run_tick("inbound")
