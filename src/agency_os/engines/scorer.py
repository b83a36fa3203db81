"""Scorer: enriched leads get their ALS with its components, weights and an explanation (blueprint engine 02).

Deterministic: the facts stored with the lead, the client's ICP and weights, and the day in Australia. One call scores
one bounded batch within the caller's transaction. Leads that have a score get another when profile or weights changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.als import AlsTier
from agency_os.domain.calendars import latest_date
from agency_os.domain.columnar import LeadColumns, score_columns
from agency_os.domain.facts import LeadFacts
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.scoring import ScoringRepository

BATCH: Final = 500
AGAIN: Final = 2_000
"""Leads of one transaction when all of a client's leads are scored again."""
FIRST: Final = UUID(int=0)
"""Before every lead's id."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a batch came to: leads scored, how many of them are dead, and how many still wait (up to a batch)."""

    scored: int
    dead: int
    waiting: int


@dataclass(frozen=True, slots=True)
class ScoredAgain:
    """What a batch came to, and the ``last`` lead of it; None when there was none left."""

    scored: int
    dead: int
    last: UUID | None


class ScorerEngine:
    """Scores one client's leads."""

    async def score(self, db: AsyncSession, *, client_id: UUID, hashes: PersonHash, now: datetime) -> Scored:
        """Score one batch of enriched leads. Raises NotFoundError and InvalidInputError as the client's profile is."""
        repository = ScoringRepository(db)
        leads = await repository.enriched(client_id, hashes, BATCH)
        dead = await self._score(repository, client_id, leads, now)
        return Scored(len(leads), dead, await repository.waiting(client_id, BATCH) if leads else 0)

    async def score_again(
        self, db: AsyncSession, *, client_id: UUID, hashes: PersonHash, now: datetime, after: UUID = FIRST
    ) -> ScoredAgain:
        """Score the next batch of leads that have a score, those behind ``after``. Errors as for ``score``."""
        repository = ScoringRepository(db)
        leads = await repository.scored(client_id, hashes, after=after, limit=AGAIN)
        dead = await self._score(repository, client_id, leads, now)
        return ScoredAgain(len(leads), dead, next(reversed(leads), None))

    async def _score(
        self, repository: ScoringRepository, client_id: UUID, leads: Mapping[UUID, LeadFacts], now: datetime
    ) -> int:
        """Score and store ``leads``; how many are dead."""
        profile = await repository.profile(client_id, now)
        columns = LeadColumns.of(list(leads.values()))
        scores = score_columns(columns, profile.icp, profile.weights, latest_date(now))
        await repository.store(client_id, leads, scores, now=now)
        return scores.tiers().count(AlsTier.DEAD)
