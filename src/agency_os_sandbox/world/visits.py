"""How a person books: which slot is chosen, what becomes of the booking later, whether the guest comes.

Promises: a pure function of (seed, address) and the moment of booking; slots lie in business hours of the coming days.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from agency_os_sandbox.booking import MINUTES
from agency_os_sandbox.world.chance import unit

BOOKING_PATH = "/cal/book/"
_METADATA = re.compile(r"^metadata\[([^\[\]]{1,40})\]$")
_FIRST_HOUR, _SLOTS_A_DAY = 9, 16
_NO_SHOW_RATE = 0.09


@dataclass(frozen=True, slots=True)
class BookingLink:
    """The parts of a booking link: the event's slug and what ``metadata[…]`` carries."""

    slug: str
    metadata: dict[str, str]


def read_link(url: str) -> BookingLink:
    """Read a booking link; at most 50 metadata entries of 500 characters, as Cal.com keeps them."""
    parts = urlsplit(url)
    slug = unquote(parts.path.partition(BOOKING_PATH)[2]).strip("/")
    return BookingLink(slug, metadata_of(parse_qsl(parts.query)))


def metadata_of(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The ``metadata[…]`` entries among query or form fields."""
    named = [(found[1], value[:500]) for name, value in pairs if (found := _METADATA.match(name))]
    return dict(named[:50])


def open_slots(after: datetime, zone: ZoneInfo, days: int = 5) -> list[datetime]:
    """The half hours from 9 to 17 of the next weekdays, from the day after ``after``, in local time."""
    day = after.astimezone(zone).replace(hour=_FIRST_HOUR, minute=0, second=0, microsecond=0)
    slots: list[datetime] = []
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            days -= 1
            slots += [day + timedelta(minutes=MINUTES * index) for index in range(_SLOTS_A_DAY)]
    return slots


def choose_slot(seed: int, address: str, after: datetime, zone: ZoneInfo, purpose: str) -> datetime:
    """The slot this person takes, aware, in the person's zone; ``purpose`` tells a first choice from a later one."""
    slots = open_slots(after, zone)
    return slots[int(unit(seed, address, purpose, "slot") * len(slots))]


def change_moment(seed: int, address: str, at: datetime, start: datetime) -> datetime:
    """When a guest who changes plans says so: between booking and meeting, on the minute."""
    share = 0.2 + 0.6 * unit(seed, address, "change moment")
    return (at + (start - at) * share).replace(second=0, microsecond=0)


def comes(seed: int, address: str) -> bool:
    """Whether the guest turns up."""
    return unit(seed, address, "no show") >= _NO_SHOW_RATE
