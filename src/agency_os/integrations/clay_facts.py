"""Clay as a source of facts: rows are handed over one by one, and their answers come later by callback."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from agency_os.domain.enrichment import Lookup
from agency_os.domain.facts import Fact, FactValue, LeadFacts, founding_year, head_count
from agency_os.domain.states import read_state
from agency_os.exceptions import Outcome, ProviderError
from agency_os.integrations.clay import NAME, ClayAnswer, ClayClient, ClayRow
from agency_os.integrations.fact_source import Answer, Awaited, answer_of, person_identity, value_of
from agency_os.kit.addresses import is_role_address, linkedin_profile, normalise_email, registrable_domain
from agency_os.kit.phone import parse_phone

AT_ONCE: Final = 10
_SURE: Final = 0.90
_EMAIL_CONFIDENCE: Final = {"valid": 0.95, "accept_all": 0.75, "unknown": 0.50}
_DEAD: Final = frozenset({"invalid", "disposable"})


@dataclass(frozen=True, slots=True)
class ClaySource:
    """See `FactSource`. ``unit_cost`` is A$ a credit."""

    client: ClayClient
    unit_cost: Decimal
    lookup: Lookup = Lookup.CLAY
    batch_limit: int = AT_ONCE
    repeatable: bool = False
    answers_later: bool = True

    def operation(self, facts: LeadFacts) -> str:  # noqa: ARG002 - the same for everybody
        """See `FactSource.operation`."""
        return "hand_over"

    def identity(self, facts: LeadFacts) -> str:
        """The profile, else the email, else name and place: what a table finds people by, steadiest first."""
        return person_identity(facts, "linkedin_url", "email")

    def most_units(self, facts: LeadFacts) -> Decimal:  # noqa: ARG002 - the same for everybody
        """See `FactSource.most_units`."""
        return self.client.credits_per_row

    async def ask(self, people: Sequence[LeadFacts], references: Sequence[str], today: date) -> list[Answer]:  # noqa: ARG002
        """See `FactSource.ask`."""
        pairs = zip(people, references, strict=True)
        return list(await asyncio.gather(*(self._one(facts, reference) for facts, reference in pairs)))

    async def _one(self, facts: LeadFacts, reference: str) -> Answer:
        row = ClayRow(
            reference,
            first_name=value_of(facts.first_name),
            last_name=value_of(facts.last_name),
            email=value_of(facts.email),
            company=value_of(facts.company),
            domain=value_of(facts.domain),
            linkedin_url=value_of(facts.linkedin_url),
        )
        try:
            await self.client.hand_over(row)
        except ProviderError as error:
            if error.outcome is not Outcome.ACCEPTED:
                return answer_of(error, error.cost_units)
        return Awaited("handed over to Clay")

    def charged(self, found: LeadFacts) -> Decimal:
        """The credits of a row that brought ``found``: none for nothing (clay.com/faq, "Do unsuccessful searches
        consume Data Credits?")."""
        return self.client.credits_per_row if any(found.known()) else Decimal(0)


def facts_of(answer: ClayAnswer, today: date) -> LeadFacts:
    """What a callback tells of its person, as of ``today``."""
    phone = parse_phone(answer.phone) if answer.phone else None
    state = read_state(answer.state) if answer.state else None
    values: dict[str, FactValue | None] = {
        "first_name": answer.first_name,
        "last_name": answer.last_name,
        "title": answer.title,
        "phone": phone.e164 if phone is not None else None,
        "linkedin_url": linkedin_profile(answer.linkedin_url),
        "company": answer.company,
        "domain": registrable_domain(answer.domain) if answer.domain else None,
        "state": state.value if state is not None else None,
        "organization_industry": answer.industry,
        "organization_employee_count": head_count(answer.employee_count),
        "organization_country": answer.country,
        "organization_founded_year": founding_year(answer.founded_year, today),
        "organization_is_hiring": answer.is_hiring,
    }
    found: dict[str, Fact[FactValue] | None] = {
        name: Fact(value, NAME, today, _SURE) for name, value in values.items() if value not in (None, "")
    }
    return LeadFacts().with_facts({**found, **_email(answer, today)})


def _email(answer: ClayAnswer, today: date) -> dict[str, Fact[FactValue] | None]:
    email = normalise_email(answer.email) if answer.email else None
    status = (answer.email_status or "unknown").lower()
    if email is None or status in _DEAD:
        return {}
    confidence = _EMAIL_CONFIDENCE.get(status, _EMAIL_CONFIDENCE["unknown"])
    return {
        "email": Fact(email, NAME, today, confidence),
        "email_verified": Fact(True, NAME, today, confidence) if status == "valid" else None,
        "personal_email": Fact(not is_role_address(email), NAME, today, 1.0),
    }
