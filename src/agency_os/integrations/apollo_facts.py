"""Apollo as a source of facts: ten people a call, one credit for each found, never asked twice (it has no keys)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from agency_os.domain.enrichment import Lookup
from agency_os.domain.facts import Fact, FactValue, LeadFacts, founding_year, head_count
from agency_os.domain.states import read_country, read_state
from agency_os.exceptions import Outcome, ProviderError, ProviderRefusedError
from agency_os.integrations.apollo import (
    BATCH_LIMIT,
    CREDITS_PER_PERSON,
    NAME,
    ApolloClient,
    Organization,
    PersonMatch,
    PersonQuery,
)
from agency_os.integrations.fact_source import Answer, Found, answer_of, person_identity, shares, value_of
from agency_os.kit.addresses import is_role_address, linkedin_profile, normalise_email, registrable_domain
from agency_os.kit.phone import parse_phone

_SURE: Final = 0.90
_EMAIL_CONFIDENCE: Final = {"verified": 0.95, "likely to engage": 0.80, "unverified": 0.60}
_GUESSED_EMAIL: Final = 0.50


@dataclass(frozen=True, slots=True)
class ApolloSource:
    """See `FactSource`. ``unit_cost`` is A$ a credit."""

    client: ApolloClient
    unit_cost: Decimal
    lookup: Lookup = Lookup.APOLLO
    batch_limit: int = BATCH_LIMIT
    repeatable: bool = False
    answers_later: bool = False

    def operation(self, facts: LeadFacts) -> str:  # noqa: ARG002 - the same for everybody
        """See `FactSource.operation`."""
        return "match"

    def identity(self, facts: LeadFacts) -> str:
        """The email, else the profile, else name and company: what Apollo matches by, best first."""
        return person_identity(facts, "email", "linkedin_url")

    def most_units(self, facts: LeadFacts) -> Decimal:  # noqa: ARG002 - the same for everybody
        """See `FactSource.most_units`."""
        return CREDITS_PER_PERSON

    async def ask(self, people: Sequence[LeadFacts], references: Sequence[str], today: date) -> list[Answer]:  # noqa: ARG002
        """See `FactSource.ask`. What is refused for several is asked singly: one of them may have spoiled it."""
        try:
            result = await self.client.match_people([_query(facts) for facts in people])
        except ProviderRefusedError as error:
            if len(people) > 1 and error.outcome is Outcome.NOT_ACCEPTED:
                return [answer for facts in people for answer in await self.ask([facts], [""], today)]
            return [answer_of(error)] * len(people)
        except ProviderError as error:
            units = shares(error.cost_units, [True] * len(people))
            return [answer_of(error, each) for each in units]
        units = shares(result.units, [match is not None for match in result.matches])
        return [
            Found(_facts(match, today) if match is not None else LeadFacts(), each)
            for match, each in zip(result.matches, units, strict=True)
        ]


def _query(facts: LeadFacts) -> PersonQuery:
    return PersonQuery(
        first_name=value_of(facts.first_name),
        last_name=value_of(facts.last_name),
        email=value_of(facts.email),
        organization_name=value_of(facts.company),
        domain=value_of(facts.domain),
        linkedin_url=value_of(facts.linkedin_url),
    )


def _facts(match: PersonMatch, today: date) -> LeadFacts:
    phone = parse_phone(match.phone) if match.phone else None
    values: dict[str, FactValue | None] = {
        "first_name": match.first_name,
        "last_name": match.last_name,
        "title": match.title,
        "phone": phone.e164 if phone is not None else None,
        "linkedin_url": linkedin_profile(match.linkedin_url),
        "employment_start_date": match.employment_start_date,
        **_company(match, match.organization, today),
    }
    found: dict[str, Fact[FactValue] | None] = {
        name: Fact(value, NAME, today, _SURE) for name, value in values.items() if value not in (None, "")
    }
    return LeadFacts().with_facts({**found, **_email(match, today)})


def _company(match: PersonMatch, company: Organization | None, today: date) -> dict[str, FactValue | None]:
    country = match.country or (company.country if company is not None else None)
    state = None
    if country is None or read_country(country) == "AU":
        own, office = read_state(match.state) or read_state(match.city), company.state if company is not None else None
        state = own or read_state(office)
    values: dict[str, FactValue | None] = {"state": state.value if state is not None else None}
    if company is not None:
        values |= {
            "company": company.name,
            "domain": registrable_domain(company.domain) if company.domain else None,
            "organization_industry": company.industry,
            "organization_employee_count": head_count(company.employee_count),
            "organization_country": company.country or match.country,
            "organization_founded_year": founding_year(company.founded_year, today),
            "organization_latest_funding_date": company.latest_funding_date,
        }
    return values


def _email(match: PersonMatch, today: date) -> dict[str, Fact[FactValue] | None]:
    email = normalise_email(match.email) if match.email else None
    if email is None:
        return {}
    confidence = min(_SURE + 0.05, _EMAIL_CONFIDENCE.get(match.email_status or "", _GUESSED_EMAIL))
    is_verified = match.email_status == "verified"
    return {
        "email": Fact(email, NAME, today, confidence),
        "email_verified": Fact(True, NAME, today, confidence) if is_verified else None,
        "personal_email": Fact(not is_role_address(email), NAME, today, 1.0),
    }
