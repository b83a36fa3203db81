"""A fixed directory of fictional Australian companies and their people, on ``.example`` domains.

The directory's seed is a constant: every sandbox knows the same companies; only behaviour depends on ``--seed``.
Fields carry the gaps that real data has: what Apollo knows, what Hunter knows, which mailboxes are gone.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

from agency_os_sandbox.world.chance import pick, token, unit, weighted
from agency_os_sandbox.world.industries import INDUSTRIES, Industry
from agency_os_sandbox.world.names import BRANDS, FIRST_NAMES, LAST_NAMES, STREETS
from agency_os_sandbox.world.places import (
    FICTIONAL_MOBILES,
    POSTCODE_BASE,
    STATE_WEIGHTS,
    TOWNS,
    fixed_number,
)

DIRECTORY_SEED = 20_261_101
COMPANY_COUNT = 2_400
# Ages in the directory are counted from here; a start date is never later.
DIRECTORY_DATE = date(2026, 10, 1)

_PATTERNS = (
    ("{first}.{last}", 0.34), ("{first}", 0.27), ("{f}{last}", 0.16), ("{first}{l}", 0.09), ("{first}_{last}", 0.05),
    ("{last}.{first}", 0.05), ("{f}.{last}", 0.04),
)  # fmt: skip
_APOLLO = (("full", 0.66), ("unverified", 0.09), ("guessed", 0.05), ("no_email", 0.12), ("unknown", 0.08))
_HIRING_SHARE = 0.22
_SENIOR = re.compile(r"owner|founder|principal|managing|chief|ceo|publican|licensee", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Company:
    """A company. ``employees`` is the true head count; ``accept_all``: its mail server takes any address."""

    id: str
    name: str
    domain: str
    industry: str
    label: str
    keywords: tuple[str, ...]
    state: str
    city: str
    postcode: str
    street: str
    phone: str
    employees: int
    founded: int
    accept_all: bool
    pattern: str
    funded_on: date | None

    @property
    def is_hiring(self) -> bool:
        """Whether it has positions open."""
        return unit(self.id, "hiring") < _HIRING_SHARE

    @property
    def size_band(self) -> str:
        """Head count as Hunter's band."""
        bands = ((10, "1-10"), (50, "11-50"), (200, "51-200"))
        return next((name for top, name in bands if self.employees <= top), "201-500")


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at a company. ``mailbox_quality`` is one of verified, guessed, gone; ``apollo`` what Apollo knows."""

    id: str
    first_name: str
    last_name: str
    title: str
    seniority: str
    email: str
    mobile: str | None
    linkedin_url: str | None
    started_on: date
    company: Company
    mailbox_quality: str
    apollo: str
    hunter_score: int
    private: bool


@dataclass(slots=True)
class Directory:
    """Companies and people with the indexes that look-ups need."""

    companies: list[Company] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    _by_email: dict[str, Contact] = field(default_factory=dict)
    _by_id: dict[str, Contact] = field(default_factory=dict)
    _by_linkedin: dict[str, Contact] = field(default_factory=dict)
    _by_domain: dict[str, Company] = field(default_factory=dict)
    _by_name: dict[str, Company] = field(default_factory=dict)
    _staff: dict[str, list[Contact]] = field(default_factory=dict)

    def add(self, company: Company, contacts: list[Contact]) -> None:
        """Take in a company with its people."""
        self.companies.append(company)
        self.contacts.extend(contacts)
        self._by_domain[company.domain] = company
        self._by_name.setdefault(fold(company.name), company)
        self._staff[company.domain] = contacts
        for contact in contacts:
            self._by_email[contact.email] = contact
            self._by_id[contact.id] = contact
            if contact.linkedin_url:
                self._by_linkedin[linkedin_key(contact.linkedin_url)] = contact

    def by_email(self, address: str) -> Contact | None:
        """The person with this bare lower-case address."""
        return self._by_email.get(address)

    def by_id(self, contact_id: str) -> Contact | None:
        """The person with this directory id."""
        return self._by_id.get(contact_id)

    def by_linkedin(self, url: str) -> Contact | None:
        """The person with this profile, however the address is written."""
        return self._by_linkedin.get(linkedin_key(url))

    def company(self, domain: str | None, name: str | None = None) -> Company | None:
        """A company by domain (``www.`` and scheme allowed), else by name."""
        if domain:
            found = self._by_domain.get(bare_domain(domain))
            if found is not None:
                return found
        return self._by_name.get(fold(name)) if name else None

    def staff(self, company: Company) -> list[Contact]:
        """The people of a company."""
        return self._staff.get(company.domain, [])

    def by_name(self, company: Company, first: str, last: str) -> Contact | None:
        """The person of that name at the company."""
        wanted = (fold(first), fold(last))
        return next((c for c in self.staff(company) if (fold(c.first_name), fold(c.last_name)) == wanted), None)

    def stranger(self, address: str, first: str, last: str, domain: str) -> Contact:
        """Someone the directory does not know, made up from the address alone."""
        industry = weighted(tuple((i, i.weight) for i in INDUSTRIES), address, "industry")
        state = weighted(STATE_WEIGHTS, domain, "state")
        name = domain.split(".")[0].replace("-", " ").title()
        company = Company(
            token("company", domain)[:24], name, domain, industry.key, industry.label, industry.keywords, state,
            pick(TOWNS[state], domain, "town"), "", "", fixed_number(state, int(unit(domain, "phone") * 20_000)),
            int(_between(*industry.sizes, unit(domain, "size"))), 2010, False, "{first}", None,
        )  # fmt: skip
        title = pick((*industry.owners, *industry.staff), address, "title")
        return Contact(
            token("contact", address)[:24], first, last, title, seniority(title), address,
            pick(FICTIONAL_MOBILES, address, "mobile"), None, DIRECTORY_DATE, company, "verified", "unknown", 0, False,
        )  # fmt: skip


def fold(text: str) -> str:
    """Lower case without accents, spaces and punctuation, for look-ups by name."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())


