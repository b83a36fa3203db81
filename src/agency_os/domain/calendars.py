"""When a person may be approached: zones and public holidays of the Australian states, windows, business days.

All instants are aware UTC and handed in; all rules are about the person's own clock, daylight saving included. Where
a state is not known, every Australian zone and every state's holidays bind at once (design invariant 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from agency_os.domain.states import State
from agency_os.exceptions import InvalidInputError

STATE_ZONES: Final[Mapping[State, ZoneInfo]] = MappingProxyType(
    {
        State.ACT: ZoneInfo("Australia/Sydney"),
        State.NSW: ZoneInfo("Australia/Sydney"),
        State.NT: ZoneInfo("Australia/Darwin"),
        State.QLD: ZoneInfo("Australia/Brisbane"),
        State.SA: ZoneInfo("Australia/Adelaide"),
        State.TAS: ZoneInfo("Australia/Hobart"),
        State.VIC: ZoneInfo("Australia/Melbourne"),
        State.WA: ZoneInfo("Australia/Perth"),
    }
)

AUSTRALIAN_ZONES: Final[tuple[ZoneInfo, ...]] = tuple(
    ZoneInfo(f"Australia/{city}")
    for city in (
        "Adelaide", "Brisbane", "Broken_Hill", "Darwin", "Eucla", "Hobart",
        "Lindeman", "Lord_Howe", "Melbourne", "Perth", "Sydney",
    )
)  # fmt: skip
"""Every zone kept within the states and mainland territories (the island territories are not states)."""

_HORIZON: Final = 60
"""Days searched for an opening; the longest real closure is under a fortnight."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person is: every zone and every state whose clock and holidays bind. Made by ``place_of``."""

    zones: tuple[ZoneInfo, ...]
    states: tuple[State, ...]


UNKNOWN_PLACE: Final = Place(AUSTRALIAN_ZONES, tuple(State))


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of local time of one day, ``start`` included and ``end`` not."""

    start: time
    end: time

    def __post_init__(self) -> None:
        """Refuses a span that is empty or crosses midnight."""
        if self.start >= self.end:
            raise InvalidInputError(f"hours must begin before they end: {self.start} – {self.end}", field="hours")


@dataclass(frozen=True, slots=True)
class Window:
    """The hours open on weekdays, on Saturdays and on Sundays (None is closed); public holidays are always closed."""

    weekdays: Hours | None
    saturday: Hours | None = None
    sunday: Hours | None = None

    def on(self, day: date) -> Hours | None:
        """The hours of ``day``'s weekday, holidays aside."""
        weekday = day.weekday()
        if weekday < SATURDAY:
            return self.weekdays
        return self.saturday if weekday == SATURDAY else self.sunday


SATURDAY: Final = 5
EMAIL_WINDOW: Final = Window(Hours(time(9), time(17)))
"""Monday to Friday 9–17: the default of a client's setting (design section 4)."""

VOICE_WINDOW: Final = Window(Hours(time(9), time(20)), saturday=Hours(time(9), time(17)))
"""Telemarketing calls: the Telecommunications (Telemarketing and Research Calls) Industry Standard 2017."""

PART_DAY_START: Final = time(18)
"""Part-day holidays (Christmas Eve, New Year's Eve) begin at 18:00 in Queensland and at 19:00 in South Australia and
the Northern Territory; the earlier one is used for all."""


def place_of(state: State | None, zone: str | None = None) -> Place:
    """The place of a person of ``state``; ``zone`` (IANA name) is used where it is known better, as for Broken Hill.

    A zone without a state brings the holidays of every state that keeps this zone, or of all states where none does.
    Raises InvalidInputError for a zone that does not exist.
    """
    if zone is not None:
        own = (_zone(zone),)
        keeping = tuple(each for each in State if STATE_ZONES[each].key == zone) or tuple(State)
        return Place(own, (state,) if state else keeping)
    if state is not None:
        return Place((STATE_ZONES[state],), (state,))
    return UNKNOWN_PLACE


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInputError(f"no such time zone: {name!r}; give an IANA name", field="zone") from error


@lru_cache(maxsize=1024)
def public_holidays(state: State, year: int) -> Mapping[date, str]:
    """Whole-day public holidays of ``state`` in ``year`` with their names, days that bind only part of it included."""
    found = dict(holidays.country_holidays("AU", subdiv=state.value, years=year).items())
    for day, name in _regional_days(state, year):
        found.setdefault(day, name)
    return MappingProxyType(found)


