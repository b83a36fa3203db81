"""A lead's row as facts and back: the columns hold values, ``field_sources`` where each came from.

``field_sources`` is {field: {source, as_of, confidence}}, fields named as in ``LeadFacts``. What stands in a column
without an entry there was put in by a person. Our own history of a person is not stored with the lead: it is read
from suppressions and the lead's status, and handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import RowMapping

from agency_os.domain.calendars import STATE_ZONES
from agency_os.domain.facts import Fact, FactValue, LeadFacts, state_of
from agency_os.domain.states import read_state
from agency_os.kit.addresses import is_role_address

UNSOURCED: Final = "own data"
UNSOURCED_CONFIDENCE: Final = 0.80
"""Trust in what somebody typed in without saying where from: enough to write to, less than a verified answer."""

HARD_BOUNCE: Final = "hard bounce"
"""The suppression reason that a dead address leaves."""

PLAIN: Final = (
    "email", "first_name", "last_name", "title", "company", "domain", "phone", "linkedin_url", "state",
    "employment_start_date", "organization_industry", "organization_employee_count", "organization_country",
    "organization_founded_year", "organization_is_hiring", "organization_latest_funding_date",
)  # fmt: skip
"""Fields that stand in a column of their own name."""

COLUMNS: Final = (*PLAIN, "email_status", "email_is_role", "time_zone", "status", "field_sources", "created_at")
"""What ``read_facts`` needs of a row."""

_HISTORY: Final = frozenset({"hard_bounced", "unsubscribed_before", "is_competitor"})
_VERDICTS: Final[Mapping[str, bool]] = {"verified": True, "invalid": False}


def read_facts(row: RowMapping, suppressions: Collection[str] = ()) -> LeadFacts:
    """The facts in ``row`` (``COLUMNS`` of ``leads``); ``suppressions`` are the reasons why its addresses are
    suppressed, where they are."""
    entries: Mapping[str, Any] = row["field_sources"] or {}
    entered = row["created_at"].date()
    found: dict[str, Fact[FactValue] | None] = {}
    for name in PLAIN:
        value = row[name]
        if value is not None and value != "":
            found[name] = _fact(value, entries.get(name), entered)
    if found.get("state") is not None:
        # written by hand or by an older release it may be spelled as people spell it
        state = read_state(row["state"])
        found["state"] = _fact(state.value, entries.get("state"), entered) if state is not None else None
    if row["email"]:
        verdict = _VERDICTS.get(row["email_status"])
        if verdict is not None:
            found["email_verified"] = _fact(verdict, entries.get("email_verified") or entries.get("email"), entered)
        is_role = row["email_is_role"] or is_role_address(row["email"])
        found["personal_email"] = _fact(not is_role, entries.get("personal_email") or entries.get("email"), entered)
    return LeadFacts().with_facts({**found, **_history(row["status"], suppressions, entered)})


def facts_to_columns(facts: LeadFacts) -> dict[str, Any]:
    """The columns of ``leads`` that hold ``facts``, ``field_sources`` as a JSON object; NULL for what is not known."""
    columns: dict[str, Any] = {name: _value(facts.get(name)) for name in PLAIN}
    personal = facts.personal_email is not None and facts.personal_email.value
    state = state_of(facts)
    return {
        **columns,
        "email_status": email_status(facts),
        "email_is_role": facts.email is not None and not personal,
        "personal_email_known": facts.email is not None and personal,
        "time_zone": STATE_ZONES[state].key if state is not None else None,
        "field_sources": field_sources(facts),
    }


def email_status(facts: LeadFacts) -> str:
    """The verdict on the address: unknown (there is none), verified, invalid, or unverified."""
    if facts.email is None:
        return "unknown"
    if facts.email_verified is None:
        return "unverified"
    return "verified" if facts.email_verified.value else "invalid"


def field_sources(facts: LeadFacts) -> dict[str, dict[str, str | float]]:
    """Where each known field came from: {field: {source, as_of, confidence}}, without our own history."""
    return {
        name: {"source": fact.source, "as_of": fact.as_of.isoformat(), "confidence": fact.confidence}
        for name, fact in facts.known()
        if name not in _HISTORY
    }


def _value(fact: Fact[FactValue] | None) -> FactValue | None:
    return fact.value if fact is not None else None


def _fact(value: FactValue, entry: object, entered: date) -> Fact[FactValue]:
    """``entry`` is what ``field_sources`` says of the field; a part that is missing or unreadable gets its default."""
    said: dict[str, Any] = entry if isinstance(entry, dict) else {}
    source, confidence = said.get("source"), said.get("confidence")
    as_of = _day(said.get("as_of")) or entered
    if type(confidence) is float and 0 <= confidence <= 1:  # as we write it: millions of times
        return Fact(value, str(source or UNSOURCED), as_of, confidence)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        confidence = UNSOURCED_CONFIDENCE
    return Fact(value, str(source or UNSOURCED), as_of, float(confidence))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _day(said: object) -> date | None:
    """The day that an entry names; None where it names none."""
    return _parsed(said if isinstance(said, str) else str(said or ""))


def _history(status: str, suppressions: Collection[str], entered: date) -> dict[str, Fact[FactValue] | None]:
    bounced = status == "bounced" or HARD_BOUNCE in suppressions
    left = status == "unsubscribed" or any(reason != HARD_BOUNCE for reason in suppressions)
    flags = {"hard_bounced": bounced, "unsubscribed_before": left}
    return {name: Fact(True, "history", entered) for name, holds in flags.items() if holds}
