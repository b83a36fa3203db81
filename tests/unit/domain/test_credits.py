"""Credits: the tier's pool, refilled on the billing day, short months included (design decision 26)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.credits import CreditBalance, current, next_reset, opening_balance, period_start, pool_of, take
from agency_os.domain.tiers import Tier

ANCHOR = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
START = datetime(2020, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 15 * 366 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))


def at(month: int, day: int, hour: int = 9, minute: int = 30, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(("tier", "pool"), [(Tier.IGNITION, 1250), (Tier.VELOCITY, 2250), (Tier.DOMINANCE, 4500)])
def test_the_pool_is_the_tiers(tier: Tier, pool: int) -> None:
    assert pool_of(tier) == pool


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        (ANCHOR, at(2, 28)),
        (at(2, 28), at(3, 31)),
        (at(3, 31), at(4, 30)),
        (at(4, 1), at(4, 30)),
        (at(12, 31), at(1, 31, year=2027)),
        (at(2, 1, year=2028), at(2, 29, year=2028)),
    ],
)
def test_a_billing_day_on_the_31st_falls_on_the_last_day_of_short_months(now: datetime, reset: datetime) -> None:
    assert next_reset(ANCHOR, now) == reset


def test_a_second_before_the_billing_moment_it_is_still_to_come() -> None:
    assert next_reset(ANCHOR, at(2, 28) - timedelta(seconds=1)) == at(2, 28)


def test_a_billing_month_begins_at_the_billing_moment() -> None:
    assert period_start(ANCHOR, at(2, 28)) == date(2026, 2, 28)


def test_before_the_billing_moment_the_old_month_goes_on() -> None:
    assert period_start(ANCHOR, at(2, 28) - timedelta(seconds=1)) == date(2026, 1, 31)


def test_the_month_of_sign_up_begins_with_it() -> None:
    assert period_start(ANCHOR, ANCHOR) == date(2026, 1, 31)


@given(MOMENTS, MOMENTS)
def test_a_reset_is_ahead_and_at_most_a_month_away(anchor: datetime, now: datetime) -> None:
    assert timedelta(0) < next_reset(anchor, now) - now <= timedelta(days=31)


@given(MOMENTS, MOMENTS)
def test_a_month_ends_where_the_next_begins(anchor: datetime, now: datetime) -> None:
    reset = next_reset(anchor, now)
    assert period_start(anchor, reset) == reset.date()
    assert period_start(anchor, reset - timedelta(microseconds=1)) == period_start(anchor, now)


def test_a_sign_up_begins_with_a_full_pool() -> None:
    assert opening_balance(Tier.VELOCITY, ANCHOR, ANCHOR) == CreditBalance(2250, at(2, 28))


def test_nothing_is_refilled_before_the_billing_day() -> None:
    balance = CreditBalance(3, at(2, 28))
    assert current(balance, Tier.IGNITION, ANCHOR, at(2, 28) - timedelta(seconds=1)) == balance


def test_on_the_billing_day_the_pool_is_full_and_nothing_carried_over() -> None:
    balance = CreditBalance(1000, at(2, 28))
    assert current(balance, Tier.IGNITION, ANCHOR, at(2, 28)) == CreditBalance(1250, at(3, 31))


def test_months_without_a_look_are_refilled_once() -> None:
    balance = CreditBalance(0, at(2, 28))
    assert current(balance, Tier.IGNITION, ANCHOR, at(7, 4)) == CreditBalance(1250, at(7, 31))


def test_credits_are_granted_while_they_last() -> None:
    assert take(CreditBalance(3, ANCHOR), 5) == (CreditBalance(0, ANCHOR), 3)


def test_an_overdrawn_balance_grants_nothing_and_stays() -> None:
    assert take(CreditBalance(-2, ANCHOR), 5) == (CreditBalance(-2, ANCHOR), 0)


def test_credits_are_not_given_back_by_a_negative_wish() -> None:
    with pytest.raises(ValueError, match="never given back"):
        take(CreditBalance(3, ANCHOR), -1)


@given(st.integers(0, 5000), st.lists(st.integers(0, 1000), max_size=20))
def test_no_series_of_takings_grants_more_than_the_pool(pool: int, wishes: list[int]) -> None:
    balance, total = CreditBalance(pool, ANCHOR), 0
    for wish in wishes:
        balance, granted = take(balance, wish)
        total += granted
    assert total == min(pool, sum(wishes))
    assert balance.remaining == pool - total
