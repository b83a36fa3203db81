"""Hunter.io (hunter.io/api-documentation/v2): a person's work email, whether an address takes mail, a domain's emails.

Hunter's codes are its own: 202 still working (ask again, counts once), 222 no verdict, 403 too fast, 429 the plan
is used up, 451 the person asked Hunter not to process their data, which we honour by never asking or writing again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from agency_os.exceptions import InvalidInputError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.http import HttpResponse, Timeouts
from agency_os.kit.retry import RetryPolicy

NAME = "hunter"
CREDITS_PER_EMAIL = Decimal(1)
CREDITS_PER_VERIFICATION = Decimal("0.5")
"""hunter.io/pricing: 1 credit per email found, half a credit per verification; null results are not charged."""

EMAILS_PER_CREDIT: Final = 10
"""A domain search: 1 credit for 1 to 10 emails shown, so 6 for 52 (help.hunter.io, "How do credits work in Hunter").
The same page again within a billing month counts once."""

MOST_EMAILS: Final = 100
KINDS: Final = ("personal", "generic")
SENIORITIES: Final = ("junior", "senior", "executive")
DEPARTMENTS: Final = (
    "executive", "it", "finance", "management", "sales", "legal", "support", "hr", "marketing", "communication",
    "education", "design", "health", "operations",
)  # fmt: skip
"""Hunter's words for a domain search."""

PERSON_OBJECTED = "person_objected"
"""``provider_code`` of the refusal (451) that means: suppress this person, never ask again."""


def _read_problem(response: HttpResponse) -> Problem:
    if response.status == 451:
        return Problem(PERSON_OBJECTED, "the person asked not to be processed")
    return _read_first_error(response)


@json_problem
def _read_first_error(body: Fields) -> Problem:
    first = next(iter(body.each("errors")), Fields(None))
    return Problem(first.text("id"), first.text("details") or "")


_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        202: ProviderLimitError,
        222: ProviderLimitError,
        401: ProviderLimitError,  # a wrong key is mended by the operator, and says nothing of the person
        403: ProviderLimitError,
        429: ProviderLimitError,
        451: ProviderRefusedError,
    },
    passing=frozenset({202, 403}),
)


@dataclass(frozen=True, slots=True)
class HunterEmail:
    """An answer of Hunter. ``email`` is None when none was found; ``score`` is 0 to 100, Hunter's confidence.

    ``verification`` is valid, invalid, accept_all, webmail, disposable, unknown, or None if not verified. ``units`` are
    credits.
    """

    email: str | None
    score: int | None
    verification: str | None
    units: Decimal
    position: str | None = None
    linkedin_url: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class DomainSearch:
    """Which of a domain's emails: ``kind`` personal or generic, of any of the seniorities and departments; all
    without. Raises InvalidInputError for words that Hunter does not publish."""

    domain: str
    kind: str | None = None
    seniorities: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_words((self.kind,) if self.kind else (), KINDS, "kind")
        _check_words(self.seniorities, SENIORITIES, "seniorities")
        _check_words(self.departments, DEPARTMENTS, "departments")

    def query(self) -> dict[str, str | int]:
        """The parameters by their published names."""
        query: dict[str, str | int | None] = {
            "domain": self.domain,
            "type": self.kind,
            "seniority": ",".join(self.seniorities),
            "department": ",".join(self.departments),
        }
        return {name: value for name, value in query.items() if value}


@dataclass(frozen=True, slots=True)
class DomainEmail:
    """An email that Hunter has seen at a domain. ``confidence`` is 0 to 100; ``verification`` as in HunterEmail."""

    email: str
    kind: str | None
    confidence: int | None
    first_name: str | None
    last_name: str | None
    position: str | None
    seniority: str | None
    department: str | None
    linkedin_url: str | None
    phone: str | None
    verification: str | None


