"""The five channels, which of them an ALS tier opens, and the limits of the resources that carry them.

Source: blueprint Part 1B (channel access by ALS score) and Part 6, engine 04 (limits per resource); the rolling limit
on invitations is design decision 7. Whether one lead may be approached on a channel also takes data, consent,
suppression, wash and coverage: those are guards, not this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agency_os.domain.als import AlsTier


class Channel(StrEnum):
    """How a person is approached; the values are those of the database's ``channel_type``."""

    EMAIL = "email"
    SMS = "sms"
    LINKEDIN = "linkedin"
    VOICE = "voice"
    MAIL = "mail"


CHANNELS_BY_TIER: Final[Mapping[AlsTier, frozenset[Channel]]] = MappingProxyType(
    {
        AlsTier.HOT: frozenset(Channel),
        AlsTier.WARM: frozenset({Channel.EMAIL, Channel.LINKEDIN, Channel.VOICE}),
        AlsTier.COOL: frozenset({Channel.EMAIL, Channel.LINKEDIN}),
        AlsTier.COLD: frozenset({Channel.EMAIL}),
        AlsTier.DEAD: frozenset(),
    }
)
"""What a tier opens at most. Dead opens nothing and suppresses nothing: a later score lifts it (decision 24)."""


class ResourceKind(StrEnum):
    """The kind of sender that a daily limit is counted for."""

    DOMAIN = "domain"
    MAILBOX = "mailbox"
    SEAT = "seat"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class ResourceLimit:
    """``per_day`` actions of one resource in a local calendar day."""

    channel: Channel
    kind: ResourceKind
    per_day: int


RESOURCE_LIMITS: Final[Mapping[Channel, ResourceLimit]] = MappingProxyType(
    {
        Channel.LINKEDIN: ResourceLimit(Channel.LINKEDIN, ResourceKind.SEAT, 17),
        Channel.EMAIL: ResourceLimit(Channel.EMAIL, ResourceKind.DOMAIN, 50),
        Channel.SMS: ResourceLimit(Channel.SMS, ResourceKind.NUMBER, 100),
    }
)
"""Limits per resource and local day. Voice and direct mail have none of their own."""

LINKEDIN_INVITATION_LIMIT: Final = 100
LINKEDIN_INVITATION_WINDOW: Final = timedelta(days=7)
"""At most this many invitations of one seat in any rolling window of this length."""
