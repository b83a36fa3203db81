"""When touches are due: spread over the window, on business days, follow-ups never earlier than planned."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.calendars import (
    EMAIL_WINDOW,
    UNKNOWN_PLACE,
    Hours,
    Place,
    Window,
    is_business_day,
    is_open,
    local_date,
    opening,
    place_of,
)
from agency_os.domain.schedule import follow_up_due, slot, step_due
from agency_os.domain.states import State

SYDNEY = place_of(State.NSW)
MONDAY = date(2026, 11, 23)
DAYS = st.dates(date(2025, 1, 1), date(2030, 12, 31))
PLACES = st.sampled_from([UNKNOWN_PLACE, *(place_of(state) for state in State)])
CALLS_ON_SATURDAY = Window(None, saturday=Hours(time(9), time(17)))


def seeds(count: int) -> list[str]:
    return [f"lead-{n}" for n in range(count)]


def on(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    """An instant by the clock of Sydney in 2026."""
    return datetime(2026, month, day, hour, minute, tzinfo=SYDNEY.zones[0]).astimezone(UTC)


@given(DAYS, PLACES, st.text(max_size=20))
def test_a_slot_lies_in_the_window_an_hour_before_it_closes(day: date, place: Place, seed: str) -> None:
    chosen, span = slot(day, place, EMAIL_WINDOW, seed), opening(day, place, EMAIL_WINDOW)
    assert (chosen is None) is (span is None)
    assert chosen is None or span is None or span[0] <= chosen < span[1] - timedelta(hours=1)


def test_the_same_seed_has_the_same_slot() -> None:
    assert slot(MONDAY, SYDNEY, EMAIL_WINDOW, "lead-1") == slot(MONDAY, SYDNEY, EMAIL_WINDOW, "lead-1")


def test_slots_are_five_minutes_apart() -> None:
    chosen = [slot(MONDAY, SYDNEY, EMAIL_WINDOW, seed) for seed in seeds(50)]
    assert all(at is not None and (at - on(23, 9)) % timedelta(minutes=5) == timedelta(0) for at in chosen)


def test_messages_spread_over_the_whole_day() -> None:
    hours = Counter(at.hour for seed in seeds(700) if (at := slot(MONDAY, SYDNEY, EMAIL_WINDOW, seed)))
    assert len(hours) == 7
    assert max(hours.values()) < 1.5 * min(hours.values())


def test_a_closed_day_has_no_slot() -> None:
    assert slot(date(2026, 11, 22), SYDNEY, EMAIL_WINDOW, "lead") is None


def test_a_window_of_less_than_an_hour_opens_at_its_beginning() -> None:
    narrow = Window(Hours(time(9), time(9, 30)))
    assert {slot(MONDAY, SYDNEY, narrow, seed) for seed in seeds(20)} == {on(23, 9)}


def test_steps_fall_on_their_business_days() -> None:
    due = [step_due(MONDAY, offset, SYDNEY, EMAIL_WINDOW, "lead") for offset in (0, 3, 7, 12)]
    assert [local_date(at, SYDNEY) for at in due] == [
        MONDAY,
        date(2026, 11, 26),
        date(2026, 12, 2),
        date(2026, 12, 9),
    ]


def test_a_holiday_pushes_the_later_steps() -> None:
    victoria = place_of(State.VIC)
    due = step_due(date(2026, 11, 2), 3, victoria, EMAIL_WINDOW, "lead")  # Tuesday 3 is Cup Day
    assert local_date(due, victoria) == date(2026, 11, 6)


@given(DAYS, st.integers(0, 12), PLACES, st.text(max_size=8))
def test_a_step_is_due_while_the_window_is_open(day: date, offset: int, place: Place, seed: str) -> None:
    due = step_due(day, offset, place, EMAIL_WINDOW, seed)
    assert is_open(due, place, EMAIL_WINDOW)
    assert local_date(due, place) >= day + timedelta(days=offset)


def test_a_window_closed_on_business_days_is_met_on_its_next_opening() -> None:
    assert step_due(MONDAY, 0, SYDNEY, CALLS_ON_SATURDAY, "lead") == on(28, 9)


def test_a_follow_up_keeps_its_time_where_the_gap_is_kept() -> None:
    due = on(26, 11)
    assert follow_up_due(due, on(23, 10), 3, SYDNEY) == due


def test_a_late_first_message_moves_the_follow_up_and_keeps_its_hour() -> None:
    assert follow_up_due(on(26, 11, 35), on(25, 16), 3, SYDNEY) == on(30, 11, 35)


def test_a_follow_up_keeps_its_local_hour_over_the_change_of_the_clock() -> None:
    planned, sent = on(2, 10, month=10), on(1, 15, month=10)  # clocks go forward on Sunday 4, Monday 5 is a holiday
    moved = follow_up_due(planned, sent, 3, SYDNEY)
    assert moved == on(7, 10, month=10)
    assert moved.tzinfo is UTC


@given(DAYS, st.integers(0, 24 * 60 - 1), st.integers(-20, 20), st.integers(0, 12), PLACES)
def test_a_follow_up_is_never_earlier_than_planned_nor_than_its_gap(
    day: date, minute: int, late: int, gap: int, place: Place
) -> None:
    due = step_due(day, 0, place, EMAIL_WINDOW, "lead")
    sent = datetime.combine(day, time(0), UTC) + timedelta(days=late, minutes=minute)
    moved = follow_up_due(due, sent, gap, place)
    assert moved >= due
    assert local_date(moved, place) >= local_date(sent, place) + timedelta(days=gap)


@given(DAYS, st.integers(0, 12), st.sampled_from([place_of(state) for state in State]))
def test_a_moved_follow_up_stays_in_the_window(day: date, gap: int, place: Place) -> None:
    due = step_due(day, 0, place, EMAIL_WINDOW, "lead")
    moved = follow_up_due(due, due + timedelta(hours=1), gap, place)
    assert is_business_day(local_date(moved, place), place)
    assert is_open(moved, place, EMAIL_WINDOW)


@given(DAYS, st.integers(1, 12))
def test_a_moved_follow_up_of_an_unknown_place_stays_on_a_business_day(day: date, gap: int) -> None:
    due = step_due(day, 0, UNKNOWN_PLACE, EMAIL_WINDOW, "lead")
    assert is_business_day(local_date(follow_up_due(due, due, gap, UNKNOWN_PLACE), UNKNOWN_PLACE), UNKNOWN_PLACE)
