"""Allocator: scored leads become planned touches, each with its channel, sender and local hour (blueprint engine 04).

Deterministic: the best leads first, each on the first day on which a sender has room for its whole sequence. The
claim's guards decide again when a touch is due; this only plans.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.allocation import Load, Refusal, plan
from agency_os.domain.channels import Channel
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.allocation import AllocationRepository
from agency_os.repositories.touch_planning import PlannedTouch, TouchPlanningRepository

BATCH: Final = 500
SERVED: Final = frozenset({Channel.EMAIL})
"""Channels with an engine that sends."""


@dataclass(frozen=True, slots=True)
class Allocated:
    """What a batch came to: leads in sequence, touches planned, leads refused, and whether more may wait."""

    leads: int
    touches: int
    refused: int
    more: bool


class AllocatorEngine:
    """Plans the sequences of one client's leads."""

    def __init__(self, hashes: PersonHash) -> None:
        self._hashes = hashes

    async def allocate(self, db: AsyncSession, *, client_id: UUID, now: datetime) -> Allocated:
        """Plan one batch."""
        repository = AllocationRepository(db, self._hashes)
        waiting = await repository.candidates(client_id, BATCH)
        if not waiting:
            return Allocated(0, 0, 0, more=False)
        steps = await repository.steps(client_id, sorted({each.lead.campaign_id for each in waiting}))
        senders = [sender for sender in await repository.senders(client_id) if sender.channel in SERVED]
        load: Load = Counter(await repository.load(client_id, now))
        touches: list[PlannedTouch] = []
        refused: dict[UUID, str] = {}
        for each in waiting:
            lead = each.lead
            outcome = plan(lead, steps.get(lead.campaign_id, []), senders, load, shares=each.shares, now=now)
            if isinstance(outcome, Refusal):
                refused[lead.id] = outcome.reason
                continue
            touches += [
                PlannedTouch(lead.campaign_id, lead.id, p.step.channel, p.step.id, p.step.step, p.sender_id, p.due_at)
                for p in outcome
            ]
        planned = sorted({touch.lead_id for touch in touches})
        await TouchPlanningRepository(db).plan(client_id, touches)
        await repository.mark(planned, refused)
        return Allocated(len(planned), len(touches), len(refused), more=len(waiting) == BATCH)
