"""Hunter as a source of facts: verifies a known email, or finds the missing one, some people at once.

Its look-ups are plain reads, and the same one again counts once, so one that was cut short is simply repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from agency_os.domain.enrichment import Lookup
from agency_os.domain.facts import Fact, FactValue, LeadFacts
from agency_os.exceptions import ProviderError
from agency_os.integrations.fact_source import Answer, Found, Objected, answer_of
from agency_os.integrations.hunter import (
    CREDITS_PER_EMAIL,
    CREDITS_PER_VERIFICATION,
    NAME,
    PERSON_OBJECTED,
    HunterClient,
    HunterEmail,
)
from agency_os.kit.addresses import is_role_address, normalise_email

AT_ONCE: Final = 10
"""Look-ups in flight, Hunter's verifier allowing ten a second."""
_VALID: Final = 0.95
_DEAD: Final = frozenset({"invalid", "disposable"})
_DEAD_CONFIDENCE: Final = 0.05


@dataclass(frozen=True, slots=True)
class HunterSource:
    """See `FactSource`. ``unit_cost`` is A$ an email found; a verification is half of one."""

    client: HunterClient
    unit_cost: Decimal
    lookup: Lookup = Lookup.HUNTER
    batch_limit: int = AT_ONCE
    repeatable: bool = True
    answers_later: bool = False

    def operation(self, facts: LeadFacts) -> str:
        """See `FactSource.operation`."""
        return "find_email" if facts.email is None else "verify_email"

    def identity(self, facts: LeadFacts) -> str:
        """The address to verify, else the name and the domain to find it at."""
        if facts.email is not None:
            return f"verify|{facts.email.value.casefold()}"
        parts = (facts.domain, facts.first_name, facts.last_name)
        return "|".join(["find", *(fact.value.strip().casefold() if fact is not None else "" for fact in parts)])

    def most_units(self, facts: LeadFacts) -> Decimal:
        """See `FactSource.most_units`."""
        return CREDITS_PER_EMAIL if facts.email is None else CREDITS_PER_VERIFICATION

    async def ask(self, people: Sequence[LeadFacts], references: Sequence[str], today: date) -> list[Answer]:  # noqa: ARG002
        """See `FactSource.ask`."""
        free = asyncio.Semaphore(AT_ONCE)

        async def one(facts: LeadFacts) -> Answer:
            async with free:
                return await self._one(facts, today)

        return list(await asyncio.gather(*(one(facts) for facts in people)))

    async def _one(self, facts: LeadFacts, today: date) -> Answer:
        try:
            answer = await self._look_up(facts)
        except ProviderError as error:
            if error.provider_code == PERSON_OBJECTED:
                return Objected("the person asked not to be processed")
            return answer_of(error, error.cost_units)
        return Found(_facts(answer, today), answer.units)

    async def _look_up(self, facts: LeadFacts) -> HunterEmail:
        if facts.email is not None:
            return await self.client.verify_email(facts.email.value)
        if facts.domain is None or facts.first_name is None or facts.last_name is None:
            raise ValueError("Hunter needs an email, or a first name, a last name and a domain")
        return await self.client.find_email(facts.domain.value, facts.first_name.value, facts.last_name.value)


def _facts(answer: HunterEmail, today: date) -> LeadFacts:
    email = normalise_email(answer.email) if answer.email else None
    if email is None:
        return LeadFacts()
    confidence = min(max(answer.score or 0, 0), 100) / 100
    verified: Fact[FactValue] | None = None
    if answer.verification == "valid":
        confidence = max(confidence, _VALID)
        verified = Fact(True, NAME, today, _VALID)
    elif answer.verification in _DEAD:
        confidence = _DEAD_CONFIDENCE
        verified = Fact(False, NAME, today, _VALID)
    return LeadFacts().with_facts(
        {
            "email": Fact(email, NAME, today, confidence),
            "email_verified": verified,
            "personal_email": Fact(not is_role_address(email), NAME, today, 1.0),
        }
    )
