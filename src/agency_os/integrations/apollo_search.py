"""Apollo.io: people by a profile of whom to reach, one person, one company, a company's open positions.

The search costs nothing and shows neither emails nor whole names; a match by the id it gives does. What costs a credit
is never repeated once it may have arrived (decision 0003), also where it is a GET.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from agency_os.domain.als import DEFAULT_SIZE
from agency_os.domain.icp import Icp, read_size
from agency_os.exceptions import InvalidInputError, ProviderUnknownError
from agency_os.integrations.apollo import (
    CREDITS_PER_PERSON,
    DIALECT,
    NAME,
    NOTHING_REVEALED,
    TIMEOUTS,
    Organization,
    PersonMatch,
    PersonQuery,
    read_organization,
    read_person,
)
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.provider_api import Connection, ProviderApi
from agency_os.kit.http import Headers

CREDIT: Final = Decimal(1)
"""An organisation found, or a page of open positions ("Credit usage" of each operation); a search costs none."""

MOST_PAGES: Final = 500
MOST_PER_PAGE: Final = 100
MOST_DOMAINS: Final = 1000
SENIORITIES: Final = (
    "owner", "founder", "c_suite", "partner", "vp", "head", "director", "manager", "senior", "entry", "intern",
)  # fmt: skip
EMAIL_STATUSES: Final = ("verified", "unverified", "likely to engage", "unavailable")

_NO_UPPER_END: Final = 10_000_000  # Apollo's ranges of employees have two ends
_DEFAULT_PLACE: Final = "Australia"
# After a server error the credit may be spent, which is not so for a look-up that is free.
_PAID = replace(DIALECT, kinds={**DIALECT.kinds, **dict.fromkeys(range(500, 600), ProviderUnknownError)})


@dataclass(frozen=True, slots=True)
class PeopleSearch:
    """Whom to look for: a person fits who fits one word of every list that is not empty.

    ``employees`` are ranges, both ends included; ``domains`` come without ``www.``. Apollo's search knows no
    industries. Raises InvalidInputError for words that Apollo does not publish, and for a search for everybody.
    """

    titles: tuple[str, ...] = ()
    similar_titles: bool = True
    seniorities: tuple[str, ...] = ()
    person_locations: tuple[str, ...] = ()
    company_locations: tuple[str, ...] = ()
    employees: tuple[tuple[int, int], ...] = ()
    domains: tuple[str, ...] = ()
    organization_ids: tuple[str, ...] = ()
    email_statuses: tuple[str, ...] = ()
    keywords: str = ""

    def __post_init__(self) -> None:
        _check_words(self.seniorities, SENIORITIES, "seniorities")
        _check_words(self.email_statuses, EMAIL_STATUSES, "email_statuses")
        if len(self.domains) > MOST_DOMAINS:
            raise InvalidInputError(f"Apollo searches at most {MOST_DOMAINS} domains at once", field="domains")
        if any(low < 0 or high < low for low, high in self.employees):
            raise InvalidInputError(
                "a range of employees is two numbers from 0, the lower one first", field="employees"
            )
        if not self._lists() and not self.keywords:
            raise InvalidInputError("a search at Apollo names at least one thing to look for")

    @classmethod
    def of_icp(cls, icp: Icp) -> PeopleSearch:
        """Whom a client's profile wants; 5–50 employees in Australia where it does not say (design decision 24).

        Industries and excluded titles are not asked for: the score judges them once the company is known.
        """
        sizes = [size for text in icp.company_sizes if (size := read_size(text))] if icp.confirmed else []
        return cls(
            titles=icp.titles if icp.confirmed else (),
            company_locations=(icp.locations if icp.confirmed else ()) or (_DEFAULT_PLACE,),
            employees=tuple((low, _NO_UPPER_END if high is None else high) for low, high in sizes or [DEFAULT_SIZE]),
        )

    def query(self) -> dict[str, str | int | tuple[str, ...]]:
        """The parameters by their published names."""
        query: dict[str, str | int | tuple[str, ...]] = {**self._lists()}
        if self.titles:
            query["include_similar_titles"] = "true" if self.similar_titles else "false"
        if self.keywords:
            query["q_keywords"] = self.keywords
        return query

    def _lists(self) -> dict[str, tuple[str, ...]]:
        lists = {
            "person_titles[]": self.titles,
            "person_seniorities[]": self.seniorities,
            "person_locations[]": self.person_locations,
            "organization_locations[]": self.company_locations,
            "organization_num_employees_ranges[]": tuple(f"{low},{high}" for low, high in self.employees),
            "q_organization_domains_list[]": self.domains,
            "organization_ids[]": self.organization_ids,
            "contact_email_status[]": self.email_statuses,
        }
        return {name: values for name, values in lists.items() if values}


@dataclass(frozen=True, slots=True)
class Prospect:
    """A person as the search shows them: ``obfuscated_last_name`` is two letters, asterisks, the last letter.

    ``has_email``: Apollo knows a verified address, which a match by ``id`` would give for a credit.
    """

    id: str
    first_name: str | None
    obfuscated_last_name: str | None
    title: str | None
    company: str | None
    has_email: bool
    has_direct_phone: bool
    refreshed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests that Apollo still takes at this operation in the present minute, hour and day; None: it does not say.

    The numbers differ by plan, so they are read and not known ("Rate limits").
    """

    minute: int | None = None
    hour: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class ProspectPage:
    """One page of a search. ``total`` counts all who fit; no page beyond the 500th can be had. ``units`` are 0."""

    prospects: tuple[Prospect, ...]
    total: int
    page: int
    per_page: int
    quota: Quota
    units: Decimal = Decimal(0)

    @property
    def has_more(self) -> bool:
        """Whether a next page can be had."""
        return bool(self.prospects) and self.page < MOST_PAGES and self.page * self.per_page < self.total


