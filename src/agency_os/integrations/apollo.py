"""Apollo.io (docs.apollo.io): finds people by name, company, email or profile. ``apollo_search`` holds the rest.

There are no idempotency keys and every match may cost a credit, so a match is asked once, and its result stored by
the caller. Nulls stand anywhere in Apollo's answers and are read as "not known".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from agency_os.exceptions import ProviderError, ProviderLimitError
from agency_os.integrations.json_fields import Fields, clean_text
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, Query
from agency_os.kit.http import HttpResponse, Timeouts

NAME = "apollo"
BATCH_LIMIT = 10
CREDITS_PER_PERSON = Decimal(1)
"""Without waterfall and phone numbers: 1 credit per person found, none if nothing is (bulk_match, "Credit usage")."""

# Apollo puts this in place of an address that the plan may not see.
_LOCKED_EMAIL = "email_not_unlocked@"


def _read_problem(response: HttpResponse) -> Problem:
    try:
        body = Fields.of_body(response.body)
    except ValueError:  # 401 is plain text
        return Problem(None, clean_text(response.body[:300].decode("utf-8", "replace")))
    message = body.text("error_message") or body.text("error") or body.text("message") or ""
    return Problem(body.text("error_code"), message)


# A wrong key (401) or a plan without this endpoint (403) is mended by the operator, and says nothing of the person.
DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={401: ProviderLimitError, 403: ProviderLimitError, 429: ProviderLimitError},
    passing=frozenset({429}),
)
TIMEOUTS = Timeouts(read=30.0, total=45.0)
"""A match is slow where Apollo looks further afield."""

NOTHING_REVEALED: Query = {"reveal_personal_emails": "false", "reveal_phone_number": "false"}
"""Private addresses and phone numbers cost more credits, and are not for cold mail."""


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """What is known of a person. The more, the likelier the match; a name without company, email or profile finds
    nobody.
    """

    first_name: str | None = None
    last_name: str | None = None
    name: str | None = None
    email: str | None = None
    organization_name: str | None = None
    domain: str | None = None
    linkedin_url: str | None = None
    id: str | None = None

    def known(self) -> dict[str, str]:
        """What is known, by Apollo's names."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class Organization:
    """A company, as far as Apollo knows it. Whether it is hiring is a look-up of its own: ``job_postings``."""

    id: str | None
    name: str | None
    domain: str | None
    industry: str | None
    employee_count: int | None
    country: str | None
    state: str | None
    city: str | None
    founded_year: int | None
    latest_funding_date: date | None
    phone: str | None
    linkedin_url: str | None


@dataclass(frozen=True, slots=True)
class PersonMatch:
    """A person found. ``email_status`` is Apollo's word (``verified``, ``guessed``, ``unavailable`` …)."""

    id: str | None
    first_name: str | None
    last_name: str | None
    title: str | None
    seniority: str | None
    email: str | None
    email_status: str | None
    linkedin_url: str | None
    phone: str | None
    country: str | None
    state: str | None
    city: str | None
    employment_start_date: date | None
    organization: Organization | None


@dataclass(frozen=True, slots=True)
class PeopleResult:
    """Matches in the order of the queries, None where nobody was found; ``units`` are credits.

    Where a later call failed, ``matches`` holds only what the earlier ones answered, so that what was paid for is
    kept, and ``error`` says why the rest is missing.
    """

    matches: tuple[PersonMatch | None, ...]
    units: Decimal
    error: ProviderError | None = None


class ApolloClient:
    """Looks people up at Apollo; one per API key."""

    name = NAME
    batch_limit = BATCH_LIMIT

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            DIALECT,
            {"x-api-key": connection.api_key},
            timeouts=TIMEOUTS,
        )

    async def match_people(self, queries: Sequence[PersonQuery]) -> PeopleResult:
        """Find each person, ten to a call. Raises ProviderError when the first call fails; see PeopleResult for
        later ones.

        After an unknown outcome credits may have been spent.
        """
        matches: list[PersonMatch | None] = []
        units = Decimal(0)
        for start in range(0, len(queries), BATCH_LIMIT):
            try:
                found, cost = await self._match(queries[start : start + BATCH_LIMIT])
            except ProviderError as error:
                if not matches:
                    raise
                return PeopleResult(tuple(matches), units, error)
            matches += found
            units += cost
        return PeopleResult(tuple(matches), units)

    async def _match(self, queries: Sequence[PersonQuery]) -> tuple[list[PersonMatch | None], Decimal]:
        body = canonical_json({"details": [query.known() for query in queries]})
        response = await self._api.act("bulk_match", "/people/bulk_match", body, query=NOTHING_REVEALED)
        answer = self._api.read_answer("bulk_match", response, CREDITS_PER_PERSON * len(queries))
        entries = answer.raw("matches")
        listed = entries if isinstance(entries, list) else []
        found = [read_person(Fields(entry)) for entry in listed]
        counted = CREDITS_PER_PERSON * sum(person is not None for person in found)
        units = answer.number("credits_consumed")
        cost = counted if units is None or units < 0 else units
        if len(found) != len(queries):
            # Without one entry for each query nobody can say whose data this is.
            raise self._api.unreadable("bulk_match", response, f"{len(found)} matches for {len(queries)} people", cost)
        return found, cost


def read_person(entry: Fields) -> PersonMatch | None:
    """The person in an answer; None for an empty one."""
    if not entry:
        return None
    organization = entry.inner("organization")
    return PersonMatch(
        id=entry.text("id"),
        first_name=entry.text("first_name"),
        last_name=entry.text("last_name"),
        title=entry.text("title"),
        seniority=entry.text("seniority"),
        email=_email(entry),
        email_status=entry.text("email_status"),
        linkedin_url=entry.text("linkedin_url"),
        phone=_phone(entry),
        country=entry.text("country"),
        state=entry.text("state"),
        city=entry.text("city"),
        employment_start_date=_employment_start(entry),
        organization=read_organization(organization) if organization else None,
    )


def _email(entry: Fields) -> str | None:
    email = entry.text("email")
    return None if email is None or email.startswith(_LOCKED_EMAIL) else email


def _phone(entry: Fields) -> str | None:
    numbers = [each.text("sanitized_number") or each.text("raw_number") for each in entry.each("phone_numbers")]
    return next((number for number in numbers if number), None)


def _employment_start(entry: Fields) -> date | None:
    """When the present job began: the current post at the person's own company before any other current post."""
    current = [post for post in entry.each("employment_history") if post.flag("current")]
    own = entry.text("organization_id")
    current.sort(key=lambda post: post.text("organization_id") != own)
    return next((start for post in current if (start := post.day("start_date"))), None)


def read_organization(entry: Fields) -> Organization:
    """The company in an answer."""
    primary_phone = entry.inner("primary_phone")
    return Organization(
        id=entry.text("id"),
        name=entry.text("name"),
        domain=entry.text("primary_domain"),
        industry=entry.text("industry"),
        employee_count=entry.whole("estimated_num_employees"),
        country=entry.text("country"),
        state=entry.text("state"),
        city=entry.text("city"),
        founded_year=entry.whole("founded_year"),
        latest_funding_date=entry.day("latest_funding_round_date"),
        phone=entry.text("sanitized_phone") or entry.text("phone") or primary_phone.text("number"),
        linkedin_url=entry.text("linkedin_url"),
    )
