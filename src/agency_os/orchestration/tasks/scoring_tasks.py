"""Scoring by batches: one transaction scores at most 500 leads of one client. Safe to run twice."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from agency_os.domain.subscription import Ability, statuses_that_allow
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
