"""A lead list read row by row: who is in it, what is known of each, what permits writing to them, and why a row is not.

Pure but for the stream it reads: rows in, accepted leads and left-out rows with their reasons out, in batches, so that
memory stays bounded whatever the size. Read = accepted + left out, always.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import blake2b
from itertools import chain
from typing import Final

from agency_os.domain.company import company_key
from agency_os.domain.consent import ConsentBasis, ConsentDeclaration, flaws
from agency_os.domain.csv_reading import DELIMITERS, ByteStream, Record, parse_records, read_records
from agency_os.domain.facts import Fact, FactValue, LeadFacts
from agency_os.domain.import_columns import Columns, read_header
from agency_os.domain.import_values import (
    cased,
    read_count,
    read_day,
    read_email,
    read_flag,
    read_profile,
    read_website,
    read_year,
    split_name,
)
from agency_os.domain.states import read_country, read_state, state_of_postcode
from agency_os.exceptions import InvalidInputError
from agency_os.kit.addresses import is_free_mail, is_role_address, registrable_domain
from agency_os.kit.phone import parse_phone

BATCH: Final = 500
SOURCE: Final = "import"
_TRUST: Final[Mapping[str, float]] = {
    "email": 0.75, "first_name": 0.9, "last_name": 0.9, "company": 0.9, "domain": 0.85, "title": 0.85, "phone": 0.8,
    "linkedin_url": 0.85, "state": 0.85,
}  # fmt: skip
"""How far a list is trusted, by field; what is not named here 0.8. A verified address 0.95."""
_NO: Final = frozenset("no n false f 0 - none null n/a nein never subscribed opted-in".split()) | {"opted in", "opt in"}
"""What says that somebody has not opted out; anything else in that column, such as its day, says that they have."""
_VERIFIED: Final = frozenset({"verified", "valid", "deliverable", "safe", "ok"})
_LONGEST: Final = 300
"""Characters of a value beyond which a cell holds something else; the database's indexes take no more than 2,700."""
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """``overrides``: column name → field or "ignore". ``consent``: what the file as a whole declares, if anything."""

    overrides: Mapping[str, str] = field(default_factory=dict)
    consent: ConsentDeclaration | None = None