def bare_domain(text: str) -> str:
    """``https://www.Name.example/about`` becomes ``name.example``."""
    host = re.sub(r"^[a-z]+://", "", text.strip().lower()).split("/")[0].split("?")[0]
    return host.removeprefix("www.")


def linkedin_key(url: str) -> str:
    """The last part of a profile's address, in lower case."""
    return url.strip().lower().rstrip("/").rpartition("/")[2]


def seniority(title: str) -> str:
    """Apollo's seniority for a title."""
    lowered = title.lower()
    if "founder" in lowered:
        return "founder"
    if _SENIOR.search(title) or lowered == "director":
        return "owner" if "owner" in lowered or "principal" in lowered else "c_suite"
    levels = (("partner", "partner"), ("vp", "vp"), ("head of", "head"), ("director", "director"), ("senior", "senior"))
    return next((level for word, level in levels if word in lowered), "manager" if "manager" in lowered else "entry")


@cache
def build_directory(count: int = COMPANY_COUNT) -> Directory:
    """Build the directory; the same every time, so it is built once a process and only read."""
    directory = Directory()
    chance = random.Random(DIRECTORY_SEED)
    taken: set[str] = set()
    while len(directory.companies) < count:
        company = _company(chance, taken)
        if company is not None:
            directory.add(company, list(_contacts(chance, company)))
    return directory


def _company(chance: random.Random, taken: set[str]) -> Company | None:
    industry = chance.choices(INDUSTRIES, [i.weight for i in INDUSTRIES])[0]
    state = chance.choices([s for s, _ in STATE_WEIGHTS], [w for _, w in STATE_WEIGHTS])[0]
    town = chance.choice(TOWNS[state])
    last, last2 = chance.sample(LAST_NAMES, 2)
    name = chance.choice(industry.patterns).format(town=town, last=last, last2=last2, brand=chance.choice(BRANDS))
    domain = _slug(name, chance) + ".example"
    if domain in taken:
        return None
    taken.add(domain)
    recent = industry.key == "saas" and chance.random() < 0.3
    return Company(
        id=f"{chance.getrandbits(96):024x}",
        name=name + chance.choices(("", " Pty Ltd", " Group"), (0.72, 0.22, 0.06))[0],
        domain=domain,
        industry=industry.key,
        label=industry.label,
        keywords=industry.keywords,
        state=state,
        city=town,
        postcode=f"{POSTCODE_BASE[state] + chance.randrange(0, 180):04d}",
        street=f"{chance.randrange(1, 420)} {chance.choice(STREETS)}",
        phone=fixed_number(state, chance.randrange(20_000)),
        employees=round(_between(*industry.sizes, chance.random())),
        founded=chance.randrange(1968, 2025),
        accept_all=chance.random() < 0.14,
        pattern=chance.choices([p for p, _ in _PATTERNS], [w for _, w in _PATTERNS])[0],
        funded_on=DIRECTORY_DATE - timedelta(days=chance.randrange(10, 700)) if recent else None,
    )


def _contacts(chance: random.Random, company: Company) -> Iterator[Contact]:
    industry = next(i for i in INDUSTRIES if i.key == company.industry)
    most = min(6, max(2, company.employees // 3))
    names: set[str] = set()
    for index in range(chance.randint(2, most)):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        email = _email(company, first, last)
        if email in names:
            continue
        names.add(email)
        yield _contact(chance, company, industry, index, first, last, email)


def _contact(
    chance: random.Random, company: Company, industry: Industry, index: int, first: str, last: str, email: str
) -> Contact:
    title = chance.choice(industry.owners if index == 0 or (index == 1 and chance.random() < 0.3) else industry.staff)
    handle = f"{fold(first)}-{fold(last)}-zz{chance.getrandbits(28):07x}"
    return Contact(
        id=f"{chance.getrandbits(96):024x}",
        first_name=first,
        last_name=last,
        title=title,
        seniority=seniority(title),
        email=email,
        mobile=chance.choice(FICTIONAL_MOBILES) if chance.random() < 0.55 else None,
        linkedin_url=f"https://www.linkedin.com/in/{handle}" if chance.random() < 0.78 else None,
        started_on=DIRECTORY_DATE - timedelta(days=round(chance.expovariate(1 / 1300)) + 12),
        company=company,
        mailbox_quality=chance.choices(("verified", "guessed", "gone"), (0.87, 0.11, 0.02))[0],
        apollo=chance.choices([a for a, _ in _APOLLO], [w for _, w in _APOLLO])[0],
        hunter_score=min(99, max(0, round(chance.gauss(86, 14)))) if chance.random() < 0.84 else 0,
        private=chance.random() < 0.003,
    )


def _email(company: Company, first: str, last: str) -> str:
    given, family = fold(first), fold(last)
    local = company.pattern.format(first=given, last=family, f=given[0], l=family[0])
    return f"{local}@{company.domain}"


def _slug(name: str, chance: random.Random) -> str:
    plain = unicodedata.normalize("NFKD", name.lower().replace("&", "and")).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.replace("'", ""))
    return (chance.choice(("", "", "", "-"))).join(words)


def _between(low: int, high: int, point: float) -> float:
    """Skewed toward the small end, as company sizes are."""
    return float(low + (high - low) * point**2.2)
