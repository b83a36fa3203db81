"""The moments of the demo: when the driver moves the clock and asks for ticks, over three simulated weeks.

Pure. Four ticks a business day of Sydney, so placed that every state's sending hours are met; weekends and holidays
pass with one move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from agency_os.domain.calendars import is_business_day, place_of
from agency_os.domain.states import State

ZONE: Final = ZoneInfo("Australia/Sydney")
LENGTH: Final = timedelta(days=21)
_OPENING: Final = time(8)
_TICKS: Final = (time(10), time(13), time(16, 30), time(18, 50))
_QUIET: Final = time(12)
_SYDNEY: Final = place_of(State.NSW)


@dataclass(frozen=True, slots=True)
class Moment:
    """One move of the clock (aware UTC); ``tick`` asks for an outreach run, ``first`` marks a business day's first."""

    at: datetime
    tick: bool
    first: bool


def default_start(today: datetime) -> datetime:
    """Eight in the morning in Sydney, three weeks back: the demo ends at the present."""
    day = (today.astimezone(ZONE) - LENGTH).date()
    start = _local(day, _OPENING)
    return start if start + LENGTH <= today else _local(day - timedelta(days=1), _OPENING)


def start_of(day: date) -> datetime:
    """Eight in the morning of ``day`` in Sydney."""
    return _local(day, _OPENING)


def moments(start: datetime) -> Iterator[Moment]:
    """All moves from ``start`` to the end, in order; the last is the end itself."""
    day, end = start.astimezone(ZONE).date(), start + LENGTH
    while day <= end.astimezone(ZONE).date():
        works = is_business_day(day, _SYDNEY)
        for number, clock in enumerate(_TICKS if works else (_QUIET,)):
            at = _local(day, clock)
            if start < at < end:
                yield Moment(at, works, works and number == 0)
        day += timedelta(days=1)
    yield Moment(end, tick=False, first=False)


def _local(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, ZONE).astimezone(UTC)