@lru_cache(maxsize=1024)
def part_day_holidays(state: State, year: int) -> frozenset[date]:
    """Days of which only the evening, from PART_DAY_START, is a public holiday in ``state``."""
    half = holidays.country_holidays("AU", subdiv=state.value, years=year, categories=("half_day",))
    return frozenset(half) - frozenset(public_holidays(state, year))


def _regional_days(state: State, year: int) -> list[tuple[date, str]]:
    """Days that bind a region or part of the trades, which the library leaves out: nobody there is approached on them,
    as we know neither the person's town nor its employer's trade. New South Wales: Retail Trading Act 2008 (NSW);
    Tasmania: Statutory Holidays Act 2000 (Tas)."""
    if state is State.NSW:
        return [(_nth_monday(year, 8, 1), "Bank Holiday")]
    if state is not State.TAS:
        return []
    # looked up by name as it can share its day with Anzac Day (2011)
    (easter_monday,) = holidays.country_holidays("AU", subdiv="TAS", years=year).get_named("Easter Monday")
    return [
        (_nth_monday(year, 2, 2), "Royal Hobart Regatta"),
        (easter_monday + timedelta(days=1), "Easter Tuesday"),
        (_nth_monday(year, 11, 1), "Recreation Day"),
    ]


def _nth_monday(year: int, month: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=-first.weekday() % 7 + 7 * (n - 1))


def holiday_name(day: date, place: Place) -> str | None:
    """The public holiday that closes ``day`` at ``place``, None when it is an ordinary day there."""
    return next((name for state in place.states if (name := public_holidays(state, day.year).get(day))), None)


def is_business_day(day: date, place: Place) -> bool:
    """Monday to Friday and no public holiday of any state of ``place``."""
    return day.weekday() < SATURDAY and holiday_name(day, place) is None


def add_business_days(day: date, count: int, place: Place) -> date:
    """The ``count``-th business day after ``day``; with 0, ``day`` itself or the next business day."""
    if count < 0:
        raise ValueError("business days are counted forward only")
    if count == 0:
        return _business_day_from(day, place)
    for _ in range(count):
        day = _business_day_from(day + timedelta(days=1), place)
    return day


def _business_day_from(day: date, place: Place) -> date:
    while not is_business_day(day, place):
        day += timedelta(days=1)
    return day


def local_date(at: datetime, place: Place) -> date:
    """The calendar day at ``place`` at the instant ``at``; where several zones bind, the earliest day."""
    return min(at.astimezone(zone).date() for zone in place.zones)


def latest_date(at: datetime) -> date:
    """The furthest calendar day in Australia at the instant ``at``: no date given by anyone there can be later."""
    return max(at.astimezone(zone).date() for zone in AUSTRALIAN_ZONES)


def local_day(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants (UTC) at which ``day`` begins and ends in ``zone``: 23 to 25 hours apart."""
    begin = datetime.combine(day, time(0), zone)
    end = datetime.combine(day + timedelta(days=1), time(0), zone)
    return begin.astimezone(UTC), end.astimezone(UTC)


def opening(day: date, place: Place, window: Window) -> tuple[datetime, datetime] | None:
    """The span (UTC, end excluded) of the local ``day`` that ``window`` opens in every zone of ``place`` at once."""
    hours = window.on(day)
    if hours is None or holiday_name(day, place) is not None:
        return None
    end_time = hours.end
    if any(day in part_day_holidays(state, day.year) for state in place.states):
        end_time = min(end_time, PART_DAY_START)
    start = max(datetime.combine(day, hours.start, zone).astimezone(UTC) for zone in place.zones)
    end = min(datetime.combine(day, end_time, zone).astimezone(UTC) for zone in place.zones)
    return (start, end) if start < end else None


def is_open(at: datetime, place: Place, window: Window) -> bool:
    """Whether ``window`` is open at ``place`` at the instant ``at`` (aware)."""
    span = opening(local_date(at, place), place, window)
    return span is not None and span[0] <= at < span[1]


def next_open(at: datetime, place: Place, window: Window) -> datetime:
    """The first instant (UTC) from ``at`` on at which ``window`` is open at ``place``.

    Raises InvalidInputError when the window does not open within 60 days, as one that is closed every day.
    """
    first = local_date(at, place)
    for offset in range(_HORIZON):
        span = opening(first + timedelta(days=offset), place, window)
        if span is not None and at < span[1]:
            return max(at.astimezone(UTC), span[0])
    raise InvalidInputError(f"the sending window does not open within {_HORIZON} days", field="window")