@dataclass(frozen=True, slots=True)
class PersonResult:
    """The person matched, or None; ``units`` are credits."""

    person: PersonMatch | None
    units: Decimal


@dataclass(frozen=True, slots=True)
class OrganizationResult:
    """The company found, or None; ``units`` are credits."""

    organization: Organization | None
    units: Decimal


@dataclass(frozen=True, slots=True)
class JobPostings:
    """How many positions a company has open (10 at most are counted); ``units`` are credits."""

    count: int
    units: Decimal

    @property
    def is_hiring(self) -> bool:
        """Whether there is any."""
        return self.count > 0


class ApolloSearchClient:
    """Searches and looks up at Apollo; one per API key."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        key = {"x-api-key": connection.api_key}
        self._api = ProviderApi(connection, DIALECT, key, timeouts=TIMEOUTS)
        self._paid = ProviderApi(connection, _PAID, key, timeouts=TIMEOUTS)

    async def search_people(
        self, search: PeopleSearch, *, page: int = 1, per_page: int = MOST_PER_PAGE
    ) -> ProspectPage:
        """A page, from 1 to 500, of the people who fit; free. Raises ProviderError.

        A key without the right to search, or a plan without it, is ProviderLimitError (API_INACCESSIBLE).
        """
        if not 1 <= page <= MOST_PAGES or not 1 <= per_page <= MOST_PER_PAGE:
            raise InvalidInputError(f"Apollo has pages 1 to {MOST_PAGES} of 1 to {MOST_PER_PAGE} people", field="page")
        query = {**search.query(), "page": page, "per_page": per_page}
        response = await self._api.look_up_by("search_people", "/mixed_people/api_search", b"", query)
        answer = self._api.read_answer("search_people", response)
        if not isinstance(answer.raw("people"), list):
            raise self._api.unreadable("search_people", response, "without a list of people")
        found = (_prospect(entry) for entry in answer.each("people"))
        return ProspectPage(
            prospects=tuple(prospect for prospect in found if prospect is not None),
            total=max(0, answer.whole("total_entries") or 0),
            page=page,
            per_page=per_page,
            quota=read_quota(response.headers),
        )

    async def match_person(self, query: PersonQuery) -> PersonResult:
        """Find one person, such as a prospect by ``id``: 1 credit, none if nobody is found. Raises ProviderError.

        After an unknown outcome the credit may have been spent.
        """
        asked = {**query.known(), **NOTHING_REVEALED}
        response = await self._api.act("match_person", "/people/match", b"", query=asked)
        answer = self._api.read_answer("match_person", response, CREDITS_PER_PERSON)
        if "person" not in answer:
            raise self._api.unreadable("match_person", response, "without a person", CREDITS_PER_PERSON)
        person = read_person(answer.inner("person"))
        return PersonResult(person, Decimal(0) if person is None else CREDITS_PER_PERSON)

    async def enrich_organization(self, domain: str) -> OrganizationResult:
        """The company at a domain: 1 credit, none if Apollo does not know it. Errors as for ``match_person``."""
        path, query = "/organizations/enrich", {"domain": domain}
        response = await self._paid.act("enrich_organization", path, b"", method="GET", query=query)
        found = self._paid.read_answer("enrich_organization", response, CREDIT).inner("organization")
        return OrganizationResult(read_organization(found) if found else None, CREDIT if found else Decimal(0))

    async def job_postings(self, organization_id: str) -> JobPostings:
        """Whether a company is hiring, by its open positions; costs 1 credit. Errors as for ``match_person``."""
        path, query = f"/organizations/{quote(organization_id, safe='')}/job_postings", {"page": 1, "per_page": 10}
        response = await self._paid.act("job_postings", path, b"", method="GET", query=query)
        answer = self._paid.read_answer("job_postings", response, CREDIT)
        return JobPostings(len(answer.each("organization_job_postings")), CREDIT)


def read_quota(headers: Headers) -> Quota:
    """What is left of Apollo's three windows, by an answer's headers."""
    left = Fields(dict(headers))
    windows = ("minute", "hourly", "24-hour")
    return Quota(*(left.whole(f"x-{window}-requests-left") for window in windows))


def _prospect(entry: Fields) -> Prospect | None:
    person_id = entry.text("id")
    if person_id is None:
        return None
    return Prospect(
        id=person_id,
        first_name=entry.text("first_name"),
        obfuscated_last_name=entry.text("last_name_obfuscated"),
        title=entry.text("title"),
        company=entry.inner("organization").text("name"),
        has_email=entry.flag("has_email") is True,
        has_direct_phone=entry.text("has_direct_phone") == "Yes",  # else "Maybe: please request …"
        refreshed_at=entry.moment("last_refreshed_at"),
    )


def _check_words(given: tuple[str, ...], known: tuple[str, ...], field: str) -> None:
    unknown = next((word for word in given if word not in known), None)
    if unknown is not None:
        raise InvalidInputError(f"{field} are among {', '.join(known)}; not {unknown[:40]!r}", field=field)
