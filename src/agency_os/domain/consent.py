"""Consent to email and SMS under the Spam Act 2003 (Cth): what a record must hold, and whether one permits a message.

Consent is express or inferred (Spam Act, Schedule 2). Whoever relies on it must be able to prove it, so an inferred
one names where the address comes from and why a message matters to the person's role (clause 4, conspicuous
publication). A score is never consent (design decision 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from agency_os.domain.calendars import latest_date
from agency_os.domain.channels import Channel

CONSENT_CHANNELS: Final = frozenset({Channel.EMAIL, Channel.SMS})
"""The channels that the Spam Act binds: without a consent record nothing goes out on them."""

NO_CONSENT: Final = "no consent basis declared"


class ConsentBasis(StrEnum):
    """How a person agreed: by saying so, or by conduct, relationship or a published work address."""

    EXPRESS = "express"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class ConsentDeclaration:
    """What somebody declares about a person's consent.

    ``source``: where the address was given or published (a URL, a form, a register, a relationship). ``relevance``:
    why a message concerns the person's work role; needed for inferred consent. ``obtained_on``: the day it was given
    or the address was seen published. ``declared_by``: who vouches for it.
    """

    basis: ConsentBasis
    source: str
    obtained_on: date
    declared_by: str
    relevance: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """A stored consent for ``channels``; ``recorded_at`` and ``withdrawn_at`` are aware UTC business time."""

    declaration: ConsentDeclaration
    channels: frozenset[Channel]
    recorded_at: datetime
    withdrawn_at: datetime | None = None


def flaws(declaration: ConsentDeclaration, *, today: date) -> tuple[str, ...]:
    """Why ``declaration`` would not stand up, each a plain sentence; empty when it does."""
    found = []
    if not declaration.source.strip():
        found.append("consent needs its source: where the address was given or published")
    if not declaration.declared_by.strip():
        found.append("consent needs the name of who declares it")
    if declaration.obtained_on > today:
        found.append(f"consent is dated in the future ({declaration.obtained_on.isoformat()})")
    if declaration.basis is ConsentBasis.INFERRED and not (declaration.relevance or "").strip():
        found.append("inferred consent needs the relevance to the person's role")
    return tuple(found)


def permits(consent: Consent, channel: Channel, *, at: datetime) -> bool:
    """Whether ``consent`` allows a message on ``channel`` claimed at ``at``: recorded before it and not withdrawn."""
    return (
        channel in consent.channels
        and consent.recorded_at < at
        and not flaws(consent.declaration, today=latest_date(consent.recorded_at))
        and (consent.withdrawn_at is None or at < consent.withdrawn_at)
    )


def permission(consents: Iterable[Consent], channel: Channel, *, at: datetime) -> Consent | None:
    """The consent to rely on for ``channel`` at ``at``: express before inferred, then the newest; None when none.

    A withdrawal binds for good: a consent recorded before the latest withdrawal on this channel no longer counts.
    """
    known = [consent for consent in consents if channel in consent.channels]
    last_no = max((c.withdrawn_at for c in known if c.withdrawn_at is not None and c.withdrawn_at <= at), default=None)
    valid = [c for c in known if permits(c, channel, at=at) and (last_no is None or c.recorded_at > last_no)]
    return max(valid, key=lambda c: (c.declaration.basis is ConsentBasis.EXPRESS, c.recorded_at), default=None)


def is_needed(channel: Channel) -> bool:
    """Whether a message on ``channel`` takes a consent record."""
    return channel in CONSENT_CHANNELS


def consent_to_json(declaration: ConsentDeclaration | None) -> dict[str, str | None] | None:
    """The form in which a file's declaration is stored. Read back by ``consent_from_json``."""
    if declaration is None:
        return None
    return {
        "basis": declaration.basis.value,
        "source": declaration.source,
        "obtained_on": declaration.obtained_on.isoformat(),
        "declared_by": declaration.declared_by,
        "relevance": declaration.relevance,
    }


def consent_from_json(stored: Mapping[str, str | None] | None) -> ConsentDeclaration | None:
    """A declaration from what ``consent_to_json`` wrote."""
    if stored is None:
        return None
    return ConsentDeclaration(
        ConsentBasis(str(stored["basis"])),
        stored["source"] or "",
        date.fromisoformat(str(stored["obtained_on"])),
        stored["declared_by"] or "",
        stored["relevance"],
    )
