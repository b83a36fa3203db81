"""The flow `enrichment`: a thin shell over `orchestration.ticks.enrichment_tick`, run in our own worker."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas import State

from agency_os.orchestration.prefect_tick import run_tick


@flow(name="enrichment", persist_result=False, retries=0, log_prints=False, validate_parameters=False)
async def enrichment() -> State[Any]:
    """Enrich, score and allocate what is new, over all clients."""
    return await run_tick("enrichment")
