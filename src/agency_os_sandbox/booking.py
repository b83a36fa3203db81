"""A booked meeting as plain values; times are virtual, aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

MINUTES = 30


class BookingStatus(StrEnum):
    """Where a booking stands. ``rescheduled`` is the old one of a move."""

    ACCEPTED = "accepted"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    ENDED = "ended"
    NO_SHOW = "no_show"


@dataclass(frozen=True, slots=True)
class Guest:
    """Who booked. ``address`` is a bare lower-case email address, ``zone`` an IANA name."""

    name: str
    address: str
    zone: str

    @property
    def tzinfo(self) -> ZoneInfo:
        """The zone itself."""
        return ZoneInfo(self.zone)


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking. Times are aware UTC; ``metadata`` is what the booking link carried."""

    id: int
    uid: str
    slug: str
    status: BookingStatus
    start: datetime
    created_at: datetime
    updated_at: datetime
    guest: Guest
    metadata: dict[str, str]
    rescheduled_from: str | None = None
    rescheduled_to: str | None = None
    reason: str | None = None
    changed_by: str | None = None
    """The address of whoever cancelled or moved it."""

    @property
    def end(self) -> datetime:
        """When the meeting ends."""
        return self.start + timedelta(minutes=MINUTES)