@dataclass(frozen=True, slots=True)
class ImportedLead:
    """An accepted row. ``consent`` is None where none stands up; ``notes`` say what is wrong or missing in the row."""

    row: int
    facts: LeadFacts
    consent: ConsentDeclaration | None
    notes: tuple[str, ...]
    raw: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """A field's value as text."""
        fact = self.facts.get(name)
        return str(fact.value) if fact is not None else None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is no lead, and why."""

    row: int
    reason: str
    raw: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """Some rows, read."""

    accepted: tuple[ImportedLead, ...]
    left_out: tuple[LeftOut, ...]


def read_columns(stream: ByteStream, overrides: Mapping[str, str] | None = None) -> Columns:
    """The columns of a list, whether or not they tell who somebody is yet.

    Raises InvalidInputError for a file that is no list, and an override that names no column or field of it.
    """
    return read_header(_header(_records(stream)), overrides)


def _header(records: Iterator[Record]) -> Sequence[str]:
    header = next(records, None)
    if header is None or header.fault is not None:
        raise InvalidInputError("the file has no header row: name the columns in its first row", field="file")
    return header.values


class LeadList:
    """A list being read. Raises InvalidInputError at once for a file that is no list of people."""

    def __init__(self, stream: ByteStream, options: ImportOptions, today: date) -> None:
        self._options = options
        self._today = today
        self._records = _records(stream)
        header = _header(self._records)
        self.columns: Columns = read_header(header, options.overrides)
        if not self.columns.identify_a_lead:
            if any(read_email(value) is not None for value in header):
                raise InvalidInputError(
                    "the first row holds an email address and names no column: put a row such as "
                    "Email,Name,Company above it",
                    field="file",
                )
            found = ", ".join(self.columns.names)[:300]
            raise InvalidInputError(
                f"no column names a person (an email, a LinkedIn profile, or a name with company); the columns are "
                f"{found}: rename one, or say which holds what with --map 'Column=email'",
                field="file",
            )
        self._seen: dict[bytes, int] = {}

    def batches(self, size: int = BATCH) -> Iterator[ImportBatch]:
        """Every row once, ``size`` rows at a time."""
        accepted: list[ImportedLead] = []
        left_out: list[LeftOut] = []
        for record in self._records:
            read = self._read(record)
            (accepted if isinstance(read, ImportedLead) else left_out).append(read)  # type: ignore[arg-type]
            if len(accepted) + len(left_out) >= size:
                yield ImportBatch(tuple(accepted), tuple(left_out))
                accepted, left_out = [], []
        if accepted or left_out:
            yield ImportBatch(tuple(accepted), tuple(left_out))

    def _read(self, record: Record) -> ImportedLead | LeftOut:
        names = self.columns.names
        raw = {name: value for name, value in zip(names, record.values, strict=False) if value}
        if record.fault is not None:
            return LeftOut(record.row, record.fault, raw)
        if not raw:
            return LeftOut(record.row, "the row is empty", raw)
        if len(record.values) > len(names) and any(record.values[len(names) :]):
            return LeftOut(record.row, f"{len(record.values)} values for {len(names)} columns", raw)
        row = _Row(record, self.columns)
        if any(value.casefold() not in _NO for value in row.all("opted_out")):
            return LeftOut(record.row, "opted out in the list", raw)
        facts, notes = _facts(row, self._today)
        reason = _unidentified(facts, notes) or self._repeated(facts, record.row)
        if reason is not None:
            return LeftOut(record.row, reason, raw)
        consent, doubts = _consent(row, self._options.consent, self._today)
        return ImportedLead(record.row, facts, consent, (*notes, *doubts), raw)

    def _repeated(self, facts: LeadFacts, row: int) -> str | None:
        """Why the row is a duplicate; only digests are kept, so that a long list fits into memory."""
        exact = [_digest(key) for key in _addresses(facts)]
        named = name_at_company(facts)
        by_name = [_digest(repr(named))] if named is not None else []
        earlier = next((self._seen[each] for each in exact or by_name if each in self._seen), None)
        if earlier is not None:
            return f"the same person as in row {earlier}"
        for each in (*exact, *by_name):
            self._seen.setdefault(each, row)
        return None


class _Row:
    """The values of one record by field."""

    def __init__(self, record: Record, columns: Columns) -> None:
        self._values = record.values
        self._positions = columns.positions

    def all(self, name: str) -> list[str]:
        """The values that feed a field, in order of preference, blanks left out."""
        positions = self._positions.get(name, ())
        return [self._values[at] for at in positions if at < len(self._values) and self._values[at]]

    def first(self, name: str) -> str:
        """The first value, empty when there is none."""
        return next(iter(self.all(name)), "")


def _records(stream: ByteStream) -> Iterator[Record]:
    _, lines = read_records(stream)
    above: list[str] = []
    first = next(lines, "")
    while first and not first.strip():
        above.append(first)
        first = next(lines, "")
    declared = re.match(r"\s*sep=(.)", first)
    if declared is not None:
        return parse_records(lines, declared[1])
    delimiter = max(DELIMITERS, key=lambda mark: (_outside_quotes(first).count(mark), -DELIMITERS.index(mark)))
    return parse_records(chain(above, [first], lines), delimiter)


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _facts(row: _Row, today: date) -> tuple[LeadFacts, list[str]]:
    notes: list[str] = []
    email = _email(row, notes)
    found: dict[str, FactValue | None] = {**_names(row), "email": email, **_company(row, email, notes)}
    found["personal_email"] = None if email is None else not is_role_address(email)
    found["title"] = row.first("title") or None
    found["linkedin_url"] = _linkedin(row, notes)
    phones = [phone for text in row.all("phone") if (phone := parse_phone(text)) is not None]
    if row.all("phone") and not phones:
        notes.append(f"{row.first('phone')[:_SHOWN]!r} is no phone number")
    found["phone"] = phones[0].e164 if phones else None
    found["state"] = _state(row) or next((phone.state for phone in phones if phone.state), None)
    found["employment_start_date"] = _past(read_day(row.first("role_start_date")), today)
    verified = email is not None and row.first("email_status").casefold() in _VERIFIED
    found["email_verified"] = True if verified else None
    trust = {**_TRUST, "email": 0.95} if verified else _TRUST
    facts = {}
    for name, value in found.items():
        if isinstance(value, str) and len(value) > _LONGEST:
            notes.append(f"{name} is longer than {_LONGEST} characters and is left out")
        elif value is not None:
            facts[name] = Fact(value, SOURCE, today, trust.get(name, 0.8))
    return LeadFacts().with_facts(facts), notes


def _names(row: _Row) -> dict[str, FactValue | None]:
    first, last = row.first("first_name"), row.first("last_name")
    if not (first and last) and (full := row.first("full_name")):
        guessed_first, guessed_last = split_name(full)
        first, last = first or guessed_first, last or guessed_last
    return {"first_name": cased(first) or None, "last_name": cased(last) or None}


def _email(row: _Row, notes: list[str]) -> str | None:
    given = row.all("email")
    email = next((address for text in given if (address := read_email(text)) is not None), None)
    if given and email is None:
        notes.append(f"{given[0][:_SHOWN]!r} is no email address")
    return email


def _company(row: _Row, email: str | None, notes: list[str]) -> dict[str, FactValue | None]:
    domain = next((found for text in row.all("website") if (found := read_website(text)) is not None), None)
    if domain is None and email is not None:
        domain = registrable_domain(email)
    if domain is not None and is_free_mail(domain):
        domain = None
    country = row.first("country")
    code = read_country(country)
    if country and code is None:
        notes.append(f"country {country[:40]!r} is not known")
    return {
        "company": row.first("company") or None,
        "domain": domain,
        "organization_industry": row.first("industry") or None,
        "organization_country": code,
        "organization_employee_count": read_count(row.first("employees")),
        "organization_founded_year": read_year(row.first("founded_year")),
        "organization_is_hiring": read_flag(row.first("is_hiring")),
        "organization_latest_funding_date": read_day(row.first("funding_date")),
    }


def _linkedin(row: _Row, notes: list[str]) -> str | None:
    given = row.all("linkedin_url")
    profile = next((found for text in given if (found := read_profile(text)) is not None), None)
    if given and profile is None:
        notes.append(f"{given[0][:_SHOWN]!r} is no profile of a person")
    return profile


def _state(row: _Row) -> str | None:
    for read, name in ((read_state, "state"), (state_of_postcode, "postcode"), (read_state, "city")):
        state = read(row.first(name))
        if state is not None:
            return state.value
    return None


def _past(day: date | None, today: date) -> date | None:
    return day if day is not None and day <= today + timedelta(days=366) else None


def _unidentified(facts: LeadFacts, notes: Sequence[str]) -> str | None:
    if facts.email is not None or facts.linkedin_url is not None:
        return None
    if name_at_company(facts) is not None:
        return None
    named = facts.first_name is not None and facts.last_name is not None
    missing = "the company" if named else "an email address, a profile, or first and last name with the company"
    return "; ".join([*notes, f"it does not tell who it is: {missing} is missing"])


def _digest(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=12).digest()


def _addresses(facts: LeadFacts) -> Iterator[str]:
    if facts.email is not None:
        yield f"email:{facts.email.value}"
    if facts.linkedin_url is not None:
        yield f"linkedin:{facts.linkedin_url.value}"


def name_at_company(facts: LeadFacts) -> tuple[str, str, str] | None:
    """Lower-case first and last name and the company's key: who somebody is of whom no address is known."""
    if facts.first_name is None or facts.last_name is None:
        return None
    domain = facts.domain.value if facts.domain is not None else None
    key = company_key(domain, facts.company.value if facts.company is not None else None)
    return None if key is None else (facts.first_name.value.lower(), facts.last_name.value.lower(), key)


