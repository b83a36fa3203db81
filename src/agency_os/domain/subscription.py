"""What a client may do in each state of its subscription (design decision 27).

Trialing and active may do everything; past due and paused may only read; cancelled may read for 30 days more. Asked
with the business time, never with a clock of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class SubscriptionStatus(StrEnum):
    """State of a client's subscription; the values are those of the database's ``subscription_status``."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELLED = "cancelled"
    PAUSED = "paused"


class Ability(StrEnum):
    """What the subscription gates: paying for data, contacting people, and seeing what is there."""

    ENRICH = "enrich"
    SEND = "send"
    READ = "read"


_ALL = frozenset(Ability)
_READ = frozenset({Ability.READ})

ABILITIES: Final[Mapping[SubscriptionStatus, frozenset[Ability]]] = MappingProxyType(
    {
        SubscriptionStatus.TRIALING: _ALL,
        SubscriptionStatus.ACTIVE: _ALL,
        SubscriptionStatus.PAST_DUE: _READ,
        SubscriptionStatus.PAUSED: _READ,
        SubscriptionStatus.CANCELLED: _READ,
    }
)
"""What each state allows; of cancelled, only for READ_AFTER_CANCELLATION."""

READ_AFTER_CANCELLATION: Final = timedelta(days=30)


def allows(
    status: SubscriptionStatus, ability: Ability, *, now: datetime, cancelled_at: datetime | None = None
) -> bool:
    """Whether a client in ``status`` may do ``ability`` at ``now`` (aware UTC).

    A cancelled client whose moment of cancellation is not known reads no more: the gate fails closed.
    """
    if ability not in ABILITIES[status]:
        return False
    if status is not SubscriptionStatus.CANCELLED:
        return True
    return cancelled_at is not None and now < cancelled_at + READ_AFTER_CANCELLATION


def statuses_that_allow(ability: Ability) -> frozenset[SubscriptionStatus]:
    """The states in which ``ability`` is open without looking at the date (for a query's filter)."""
    return frozenset(
        status
        for status, abilities in ABILITIES.items()
        if ability in abilities and status is not SubscriptionStatus.CANCELLED
    )
