"""Zones, business days and windows of the Australian states, daylight saving and unknown places included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.calendars import (
    AUSTRALIAN_ZONES,
    EMAIL_WINDOW,
    STATE_ZONES,
    UNKNOWN_PLACE,
    VOICE_WINDOW,
    Hours,
    Place,
    Window,
    add_business_days,
    is_business_day,
    is_open,
    latest_date,
    local_date,
    local_day,
    next_open,
    opening,
    place_of,
)
from agency_os.domain.states import State
from agency_os.exceptions import InvalidInputError

PLACES = st.sampled_from([UNKNOWN_PLACE, *(place_of(state) for state in State)])
DAYS = st.dates(date(2019, 1, 1), date(2035, 12, 31))
WEDNESDAY = date(2026, 6, 17)
SYDNEY = place_of(State.NSW)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


# places


@pytest.mark.parametrize(
    ("state", "zone"),
    [
        (State.ACT, "Sydney"),
        (State.NSW, "Sydney"),
        (State.NT, "Darwin"),
        (State.QLD, "Brisbane"),
        (State.SA, "Adelaide"),
        (State.TAS, "Hobart"),
        (State.VIC, "Melbourne"),
        (State.WA, "Perth"),
    ],
)
def test_a_state_keeps_its_capitals_clock(state: State, zone: str) -> None:
    assert place_of(state) == Place((ZoneInfo(f"Australia/{zone}"),), (state,))


def test_every_state_has_a_zone() -> None:
    assert set(STATE_ZONES) == set(State)


def test_a_zone_known_better_replaces_the_capitals() -> None:
    assert place_of(State.NSW, "Australia/Broken_Hill") == Place((ZoneInfo("Australia/Broken_Hill"),), (State.NSW,))


def test_a_zone_without_a_state_brings_the_holidays_of_all_that_keep_it() -> None:
    assert place_of(None, "Australia/Sydney").states == (State.ACT, State.NSW)


def test_a_zone_that_no_state_keeps_brings_the_holidays_of_all() -> None:
    assert place_of(None, "Australia/Eucla").states == tuple(State)


def test_nothing_known_is_every_zone_and_every_state() -> None:
    assert place_of(None) == Place(AUSTRALIAN_ZONES, tuple(State))


def test_every_clock_kept_in_australia_is_among_the_unknown_places() -> None:
    midnights = {_offsets(zone) for zone in AUSTRALIAN_ZONES}
    mainland = {name for name in available_timezones() if name.startswith("Australia/")}
    assert {_offsets(ZoneInfo(name)) for name in mainland} <= midnights


def _offsets(zone: ZoneInfo) -> tuple[timedelta | None, ...]:
    return tuple(datetime(2026, month, 15, tzinfo=zone).utcoffset() for month in range(1, 13))


@pytest.mark.parametrize("zone", ["Australia/Nowhere", "", "../etc/passwd", "Sydney"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInputError, match="give an IANA name"):
        place_of(None, zone)


# windows


def test_email_goes_from_9_to_17_on_weekdays() -> None:
    assert Window(Hours(time(9), time(17)), None, None) == EMAIL_WINDOW


def test_calls_go_from_9_to_20_on_weekdays_and_to_17_on_saturdays() -> None:
    assert Window(Hours(time(9), time(20)), Hours(time(9), time(17)), None) == VOICE_WINDOW


@pytest.mark.parametrize(("start", "end"), [(17, 9), (9, 9)])
def test_hours_that_are_empty_or_cross_midnight_are_refused(start: int, end: int) -> None:
    with pytest.raises(InvalidInputError, match="begin before they end"):
        Hours(time(start), time(end))


@pytest.mark.parametrize(
    ("at", "open_then"),
    [
        (utc(2026, 6, 16, 22, 59), False),
        (utc(2026, 6, 16, 23, 0), True),
        (utc(2026, 6, 17, 6, 59), True),
        (utc(2026, 6, 17, 7, 0), False),
        (utc(2026, 6, 20, 1, 0), False),
        (utc(2026, 6, 21, 1, 0), False),
    ],
)
def test_the_email_window_in_sydney_in_winter(at: datetime, open_then: bool) -> None:
    assert is_open(at, SYDNEY, EMAIL_WINDOW) is open_then


@pytest.mark.parametrize(
    ("at", "open_then"),
    [
        (utc(2026, 6, 17, 9, 59), True),
        (utc(2026, 6, 17, 10, 0), False),
        (utc(2026, 6, 20, 6, 59), True),
        (utc(2026, 6, 20, 7, 0), False),
        (utc(2026, 6, 21, 1, 0), False),
    ],
)
def test_the_hours_for_calls_in_sydney_in_winter(at: datetime, open_then: bool) -> None:
    assert is_open(at, SYDNEY, VOICE_WINDOW) is open_then


# daylight saving


@pytest.mark.parametrize(
    ("state", "before", "after"),
    [
        (State.NSW, 22, 23),
        (State.ACT, 22, 23),
        (State.VIC, 22, 23),
        (State.TAS, 22, 23),
        (State.QLD, 23, 23),
        (State.WA, 25, 25),
    ],
)
def test_the_morning_comes_later_in_utc_once_daylight_saving_has_ended(state: State, before: int, after: int) -> None:
    # ended on Sunday 5 April 2026; Good Friday and Easter Monday stand around it
    summer, winter = date(2026, 4, 1), date(2026, 4, 8)
    begins = [opening(day, place_of(state), EMAIL_WINDOW) for day in (summer, winter)]
    assert [span and span[0] - _midnight(day) for span, day in zip(begins, (summer, winter), strict=True)] == [
        timedelta(hours=before - 24),
        timedelta(hours=after - 24),
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 4, 5), 25), (date(2026, 10, 4), 23), (date(2026, 6, 17), 24), (date(2026, 12, 31), 24)],
)
def test_a_local_day_has_as_many_hours_as_its_clock_shows(day: date, hours: int) -> None:
    begin, end = local_day(day, ZoneInfo("Australia/Sydney"))
    assert end - begin == timedelta(hours=hours)


def test_lord_howe_moves_its_clock_by_half_an_hour() -> None:
    begin, end = local_day(date(2026, 10, 4), ZoneInfo("Australia/Lord_Howe"))
    assert end - begin == timedelta(hours=23, minutes=30)


def test_queensland_knows_no_daylight_saving() -> None:
    begin, end = local_day(date(2026, 10, 4), ZoneInfo("Australia/Brisbane"))
    assert end - begin == timedelta(hours=24)


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 4, 4), 9), (date(2027, 10, 3), 7)])
def test_a_window_over_the_change_is_as_long_as_the_clock_says(day: date, hours: int) -> None:
    span = opening(day, SYDNEY, Window(None, sunday=Hours(time(1), time(9))))
    assert span is not None
    assert span[1] - span[0] == timedelta(hours=hours)


@pytest.mark.parametrize("day", [date(2026, 4, 5), date(2026, 10, 4)])
def test_no_call_is_made_on_the_sundays_of_the_change(day: date) -> None:
    assert opening(day, SYDNEY, VOICE_WINDOW) is None


# unknown zone


@pytest.mark.parametrize(
    ("day", "begin", "end"),
    [
        (date(2026, 11, 25), utc(2026, 11, 25, 1), utc(2026, 11, 25, 6)),  # Perth 9:00 to Sydney 17:00 (UTC+11)
        (WEDNESDAY, utc(2026, 6, 17, 1), utc(2026, 6, 17, 6, 30)),  # Perth 9:00 to Lord Howe 17:00 (UTC+10:30)
    ],
)
def test_an_unknown_zone_has_the_hours_common_to_all(day: date, begin: datetime, end: datetime) -> None:
    assert opening(day, UNKNOWN_PLACE, EMAIL_WINDOW) == (begin, end)


@given(DAYS, st.sampled_from([EMAIL_WINDOW, VOICE_WINDOW]))
def test_what_is_open_to_an_unknown_place_is_open_in_every_state(day: date, window: Window) -> None:
    common = opening(day, UNKNOWN_PLACE, window)
    if common is None:
        return
    for state in State:
        own = opening(day, place_of(state), window)
        assert own is not None
        assert own[0] <= common[0] < common[1] <= own[1]


def test_hours_that_no_instant_shares_are_closed() -> None:
    assert opening(WEDNESDAY, UNKNOWN_PLACE, Window(Hours(time(9), time(10)))) is None


def test_an_unknown_place_is_on_the_earliest_day_in_australia() -> None:
    assert local_date(utc(2026, 6, 17, 15), UNKNOWN_PLACE) == WEDNESDAY


def test_the_latest_day_in_australia_is_the_easts() -> None:
    assert latest_date(utc(2026, 6, 17, 15)) == date(2026, 6, 18)


# business days and openings


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 6, 19), 0, date(2026, 6, 19)),
        (date(2026, 6, 20), 0, date(2026, 6, 22)),
        (date(2026, 6, 19), 1, date(2026, 6, 22)),
        (date(2026, 6, 20), 1, date(2026, 6, 22)),
        (date(2026, 6, 15), 5, date(2026, 6, 22)),
        (date(2026, 4, 2), 1, date(2026, 4, 7)),  # over Easter
        (date(2026, 12, 24), 1, date(2026, 12, 29)),  # Boxing Day on a Saturday is kept on Monday
    ],
)
def test_business_days_are_counted_from_the_day_after(day: date, count: int, expected: date) -> None:
    assert add_business_days(day, count, SYDNEY) == expected


def test_business_days_are_not_counted_backward() -> None:
    with pytest.raises(ValueError, match="forward only"):
        add_business_days(WEDNESDAY, -1, SYDNEY)


@given(DAYS, st.integers(0, 15), PLACES)
def test_a_counted_day_is_a_business_day_not_before(day: date, count: int, place: Place) -> None:
    found = add_business_days(day, count, place)
    assert found >= day + timedelta(days=count)
    assert is_business_day(found, place)


@given(DAYS, st.integers(0, 10), st.integers(0, 10), PLACES)
def test_more_business_days_never_end_earlier(day: date, count: int, more: int, place: Place) -> None:
    first = add_business_days(day, count, place)
    assert add_business_days(day, count + more, place) >= first
    assert add_business_days(day + timedelta(days=more), count, place) >= first


@given(DAYS, st.integers(0, 24 * 60 - 1), PLACES, st.sampled_from([EMAIL_WINDOW, VOICE_WINDOW]))
def test_the_next_opening_is_open_and_the_first(day: date, minute: int, place: Place, window: Window) -> None:
    at = _midnight(day) + timedelta(minutes=minute)
    found = next_open(at, place, window)
    assert found >= at
    assert is_open(found, place, window)
    assert found == at or not is_open(found - timedelta(microseconds=1), place, window)


def test_an_open_window_is_open_now() -> None:
    assert next_open(utc(2026, 6, 17, 1), SYDNEY, EMAIL_WINDOW) == utc(2026, 6, 17, 1)


def test_friday_evening_waits_for_monday() -> None:
    assert next_open(utc(2026, 6, 19, 7), SYDNEY, EMAIL_WINDOW) == utc(2026, 6, 21, 23)


def test_a_window_that_never_opens_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="does not open within 60 days"):
        next_open(utc(2026, 6, 19), SYDNEY, Window(None))
