"""Scorer: enriched leads get their ALS with its components, weights and an explanation (blueprint engine 02).

Deterministic: the facts stored with the lead, the client's ICP and weights, and the day in Australia. One call scores
one bounded batch within the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.als import AlsTier
from agency_os.domain.calendars import latest_date
from agency_os.domain.scoring import score_lead
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.scoring import ScoringRepository

BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Scored:
    """What a batch came to: leads scored, how many of them are dead, and how many still wait (up to a batch)."""

    scored: int
    dead: int
    waiting: int


class ScorerEngine:
    """Scores one client's leads."""

    async def score(self, db: AsyncSession, *, client_id: UUID, hashes: PersonHash, now: datetime) -> Scored:
        """Score one batch of enriched leads. Raises NotFoundError and InvalidInputError as the client's profile is."""
        repository = ScoringRepository(db)
        profile = await repository.profile(client_id, now)
        leads = await repository.enriched(client_id, hashes, BATCH)
        today = latest_date(now)
        scores = {lead: score_lead(facts, profile.icp, profile.weights, today) for lead, facts in leads.items()}
        await repository.store(client_id, scores, weights=profile.weights, now=now)
        dead = sum(score.tier is AlsTier.DEAD for score in scores.values())
        return Scored(len(scores), dead, await repository.waiting(client_id, BATCH) if scores else 0)