@dataclass(frozen=True, slots=True)
class DomainPage:
    """A page of a domain's emails. ``total`` counts all that fit the search; ``pattern`` is how the domain spells
    addresses (``{first}.{last}``); ``accept_all``: its server takes any; ``units`` are credits.
    """

    emails: tuple[DomainEmail, ...]
    total: int
    offset: int
    organization: str | None
    pattern: str | None
    accept_all: bool | None
    units: Decimal

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins; None after the last."""
        end = self.offset + len(self.emails)
        return end if self.emails and end < self.total else None


@dataclass(frozen=True, slots=True)
class HunterAccount:
    """The plan, and the credits of the present billing period; None: Hunter does not say."""

    plan: str | None
    resets_on: date | None
    credits_used: Decimal | None
    credits_available: Decimal | None


class HunterClient:
    """Looks emails up at Hunter; one per API key."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"X-API-KEY": connection.api_key},
            timeouts=Timeouts(read=25.0, total=35.0),
            policy=RetryPolicy(attempts=4, first_wait=1.0, longest_wait=8.0),
        )

    async def find_email(self, domain: str, first_name: str, last_name: str) -> HunterEmail:
        """The likeliest work email of a person at a domain; ``email`` None and no cost when there is none.

        Raises ProviderError; ``provider_code`` PERSON_OBJECTED means: suppress.
        """
        query: dict[str, str | int] = {
            "domain": domain,
            "first_name": first_name,
            "last_name": last_name,
            "max_duration": 10,
        }
        try:
            response = await self._api.look_up("find_email", "/email-finder", query)
        except ProviderRefusedError as error:
            # A 404 without Hunter's own words comes from a wrong address, and is nobody's answer about a person.
            if error.http_status == 404 and error.provider_code is not None:
                return HunterEmail(None, None, None, Decimal(0))
            raise
        data = self._api.read_answer("find_email", response, CREDITS_PER_EMAIL).inner("data")
        email = data.text("email")
        return HunterEmail(
            email=email,
            score=data.whole("score"),
            verification=data.inner("verification").text("status"),
            units=CREDITS_PER_EMAIL if email else Decimal(0),
            position=data.text("position"),
            linkedin_url=data.text("linkedin_url"),
            phone=data.text("phone_number"),
        )

    async def verify_email(self, email: str) -> HunterEmail:
        """Whether an address takes mail. No verdict (202 without end, 222) is ProviderLimitError. Raises
        ProviderError.
        """
        response = await self._api.look_up("verify_email", "/email-verifier", {"email": email})
        data = self._api.read_answer("verify_email", response, CREDITS_PER_VERIFICATION).inner("data")
        status = data.text("status")
        if status is None:
            raise self._api.unreadable("verify_email", response, "without a status", CREDITS_PER_VERIFICATION)
        return HunterEmail(
            email=data.text("email") or email,
            score=data.whole("score"),
            verification=status,
            units=CREDITS_PER_VERIFICATION,
        )

    async def search_domain(
        self, search: DomainSearch, *, limit: int = EMAILS_PER_CREDIT, offset: int = 0
    ) -> DomainPage:
        """From ``offset``, 1 to 100 of a domain's emails: 1 credit for each ten begun, none for none. Raises
        ProviderError.
        """
        if not 1 <= limit <= MOST_EMAILS or offset < 0:
            raise InvalidInputError(f"a page of Hunter's holds 1 to {MOST_EMAILS} emails, from 0 on", field="limit")
        query = {**search.query(), "limit": limit, "offset": offset}
        try:
            response = await self._api.look_up("search_domain", "/domain-search", query)
        except ProviderRefusedError as error:
            if error.http_status == 404 and error.provider_code is not None:  # see find_email
                return DomainPage((), 0, offset, None, None, None, Decimal(0))
            raise
        answer = self._api.read_answer("search_domain", response, _credits(limit))
        data = answer.inner("data")
        if not isinstance(data.raw("emails"), list):
            raise self._api.unreadable("search_domain", response, "without a list of emails", _credits(limit))
        emails = tuple(email for each in data.each("emails") if (email := _domain_email(each)) is not None)
        total = answer.inner("meta").whole("results")
        return DomainPage(
            emails=emails,
            total=offset + len(emails) if total is None else max(0, total),
            offset=offset,
            organization=data.text("organization"),
            pattern=data.text("pattern"),
            accept_all=data.flag("accept_all"),
            units=_credits(len(emails)),
        )

    async def account(self) -> HunterAccount:
        """The account behind the key; free. Raises ProviderError."""
        response = await self._api.look_up("account", "/account")
        data = self._api.read_answer("account", response).inner("data")
        if not data:
            raise self._api.unreadable("account", response, "without an account")
        counted = data.inner("requests").inner("credits")
        return HunterAccount(
            plan=data.text("plan_name"),
            resets_on=data.day("reset_date"),
            credits_used=counted.number("used"),
            credits_available=counted.number("available"),
        )


def _credits(emails: int) -> Decimal:
    return Decimal(-(-emails // EMAILS_PER_CREDIT))


def _domain_email(entry: Fields) -> DomainEmail | None:
    email = entry.text("value")
    if email is None:
        return None
    return DomainEmail(
        email=email,
        kind=entry.text("type"),
        confidence=entry.whole("confidence"),
        first_name=entry.text("first_name"),
        last_name=entry.text("last_name"),
        position=entry.text("position"),
        seniority=entry.text("seniority"),
        department=entry.text("department"),
        linkedin_url=entry.text("linkedin"),
        phone=entry.text("phone_number"),
        verification=entry.inner("verification").text("status"),
    )


def _check_words(given: tuple[str, ...], known: tuple[str, ...], field: str) -> None:
    unknown = next((word for word in given if word not in known), None)
    if unknown is not None:
        raise InvalidInputError(f"{field} is among {', '.join(known)}; not {unknown[:40]!r}", field=field)
