"""Facts from two sources become one: which value of a field is kept, with its source, date and confidence.

More trusted beats less trusted, newer beats older, and what has grown stale yields to any trusted fresh value. An
address and the flags about it stay together. Our own history of a person is never overwritten by a provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from agency_os.domain.enrichment import CACHE_TTL, CONFIDENCE_THRESHOLD
from agency_os.domain.facts import FIELDS, Fact, FactValue, LeadFacts

_EMAIL_GROUP: Final = ("email", "email_verified", "personal_email")
_OWN_HISTORY: Final = frozenset({"hard_bounced", "unsubscribed_before", "is_competitor"})


def merge_facts(known: LeadFacts, found: LeadFacts, today: date) -> LeadFacts:
    """``known`` enriched by ``found``, field by field."""
    merged: dict[str, Fact[FactValue] | None] = {
        name: better(known.get(name), found.get(name), today)
        for name in FIELDS
        if name not in _EMAIL_GROUP and name not in _OWN_HISTORY
    }
    merged.update(_merged_email(known, found, today))
    return known.with_facts(merged)


def is_same_person(known: LeadFacts, found: LeadFacts) -> bool:
    """Whether ``found`` can be of the person whom ``known`` names: one address or profile, else no other name.

    A source that was asked for Jo Smith may answer Pat Smith of the same firm; Jo's letter must not go to Pat.
    """
    for one, other in ((known.email, found.email), (known.linkedin_url, found.linkedin_url)):
        if one is not None and other is not None and one.value.casefold() == other.value.casefold():
            return True
    return _agree(known.last_name, found.last_name) and _agree(known.first_name, found.first_name, letters=1)


def _agree(one: Fact[str] | None, other: Fact[str] | None, letters: int | None = None) -> bool:
    if one is None or other is None:
        return True
    return one.value.strip().casefold()[:letters] == other.value.strip().casefold()[:letters]


def better(known: Fact[FactValue] | None, found: Fact[FactValue] | None, today: date) -> Fact[FactValue] | None:
    """The value to keep of two for one field; ``known`` where nothing speaks for the other."""
    if known is None or found is None:
        return found if known is None else known
    if today - known.as_of > CACHE_TTL and found.confidence >= CONFIDENCE_THRESHOLD and found.as_of > known.as_of:
        return found
    return found if (found.confidence, found.as_of) > (known.confidence, known.as_of) else known


def _merged_email(known: LeadFacts, found: LeadFacts, today: date) -> Mapping[str, Fact[FactValue] | None]:
    if found.email is None:
        return {}
    if known.email is None or known.email.value != found.email.value:
        kept = better(known.get("email"), found.get("email"), today)
        return {name: found.get(name) for name in _EMAIL_GROUP} if kept is found.email else {}
    # the same address: the newest verification counts, and with it how far the address is trusted; without any verdict
    # the better trusted
    newest = _newer(known.get("email_verified"), found.get("email_verified"))
    says = found if newest is not None and newest is found.email_verified else known
    email = better(known.get("email"), found.get("email"), today) if newest is None else says.get("email")
    return {
        "email": email,
        "email_verified": newest,
        "personal_email": _newer(known.get("personal_email"), found.get("personal_email")),
    }


def _newer(known: Fact[FactValue] | None, found: Fact[FactValue] | None) -> Fact[FactValue] | None:
    if known is None or found is None:
        return found if known is None else known
    return found if found.as_of >= known.as_of else known
