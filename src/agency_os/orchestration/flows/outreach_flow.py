"""The flow `outreach`: a thin shell over `orchestration.ticks.outreach_tick`, run in our own worker."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas import State

from agency_os.orchestration.prefect_tick import run_tick


@flow(name="outreach", persist_result=False, retries=0, log_prints=False, validate_parameters=False)
async def outreach() -> State[Any]:
    """Settle what was left, then freeze and send what is due, over all clients."""
    return await run_tick("outreach")
