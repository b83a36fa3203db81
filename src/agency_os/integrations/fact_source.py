"""What every source of facts about people has in common, however it is asked and however its answer comes.

A source names a look-up by its identity, says what it may cost at most, and answers each person with one outcome that
tells what was charged. It never raises for a provider's refusal: what to do about it differs by outcome.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final, Protocol

from agency_os.domain.enrichment import Lookup
from agency_os.domain.facts import Fact, LeadFacts, facts_from_json, facts_to_json
from agency_os.exceptions import InvalidInputError, Outcome, ProviderError, ProviderLimitError, ProviderRefusedError

_STEP: Final = Decimal("0.0001")
"""The ledger keeps units to four places."""
_REFERENCE: Final = re.compile(r"([0-9a-f]{64})\.([1-9][0-9]{0,17})")
_STILL_WORKING: Final = frozenset({202, 222})
"""Not now for this person alone; any other limit is one for all that would be asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, also that nothing is known (no facts); ``units`` were charged. Served again for 90 days."""

    facts: LeadFacts
    units: Decimal


@dataclass(frozen=True, slots=True)
class Objected:
    """The person asked the source not to process their data: never asked again, never written to."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite refusal that costs nothing: the lead goes on without this source."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """Refused for now, at no cost. ``for_all``: whoever else is asked now would hear the same."""

    reason: str
    for_all: bool


@dataclass(frozen=True, slots=True)
class Unclear:
    """No answer that can be read. ``units`` if the source is known to have charged them, else None: perhaps.

    ``for_all``: whoever else is asked now would hear the same. ``is_last``: it is not asked for again.
    """

    reason: str
    units: Decimal | None
    for_all: bool = False
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Awaited:
    """Taken; what is found and what it costs comes later, by the source's callback, which names our reference."""

    reason: str


Answer = Found | Objected | Refused | NotNow | Unclear | Awaited


class FactSource(Protocol):
    """A provider that is paid for facts about people."""

    @property
    def lookup(self) -> Lookup:
        """Its place in the waterfall; the value is its name in ledger and cache."""
        ...

    @property
    def batch_limit(self) -> int:
        """People asked under one lease."""
        ...

    @property
    def repeatable(self) -> bool:
        """Whether the same look-up again is charged once, so that one cut short may be repeated."""
        ...

    @property
    def answers_later(self) -> bool:
        """Whether what was asked is answered by a callback, so that it may come whatever became of the asking."""
        ...

    @property
    def unit_cost(self) -> Decimal:
        """A$ for one unit."""
        ...

    def operation(self, facts: LeadFacts) -> str:
        """What is asked for, as the ledger names it."""
        ...

    def identity(self, facts: LeadFacts) -> str:
        """What makes two look-ups the same one."""
        ...

    def most_units(self, facts: LeadFacts) -> Decimal:
        """What a look-up is charged at most: reserved before the call."""
        ...

    async def ask(self, people: Sequence[LeadFacts], references: Sequence[str], today: date) -> list[Answer]:
        """One answer for each of at most ``batch_limit`` people. No transaction may be open.

        ``references`` name the look-ups, one for each person: an answer that comes later names them back.
        """
        ...


def person_identity(facts: LeadFacts, *sure: str) -> str:
    """What makes two look-ups of a person the same one: the first of the ``sure`` fields that is known, else name and
    place."""
    for name in sure:
        fact = facts.get(name)
        if fact is not None:
            return str(fact.value).casefold()
    parts = (facts.first_name, facts.last_name, facts.domain or facts.company)
    return "|".join(fact.value.strip().casefold() if fact is not None else "" for fact in parts)


def value_of(fact: Fact[str] | None) -> str | None:
    """The value of a fact, if it is known."""
    return fact.value if fact is not None else None


def ledger_key(key: str, fence: int) -> str:
    """What the ledger calls a look-up: one entry for each key and lease."""
    return f"{key}/{fence}"


def reference(key: str, fence: int) -> str:
    """What a source is told to name in an answer that comes later: the look-up's key, a keyed hash, and its lease."""
    return f"{key}.{fence}"


def read_reference(text: str) -> tuple[str, int] | None:
    """Key and fence of a reference of ours; None for anything else."""
    found = _REFERENCE.fullmatch(text)
    return (found[1], int(found[2])) if found is not None else None


def answer_of(error: ProviderError, units: Decimal = Decimal(0)) -> Refused | NotNow | Unclear:
    """The answer that a provider's error stands for; ``units`` is this person's part of what it charged."""
    reason = f"{error.provider}: {error}"
    is_outage = (error.http_status or 0) >= 500
    if error.outcome is Outcome.UNKNOWN or is_outage:  # also in an outage it may have been charged
        return Unclear(reason, None, for_all=is_outage)
    if error.outcome is Outcome.ACCEPTED:
        return Unclear(reason, units)
    if isinstance(error, ProviderLimitError) or not isinstance(error, ProviderRefusedError):
        return NotNow(reason, for_all=error.http_status not in _STILL_WORKING)
    return Refused(reason)


def shares(units: Decimal, charged: Sequence[bool]) -> list[Decimal]:
    """``units`` spread exactly over the people ``charged`` (over all, when none is), the first bearing the rest."""
    bearing = list(charged) if any(charged) else [True] * len(charged)
    count = sum(bearing)
    each = (units / count).quantize(_STEP, ROUND_DOWN) if count else Decimal(0)
    rest = units - each * count
    found: list[Decimal] = []
    for bears in bearing:
        found.append(each + rest if bears else Decimal(0))
        rest = Decimal(0) if bears else rest
    return found


def answer_to_json(answer: Found | Objected) -> dict[str, Any]:
    """The form in which an answer is stored and served again."""
    if isinstance(answer, Objected):
        return {"objected": answer.reason}
    return {"facts": facts_to_json(answer.facts)}


def answer_from_json(stored: Mapping[str, Any]) -> Found | Objected | None:
    """A stored answer, at no cost; None for what no release of ours wrote."""
    if "objected" in stored:
        return Objected(str(stored["objected"]))
    facts = stored.get("facts")
    try:
        return Found(facts_from_json(facts), Decimal(0)) if isinstance(facts, Mapping) else None
    except InvalidInputError:
        return None
