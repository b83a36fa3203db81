"""What is known of a lead: each field a value with its source, its date and how far it can be trusted.

One type for scoring, enrichment and import. Fields keep the names of the ``leads`` table's columns; flags stand in
for what is derived from the address or from our own history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Final, Generic, TypeVar

from agency_os.domain.states import State
from agency_os.exceptions import InvalidInputError

T = TypeVar("T")

FactValue = str | int | bool | date
"""What a field may hold."""


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One value: ``source`` names who said so (``import``, ``apollo``, ``hunter`` …), ``as_of`` when it was true,
    ``confidence`` from 0 to 1 how far it is trusted."""

    value: T
    source: str
    as_of: date
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """Everything a score or a look-up reads of one lead; None is not known.

    ``email_verified``: a verifier found the mailbox deliverable. ``personal_email``: the address is a person's and
    not a role's (info@, sales@). The last three are our own history and the client's list of competitors.
    """

    email: Fact[str] | None = None
    email_verified: Fact[bool] | None = None
    personal_email: Fact[bool] | None = None
    first_name: Fact[str] | None = None
    last_name: Fact[str] | None = None
    title: Fact[str] | None = None
    company: Fact[str] | None = None
    domain: Fact[str] | None = None
    phone: Fact[str] | None = None
    linkedin_url: Fact[str] | None = None
    state: Fact[str] | None = None
    employment_start_date: Fact[date] | None = None
    organization_industry: Fact[str] | None = None
    organization_employee_count: Fact[int] | None = None
    organization_country: Fact[str] | None = None
    organization_founded_year: Fact[int] | None = None
    organization_is_hiring: Fact[bool] | None = None
    organization_latest_funding_date: Fact[date] | None = None
    hard_bounced: Fact[bool] | None = None
    unsubscribed_before: Fact[bool] | None = None
    is_competitor: Fact[bool] | None = None

    def get(self, field: str) -> Fact[FactValue] | None:
        """The fact of the field named ``field``; raises AttributeError for a field that does not exist."""
        fact: Fact[FactValue] | None = getattr(self, field)
        return fact

    def known(self) -> Iterator[tuple[str, Fact[FactValue]]]:
        """Each known field's name and fact, in the order of the class."""
        for name in FIELDS:
            fact = self.get(name)
            if fact is not None:
                yield name, fact

    def with_facts(self, facts: Mapping[str, Fact[FactValue] | None]) -> LeadFacts:
        """A copy in which ``facts`` (field name → fact) replace what was there."""
        return replace(self, **facts)  # type: ignore[arg-type]  # names and types are those of FIELDS by contract


FIELDS: Final[tuple[str, ...]] = tuple(field.name for field in fields(LeadFacts))
_DATES: Final = frozenset({"employment_start_date", "organization_latest_funding_date"})
_INTEGERS: Final = frozenset({"organization_employee_count", "organization_founded_year"})
_FLAGS: Final = frozenset(
    {
        "email_verified", "personal_email", "organization_is_hiring",
        "hard_bounced", "unsubscribed_before", "is_competitor",
    }
)  # fmt: skip


def facts_to_json(facts: LeadFacts) -> dict[str, dict[str, str | int | bool | float]]:
    """The known facts as JSON: field → value, source, as_of, confidence. Read back by ``facts_from_json``."""
    return {
        name: {
            "value": fact.value.isoformat() if isinstance(fact.value, date) else fact.value,
            "source": fact.source,
            "as_of": fact.as_of.isoformat(),
            "confidence": fact.confidence,
        }
        for name, fact in facts.known()
    }


def facts_from_json(stored: Mapping[str, object]) -> LeadFacts:
    """Facts from what ``facts_to_json`` wrote; fields unknown today are passed over, so that an older or newer cache
    entry still serves. Raises InvalidInputError when an entry has another shape."""
    found: dict[str, Fact[FactValue] | None] = {}
    for name, entry in stored.items():
        if name in FIELDS:
            found[name] = _fact_from_json(name, entry)
    return LeadFacts().with_facts(found)


def _fact_from_json(name: str, entry: object) -> Fact[FactValue]:
    if not isinstance(entry, Mapping):
        raise InvalidInputError(f"stored fact {name} is not an object", field=name)
    try:
        value = _value_from_json(name, entry["value"])
        return Fact(value, str(entry["source"]), date.fromisoformat(entry["as_of"]), float(entry["confidence"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"stored fact {name} cannot be read: {error}", field=name) from error


def _value_from_json(name: str, value: object) -> FactValue:
    if name in _DATES and isinstance(value, str):
        return date.fromisoformat(value)
    wanted: type = bool if name in _FLAGS else int if name in _INTEGERS else str
    if name in _DATES or type(value) is not wanted:
        raise TypeError(f"value {value!r} is not of the field's type")
    if name in _INTEGERS and not 0 <= int(str(value)) < 2**31:
        raise ValueError(f"value {value!r} is out of range")
    return value  # type: ignore[return-value]  # its type was just checked against the field's


def head_count(number: int | None) -> int | None:
    """A company's number of people, if it can be one."""
    return number if number is not None and 0 < number < 10_000_000 else None


def founding_year(year: int | None, today: date) -> int | None:
    """The year in which a company began, if it can be one."""
    return year if year is not None and 1600 <= year <= today.year else None


def state_of(facts: LeadFacts) -> State | None:
    """The lead's state or territory, None when unknown."""
    return State(facts.state.value) if facts.state is not None else None
