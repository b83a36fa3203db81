"""Public holidays of every state: against the official list, by region, and those of an evening only."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime

import pytest

from agency_os.domain.calendars import (
    EMAIL_WINDOW,
    PART_DAY_START,
    UNKNOWN_PLACE,
    VOICE_WINDOW,
    holiday_name,
    is_business_day,
    opening,
    part_day_holidays,
    place_of,
    public_holidays,
)
from agency_os.domain.states import State
from tests.support.needs import SHARED

OFFICIAL = SHARED / "data" / "au_public_holidays" / "au_public_holidays_2019_2020.csv"
PUBLISHED_WRONG = {(date(2019, 8, 6), State.NSW), (date(2020, 6, 10), State.NSW)}
"""Bank Holiday on a Tuesday, Queen's Birthday on a Wednesday: errors of the list, said in its description."""

MOVED = {(date(2020, 9, 25), State.VIC)}
"""The Friday before the Grand Final of 2020 was moved to 23 October after the list had been published."""


def official(*, part_day: bool) -> set[tuple[date, State]]:
    with OFFICIAL.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if bool(row["part_day"]) is part_day]
    return {(date.fromisoformat(row["date"]), State(row["jurisdiction"])) for row in rows}


@pytest.mark.needs("shared")
def test_every_whole_day_of_the_official_list_is_a_holiday() -> None:
    listed = official(part_day=False) - PUBLISHED_WRONG - MOVED
    assert len(listed) > 180
    assert {(day, state) for day, state in listed if day not in public_holidays(state, day.year)} == set()


@pytest.mark.needs("shared")
def test_every_evening_of_the_official_list_is_a_part_day_holiday() -> None:
    listed = official(part_day=True)
    assert len(listed) == 8
    assert {(day, state) for day, state in listed if day not in part_day_holidays(state, day.year)} == set()


@pytest.mark.needs("shared")
def test_what_goes_beyond_the_official_list_is_regional_or_declared_later() -> None:
    known = official(part_day=False)
    own = {(day, state) for state in State for year in (2019, 2020) for day in public_holidays(state, year)}
    names = {(state, public_holidays(state, day.year)[day]) for day, state in own - known}
    assert names == {
        (State.ACT, "Boxing Day"),
        (State.ACT, "Declared Public Holiday"),
        (State.NSW, "Bank Holiday"),
        (State.NSW, "Queen's Birthday"),
        (State.QLD, "The Royal Queensland Show"),
        (State.TAS, "Recreation Day"),
        (State.TAS, "Royal Hobart Regatta"),
        (State.VIC, "Friday before the AFL Grand Final"),
    }


@pytest.mark.parametrize(
    ("day", "states"),
    [
        (date(2026, 1, 1), set(State)),
        (date(2026, 1, 26), set(State)),
        (date(2026, 4, 3), set(State)),
        (date(2026, 12, 25), set(State)),
        (date(2026, 3, 2), {State.WA}),
        (date(2026, 3, 9), {State.ACT, State.SA, State.TAS, State.VIC}),
        (date(2026, 5, 4), {State.NT, State.QLD}),
        (date(2026, 6, 1), {State.ACT, State.WA}),
        (date(2026, 6, 8), {State.ACT, State.NSW, State.NT, State.SA, State.TAS, State.VIC}),
        (date(2026, 8, 3), {State.NSW, State.NT}),
        (date(2026, 10, 5), {State.ACT, State.NSW, State.QLD, State.SA}),
        (date(2026, 11, 3), {State.VIC}),
        (date(2026, 6, 17), set()),
    ],
)
def test_a_day_closes_the_states_that_keep_it(day: date, states: set[State]) -> None:
    assert {state for state in State if holiday_name(day, place_of(state))} == states


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 2, 9), "Royal Hobart Regatta"),
        (date(2026, 4, 7), "Easter Tuesday"),
        (date(2026, 11, 2), "Recreation Day"),
    ],
)
def test_tasmanias_regional_days_close_it(day: date, name: str) -> None:
    assert holiday_name(day, place_of(State.TAS)) == name
    assert holiday_name(day, place_of(State.NSW)) is None


def test_easter_tuesday_is_found_where_easter_monday_is_anzac_day() -> None:
    assert public_holidays(State.TAS, 2011)[date(2011, 4, 26)] == "Easter Tuesday"


@pytest.mark.parametrize("state", State)
def test_any_states_holiday_closes_an_unknown_place(state: State) -> None:
    assert all(holiday_name(day, UNKNOWN_PLACE) for day in public_holidays(state, 2026))


def test_a_holiday_has_no_opening() -> None:
    assert opening(date(2026, 11, 3), place_of(State.VIC), VOICE_WINDOW) is None
    assert not is_business_day(date(2026, 11, 3), place_of(State.VIC))


@pytest.mark.parametrize("state", [State.QLD, State.SA, State.NT])
def test_christmas_eve_ends_at_18_where_its_evening_is_a_holiday(state: State) -> None:
    span = opening(date(2026, 12, 24), place_of(state), VOICE_WINDOW)
    assert span is not None
    assert span[1].astimezone(place_of(state).zones[0]).time() == PART_DAY_START


def test_christmas_eve_is_an_ordinary_day_elsewhere() -> None:
    span = opening(date(2026, 12, 24), place_of(State.NSW), VOICE_WINDOW)
    assert span is not None
    assert span[1] == datetime(2026, 12, 24, 9, 0, tzinfo=UTC)


def test_the_evening_holiday_of_one_state_ends_the_day_of_an_unknown_place() -> None:
    late = opening(date(2026, 12, 24), UNKNOWN_PLACE, VOICE_WINDOW)
    assert late is not None
    assert late[1] == datetime(2026, 12, 24, 7, 0, tzinfo=UTC)  # 18:00 in Sydney


def test_a_day_with_an_evening_holiday_is_a_business_day() -> None:
    assert is_business_day(date(2026, 12, 24), place_of(State.SA))


def test_the_email_window_ends_before_the_evening_holiday() -> None:
    span = opening(date(2026, 12, 24), place_of(State.QLD), EMAIL_WINDOW)
    assert span == (datetime(2026, 12, 23, 23, 0, tzinfo=UTC), datetime(2026, 12, 24, 7, 0, tzinfo=UTC))
