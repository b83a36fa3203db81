"""Scoring by batches, each in a transaction of its own. Safe to run twice."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from agency_os.domain.subscription import Ability, statuses_that_allow
from agency_os.engines.scorer import FIRST
from agency_os.repositories.scoring import ScoringRepository

if TYPE_CHECKING:
    from agency_os.wiring.services import Services


async def clients_to_score(services: Services, now: datetime) -> list[UUID]:
    """Clients whose subscription is open and that have enriched leads without a score."""
    statuses = sorted(statuses_that_allow(Ability.ENRICH))
    async with services.infra.database.transaction(now=now) as db:
        return await ScoringRepository(db).clients(statuses)


async def score_client(services: Services, client_id: UUID, now: datetime) -> dict[str, int]:
    """Score one batch of one client."""
    async with services.infra.database.transaction(now=now) as db:
        done = await services.scorer.score(db, client_id=client_id, hashes=services.infra.hashes, now=now)
    return {"leads scored": done.scored, "leads dead": done.dead, "remaining": done.waiting}


async def rescore_client(services: Services, client_id: UUID, now: datetime) -> dict[str, int]:
    """Score every lead of a client that has a score again: its profile or its weights have changed.

    A run that was cut short is simply run again.
    """
    counts = {"leads scored again": 0, "leads dead": 0}
    after: UUID | None = FIRST
    while after is not None:
        async with services.infra.database.transaction(now=now) as db:
            done = await services.scorer.score_again(
                db, client_id=client_id, hashes=services.infra.hashes, now=now, after=after
            )
        counts["leads scored again"] += done.scored
        counts["leads dead"] += done.dead
        after = done.last
    return counts
