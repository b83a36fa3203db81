"""Allocation by batches: one transaction plans at most 500 leads of one client. Safe to run twice."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from agency_os.domain.subscription import Ability, statuses_that_allow
from agency_os.repositories.allocation import AllocationRepository

if TYPE_CHECKING:
    from agency_os.wiring.services import Services


async def clients_to_allocate(services: Services, now: datetime) -> list[UUID]:
    """Clients that may send and have scored leads without a plan."""
    statuses = sorted(statuses_that_allow(Ability.SEND))
    async with services.infra.database.transaction(now=now) as db:
        return await AllocationRepository(db, services.infra.hashes).clients(statuses)


async def allocate_client(services: Services, client_id: UUID, now: datetime) -> dict[str, int]:
    """Plan one batch of one client."""
    async with services.infra.database.transaction(now=now) as db:
        done = await services.allocator.allocate(db, client_id=client_id, now=now)
    return {
        "leads put in sequence": done.leads,
        "touches planned": done.touches,
        "leads not approachable": done.refused,
        "remaining": int(done.more),
    }
