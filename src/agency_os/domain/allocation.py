"""Who is approached when and from which sender: the plan of one lead's sequence, within what it permits and what the
senders have room for.

Pure: leads, steps, senders and the load of their coming days in, planned steps out. Ties are broken by order, never by
chance, so that the same day plans the same way again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from agency_os.domain import calendars
from agency_os.domain.als import AlsTier
from agency_os.domain.calendars import EMAIL_WINDOW, Place
from agency_os.domain.channels import CHANNELS_BY_TIER, Channel
from agency_os.domain.consent import NO_CONSENT, is_needed
from agency_os.domain.schedule import step_due

HORIZON_DAYS: Final = 120
"""Calendar days within which a first step must find room."""
_LAST_START: Final = timedelta(hours=1)
"""A sequence begins today only while this much of the window is left."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scored lead of an active campaign. ``addresses`` are what is known per channel; ``name`` seeds its hours."""

    id: UUID
    campaign_id: UUID
    tier: AlsTier
    place: Place
    name: str
    addresses: Mapping[Channel, str]
    has_consent: bool
    suppressed: frozenset[Channel]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a campaign; ``day_offset`` in business days after the first."""

    id: UUID
    step: int
    channel: Channel
    day_offset: int


@dataclass(frozen=True, slots=True)
class SenderLoad:
    """A sender with its limit a local day."""

    id: UUID
    channel: Channel
    daily_limit: int


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with its sender and due time (aware UTC)."""

    step: Step
    sender_id: UUID
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a lead gets no touch at all."""

    reason: str


Load = Counter[tuple[UUID, date]]
"""Messages planned for a sender and a local day."""


def permitted(lead: Candidate, served: frozenset[Channel], shares: Mapping[Channel, int]) -> dict[Channel, str | None]:
    """Each channel with None where the lead may be approached on it, else the first reason why not.

    ``served`` are the channels that can send here, ``shares`` the campaign's allocation in percent.
    """
    return {channel: _obstacle(lead, channel, served, shares) for channel in Channel}


def _obstacle(
    lead: Candidate, channel: Channel, served: frozenset[Channel], shares: Mapping[Channel, int]
) -> str | None:
    checks = (
        (channel in CHANNELS_BY_TIER[lead.tier], f"a {lead.tier} lead is not approached by {channel}"),
        (shares.get(channel, 0) > 0, f"the campaign allots nothing to {channel}"),
        (channel in lead.addresses, f"no address for {channel} is known"),
        (channel not in lead.suppressed, "suppressed"),
        (lead.has_consent or not is_needed(channel), NO_CONSENT),
        (channel in served, f"nothing is configured to send by {channel}"),
    )
    return next((reason for holds, reason in checks if not holds), None)


def plan(
    lead: Candidate,
    steps: Sequence[Step],
    senders: Sequence[SenderLoad],
    load: Load,
    *,
    shares: Mapping[Channel, int],
    now: datetime,
) -> list[PlannedStep] | Refusal:
    """The lead's sequence from the first day on which its sender has room for all of its steps.

    All steps of a channel go out from one sender, so that they make one thread. What is planned is added to ``load``.
    """
    served = frozenset(sender.channel for sender in senders)
    reasons = permitted(lead, served, shares)
    wanted = [step for step in steps if reasons[step.channel] is None]
    if not wanted:
        first = next((reasons[step.channel] for step in steps), "the campaign has no steps")
        return Refusal(first or "no step is permitted")
    for day in _start_days(lead.place, now):
        for choice in _by_room(senders, load):
            chosen = {sender.channel: sender for sender in choice}
            planned = _on(day, lead, wanted, chosen)
            if _fits(planned, chosen, load, lead.place):
                load.update((each.sender_id, calendars.local_date(each.due_at, lead.place)) for each in planned)
                return planned
    return Refusal(f"no sender has room within {HORIZON_DAYS} days")


def _start_days(place: Place, now: datetime) -> list[date]:
    first = calendars.local_date(now, place)
    span = calendars.opening(first, place, EMAIL_WINDOW)
    if span is None or span[1] - now < _LAST_START:
        first += timedelta(days=1)
    days = (first + timedelta(days=offset) for offset in range(HORIZON_DAYS))
    return [day for day in days if calendars.is_business_day(day, place)]


def _by_room(senders: Sequence[SenderLoad], load: Load) -> list[tuple[SenderLoad, ...]]:
    """Choices of one sender per channel, the least loaded first: round-robin over equals."""
    total: Counter[UUID] = Counter()
    for (sender_id, _), count in load.items():
        total[sender_id] += count
    ranked: dict[Channel, list[SenderLoad]] = {}
    for sender in sorted(senders, key=lambda each: total[each.id]):
        ranked.setdefault(sender.channel, []).append(sender)
    depth = max((len(each) for each in ranked.values()), default=0)
    return [tuple(each[min(at, len(each) - 1)] for each in ranked.values()) for at in range(depth)]


def _on(day: date, lead: Candidate, wanted: Sequence[Step], chosen: Mapping[Channel, SenderLoad]) -> list[PlannedStep]:
    return [
        PlannedStep(
            step,
            chosen[step.channel].id,
            step_due(day, step.day_offset, lead.place, EMAIL_WINDOW, f"{lead.name}|{step.step}"),
        )
        for step in wanted
    ]


def _fits(planned: Sequence[PlannedStep], chosen: Mapping[Channel, SenderLoad], load: Load, place: Place) -> bool:
    limits = {sender.id: sender.daily_limit for sender in chosen.values()}
    return all(
        load[each.sender_id, calendars.local_date(each.due_at, place)] < limits[each.sender_id] for each in planned
    )
