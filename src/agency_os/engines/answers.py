"""Answers that come later: what a source's callback brings is stored as the look-up's answer, once, whatever happened
to the request meanwhile.

The lead that waits for it is still due; its next enrichment finds the answer, at no cost, and scores it again.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from agency_os.db import AsyncSession
from agency_os.domain.calendars import latest_date
from agency_os.domain.enrichment import CACHE_TTL
from agency_os.exceptions import InvalidInputError
from agency_os.integrations.clay import parse_answer
from agency_os.integrations.clay_facts import ClaySource, facts_of
from agency_os.integrations.fact_source import Found, answer_to_json, ledger_key, read_reference
from agency_os.repositories.cost_entry import CostEntryRepository
from agency_os.repositories.enrichment_request import EnrichmentRequestRepository
from agency_os.repositories.inbound_event import ReceivedEvent, SettledEvent

ANSWERED: Final = "a look-up's answer"


class AnswerEngine:
    """Reads the callbacks of Clay's table."""

    def __init__(self, clay: ClaySource) -> None:
        self._clay = clay

    async def read(self, db: AsyncSession, event: ReceivedEvent, *, now: datetime) -> SettledEvent:
        """Store the answer; one that belongs to no look-up of ours waits for a person."""
        try:
            answer = parse_answer(event.body)
        except InvalidInputError as fault:
            return SettledEvent(event.id, f"unreadable: {fault}"[:200], state="unmatched")
        found = read_reference(answer.id)
        if found is None:
            return SettledEvent(event.id, "names no look-up of ours", state="unmatched")
        key, fence = found
        name = self._clay.lookup.value
        facts = facts_of(answer, latest_date(now))
        units = self._clay.charged(facts)
        result = json.dumps(answer_to_json(Found(facts, units)), ensure_ascii=False)
        requests = EnrichmentRequestRepository(db)
        if not await requests.answer(name, key, fence, result, units, valid_until=now + CACHE_TTL, now=now):
            return SettledEvent(event.id, "names no look-up of ours", state="unmatched")
        await CostEntryRepository(db).settle_up(
            ledger_key(key, fence), units, provider=name, unit_cost=self._clay.unit_cost, now=now
        )
        return SettledEvent(event.id, ANSWERED)
