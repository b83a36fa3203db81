"""What the worker serves: one deployment per tick, made known to the Prefect server over its REST API.

Input: a client of the server. Promise: registering twice is as good as once, and leaves a pause that an operator set.
Imports nothing of Prefect. Source: docs.prefect.io/v3/api-ref/rest-api/server/deployments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from agency_os.exceptions import UnavailableError
from agency_os.integrations.prefect import PrefectClient
from agency_os.orchestration.schedules.scheduled_jobs import SCHEDULES

_FLOWS: Final = "agency_os.orchestration.flows"


@dataclass(frozen=True, slots=True)
class Deployment:
    """``flow`` and ``name`` are Prefect's; ``entrypoint`` is the flow's place, ``module:function`` without colon."""

    flow: str
    name: str
    entrypoint: str
    description: str

    @property
    def key(self) -> str:
        """``flow name/deployment name``, by which it is nudged and started."""
        return f"{self.flow}/{self.name}"


DEPLOYMENTS: Final = (
    Deployment("enrichment", "tick", f"{_FLOWS}.enrichment_flow.enrichment", "Enrich, score and allocate what is new"),
    Deployment("outreach", "tick", f"{_FLOWS}.outreach_flow.outreach", "Settle, freeze and send what is due"),
    Deployment("inbound", "tick", f"{_FLOWS}.inbound_flow.inbound", "Read every provider event that waits"),
)
"""All deployments that our own long-lived worker serves."""


async def register(prefect: PrefectClient, *, scheduled: bool) -> dict[UUID, Deployment]:
    """Create or update every deployment; by the id that the server gives.

    ``scheduled`` false leaves the schedules there but inactive. Raises UnavailableError when the server is away.
    """
    return {await _register(prefect, deployment, scheduled): deployment for deployment in DEPLOYMENTS}


async def _register(prefect: PrefectClient, deployment: Deployment, scheduled: bool) -> UUID:
    flow = await prefect.call("POST", "/flows/", {"name": deployment.flow})
    described = await prefect.call(
        "POST",
        "/deployments/",
        {
            "flow_id": flow["id"],
            "name": deployment.name,
            "entrypoint": deployment.entrypoint,
            "description": deployment.description,
            "schedules": [schedule.to_json(active=scheduled) for schedule in SCHEDULES[deployment.key]],
            "enforce_parameter_schema": True,
            "parameter_openapi_schema": {"type": "object", "properties": {}, "additionalProperties": False},
        },
    )
    try:
        return UUID(described["id"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnavailableError(f"Prefect described the deployment {deployment.key} without its id") from error
