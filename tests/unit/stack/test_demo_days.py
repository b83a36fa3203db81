"""The moments at which the demo's driver moves the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

from agency_os.domain.calendars import EMAIL_WINDOW, is_open, place_of
from agency_os.domain.states import State
from agency_os.stack.demo_days import LENGTH, ZONE, default_start, moments, start_of

START = start_of(date(2026, 11, 9))


def test_time_moves_forward_only_and_ends_after_three_weeks() -> None:
    found = list(moments(START))
    assert all(a.at < b.at for a, b in pairwise(found))
    assert found[-1].at == START + LENGTH


def test_every_business_day_has_four_ticks_and_one_first() -> None:
    found = list(moments(START))
    assert sum(each.tick for each in found) == 60
    assert sum(each.first for each in found) == 15


def test_no_tick_falls_on_a_weekend() -> None:
    assert all(each.at.astimezone(ZONE).weekday() < 5 for each in moments(START) if each.tick)


def test_the_sending_hours_of_every_state_are_met_each_business_day() -> None:
    first_day = [each.at for each in moments(START) if each.tick][:4]
    for state in State:
        assert any(is_open(at, place_of(state), EMAIL_WINDOW) for at in first_day), state


def test_the_default_demo_ends_at_the_present() -> None:
    for hour in (0, 12, 21, 23):
        today = datetime(2026, 11, 25, hour, 59, tzinfo=UTC)
        end = default_start(today) + LENGTH
        assert end <= today
        assert (today - end).total_seconds() < 86_400
