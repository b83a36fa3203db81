"""Which column of a lead list holds what: guessed from headers as people and exports write them, and overridable.

Knows the exports of HubSpot, Apollo, LinkedIn, Pipedrive, Salesforce, Zoho, Google and Outlook. Several columns may
feed one field (three phones); the order of the synonyms says which is looked at first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from types import MappingProxyType
from typing import Final

from agency_os.exceptions import InvalidInputError

IGNORE: Final = "ignore"
"""The field name that an override gives to leave a column out."""

_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "email": (
            "email", "e mail", "email address", "e mail address", "work email", "business email", "email work",
            "contact email", "primary email", "e mail 1 value", "email 1", "mail", "person email", "lead email",
            "company email", "work email address", "business email address",
        ),
        "email_status": ("email status", "email verification status", "verification status", "email verification"),
        "first_name": ("first name", "firstname", "given name", "first", "forename", "christian name", "fname"),
        "last_name": ("last name", "lastname", "surname", "family name", "last", "lname", "second name"),
        "full_name": (
            "full name", "name", "contact name", "person", "person name", "fullname", "contact", "lead name",
            "customer name", "display name", "decision maker",
        ),
        "title": (
            "job title", "title", "position", "jobtitle", "role", "job role", "job position", "designation",
            "current position", "current title", "occupation", "organization 1 title", "headline", "person title",
        ),
        "company": (
            "company", "company name", "organization", "organisation", "organization name", "organisation name",
            "account name", "business name", "business", "employer", "current company", "associated company",
            "company name for emails", "organization 1 name", "account", "trading name", "firm", "agency name",
            "person organization",
        ),
        "website": (
            "website", "company website", "website url", "web site", "url website", "company domain", "domain",
            "domain name", "company domain name", "company url", "web page", "homepage", "organization website",
            "web", "email domain", "website 1 value", "site",
        ),
        "phone": (
            "mobile", "mobile phone", "mobile number", "mobile phone number", "cell", "cell phone", "phone mobile",
            "direct phone", "work direct phone", "direct dial", "phone", "phone number", "telephone", "tel",
            "work phone", "phone work", "business phone", "contact number", "first phone", "phone 1 value",
            "telephone number", "phone no", "ph", "other phone", "corporate phone", "company phone", "landline",
            "company phone number", "organization phone", "contact phone", "mob",
        ),
        "linkedin_url": (
            "linkedin", "linkedin url", "person linkedin url", "linkedin profile", "linkedin profile url", "url",
            "linkedin bio", "profile url", "linkedin link", "contact linkedin", "li url", "linkedin address",
        ),
        "state": (
            "state", "state region", "state province", "state territory", "region", "province", "mailing state",
            "mailing state province", "business state", "company state", "organization state", "person state",
            "office state", "administrative area",
        ),
        "postcode": ("postcode", "post code", "postal code", "zip", "zip code", "company postcode", "mailing zip"),
        "city": ("city", "suburb", "town", "company city", "mailing city", "business city", "location", "locality"),
        "country": (
            "company country", "organization country", "country", "country region", "mailing country",
            "business country region", "nation", "person country", "country name", "country code",
        ),
        "industry": ("industry", "company industry", "organization industry", "sector", "vertical", "industry type"),
        "employees": (
            "employees", "number of employees", "employee count", "company size", "headcount", "company headcount",
            "company employee count", "no of employees", "num employees", "size", "staff", "team size",
            "employees count",
        ),
        "founded_year": ("founded", "founded year", "year founded", "year established", "established"),
        "is_hiring": ("hiring", "is hiring", "currently hiring"),
        "funding_date": ("last raised at", "latest funding date", "last funding date", "funding date"),
        "role_start_date": ("employment start date", "role start date", "job start date", "started in role"),
        "opted_out": (
            "opted out", "opt out", "email opt out", "unsubscribed", "unsubscribed from all email", "do not contact",
            "do not email", "has opted out of email", "optout",
        ),
        "consent_basis": ("consent", "consent basis", "consent type", "legal basis", "lawful basis", "opt in", "basis"),
        "consent_source": ("consent source", "source of consent", "consent evidence", "opt in source", "consent url"),
        "consent_date": (
            "consent date", "date of consent", "consented at", "opt in date", "consent given", "opted in at",
        ),
        "consent_relevance": ("consent relevance", "role relevance", "relevance"),
        "consent_by": ("consent declared by", "consent by", "declared by"),
    }
)  # fmt: skip

FIELDS: Final = tuple(_SYNONYMS)
"""Every field that a column may be mapped to."""

_RANK: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {name: (field, rank) for field, names in _SYNONYMS.items() for rank, name in enumerate(names)}
)
_PREFIXES: Final = re.compile(r"^(person|contact|lead|organization|organisation|org|company|deal) (?=\w)")

_PERSONS: Final = frozenset({"linkedin_url", "first_name", "last_name", "full_name", "title"})
_NOT_OF: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"person": frozenset(), "contact": frozenset(), "lead": frozenset()}
)
"""What a column of a person, by its prefix, does not hold; one of a company or a deal holds nothing of a person."""

_LOOSE: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("linkedin_url", re.compile(r"\blinkedin\b(?!.*\b(company|organization|followers|connections)\b)")),
    ("email", re.compile(r"\b(e ?mail)s?\b(?!.*\b(status|confidence|sent|type|owner|opt|source|open|count|date)\b)")),
    ("phone", re.compile(r"\b(phone|mobile|telephone)s?\b(?!.*\b(type|status|source|owner)\b)")),
    ("website", re.compile(r"\b(website|web site)\b")),
)
_NOT_LOOSE: Final = re.compile(r"\b(owner|company|organization|home|fax|secondary|referr\w+|assistant|personal)\b")
_LOOSE_RANK: Final = 1000


@dataclass(frozen=True, slots=True)
class Columns:
    """A header row read: ``names`` of all columns, unique, and for each field the column positions that feed it, the
    first to be looked at first."""

    names: tuple[str, ...]
    positions: Mapping[str, tuple[int, ...]]

    @property
    def mapping(self) -> dict[str, str]:
        """Column name → field for every column in use, in the order of the file."""
        field_at = {at: field for field, positions in self.positions.items() for at in positions}
        return {self.names[at]: field_at[at] for at in sorted(field_at)}

    @property
    def identify_a_lead(self) -> bool:
        """Whether the columns can name a person at all: by email, by LinkedIn, or by name with company or website."""
        has = self.positions.keys()
        named = "full_name" in has or {"first_name", "last_name"} <= has
        return "email" in has or "linkedin_url" in has or (named and ("company" in has or "website" in has))


def read_header(header: Sequence[str], overrides: Mapping[str, str] | None = None) -> Columns:
    """The columns of a header row; ``overrides`` (column name → field or "ignore") win over the guess.

    Raises InvalidInputError for an override that names an unknown column or field.
    """
    names = _unique(header)
    chosen = _checked(overrides or {}, names)
    found: dict[str, list[tuple[int, int]]] = {}
    for at, name in enumerate(names):
        if at in chosen:
            if chosen[at] != IGNORE:
                found.setdefault(chosen[at], []).append((-1, at))
        elif (guess := _guess(name)) is not None:
            field, rank = guess
            found.setdefault(field, []).append((rank, at))
    positions = {field: tuple(at for _, at in sorted(found[field])) for field in FIELDS if field in found}
    return Columns(names, MappingProxyType(positions))


def _unique(header: Sequence[str]) -> tuple[str, ...]:
    taken: set[str] = set()
    names = []
    for at, text in enumerate(header, start=1):
        plain = " ".join(text.split()) or f"column {at}"
        numbered = chain([plain], (f"{plain} ({number})" for number in count(2)))
        name = next(each for each in numbered if each.casefold() not in taken)
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def _checked(overrides: Mapping[str, str], names: Sequence[str]) -> dict[int, str]:
    at_name = {name.casefold(): at for at, name in enumerate(names)}
    chosen = {}
    for column, field in overrides.items():
        at = at_name.get(" ".join(column.split()).casefold())
        if at is None:
            raise InvalidInputError(f"no column {column!r}; the file has {', '.join(names)}", field="map")
        wanted = field.strip().casefold()
        if wanted not in FIELDS and wanted != IGNORE:
            raise InvalidInputError(f"no field {field!r}; a column holds {', '.join(FIELDS)} or {IGNORE}", field="map")
        chosen[at] = wanted
    return chosen


def _guess(name: str) -> tuple[str, int] | None:
    plain = _plain(name)
    if plain in _RANK:
        return _RANK[plain]
    prefix = _PREFIXES.match(plain)
    if prefix is not None:
        guess = _RANK.get(plain[prefix.end() :])
        if guess is not None and guess[0] not in _NOT_OF.get(prefix[1], _PERSONS):
            return guess
    if _NOT_LOOSE.search(plain):
        return None
    return next(((field, _LOOSE_RANK) for field, pattern in _LOOSE if pattern.search(plain)), None)


def _plain(name: str) -> str:
    """Lower-case words: "E-mail 1 - Value" → "e mail 1 value", "firstName" → "first name", "# Employees"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) if not name.isupper() else name
    spaced = re.sub(r"\([^)]*\)$", "", spaced).replace("LinkedIn", "Linkedin")
    return re.sub(r"[^a-z0-9]+", " ", spaced.casefold().replace("linked in", "linkedin")).strip()