def _consent(
    row: _Row, of_file: ConsentDeclaration | None, today: date
) -> tuple[ConsentDeclaration | None, tuple[str, ...]]:
    """What permits writing: the row's own declaration completed by the file's, and what is wrong with it."""
    text = row.first("consent_basis").casefold()
    basis = _basis(text)
    if text and basis is None:
        return None, (f"consent {text[:40]!r} is neither express nor inferred",)
    if basis is None and of_file is None:
        return None, ("no consent is declared: it can not be emailed",)
    declared = ConsentDeclaration(
        basis=basis or (of_file.basis if of_file is not None else ConsentBasis.INFERRED),
        source=row.first("consent_source") or (of_file.source if of_file is not None else ""),
        obtained_on=read_day(row.first("consent_date")) or (of_file.obtained_on if of_file is not None else today),
        declared_by=row.first("consent_by") or (of_file.declared_by if of_file is not None else "the list's owner"),
        relevance=row.first("consent_relevance") or (of_file.relevance if of_file is not None else None),
    )
    wrong = flaws(declared, today=today)
    if row.first("consent_date") and read_day(row.first("consent_date")) is None:
        wrong += (f"consent date {row.first('consent_date')[:40]!r} is no day",)
    return (None, wrong) if wrong else (declared, ())


def _basis(text: str) -> ConsentBasis | None:
    if re.search(
        r"\b(?:no|not|non|never|none|without|withdrawn|revoked|refused|declined|pending|opt(?:ed)?[ -]?out)\b", text
    ):
        return None
    if re.search(r"\b(?:express|explicit|opt(?:ed)?[ -]?in|yes|given|subscribed)\b", text):
        return ConsentBasis.EXPRESS
    inferred = re.search(r"\b(?:infer\w*|implied|legitimate|publish\w*|conspicuous|existing|customer)\b", text)
    return ConsentBasis.INFERRED if inferred else None
