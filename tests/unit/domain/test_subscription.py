"""What each subscription state allows (design decision 27)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agency_os.domain.subscription import ABILITIES, Ability, SubscriptionStatus, allows, statuses_that_allow

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def may(status: SubscriptionStatus, cancelled_at: datetime | None = None) -> set[Ability]:
    return {each for each in Ability if allows(status, each, now=NOW, cancelled_at=cancelled_at)}


@pytest.mark.parametrize("status", [SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE])
def test_a_trialing_or_active_client_enriches_sends_and_reads(status: SubscriptionStatus) -> None:
    assert may(status) == {Ability.ENRICH, Ability.SEND, Ability.READ}


@pytest.mark.parametrize("status", [SubscriptionStatus.PAST_DUE, SubscriptionStatus.PAUSED])
def test_a_past_due_or_paused_client_only_reads(status: SubscriptionStatus) -> None:
    assert may(status) == {Ability.READ}


def test_a_cancelled_client_only_reads_up_to_the_thirtieth_day() -> None:
    assert may(SubscriptionStatus.CANCELLED, NOW - 30 * DAY + timedelta(seconds=1)) == {Ability.READ}


def test_a_cancelled_client_reads_nothing_after_thirty_days() -> None:
    assert may(SubscriptionStatus.CANCELLED, NOW - 30 * DAY) == set()


def test_a_cancellation_of_unknown_date_closes_everything() -> None:
    assert may(SubscriptionStatus.CANCELLED) == set()


def test_an_old_cancellation_does_not_bind_a_client_that_came_back() -> None:
    assert Ability.SEND in may(SubscriptionStatus.ACTIVE, NOW - 90 * DAY)


def test_every_state_is_in_the_table() -> None:
    assert set(ABILITIES) == set(SubscriptionStatus)


@pytest.mark.parametrize("ability", [Ability.SEND, Ability.ENRICH])
def test_a_query_for_senders_finds_only_trialing_and_active(ability: Ability) -> None:
    assert statuses_that_allow(ability) == {SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE}


def test_a_query_for_readers_leaves_cancelled_to_the_date() -> None:
    assert statuses_that_allow(Ability.READ) == set(SubscriptionStatus) - {SubscriptionStatus.CANCELLED}


def test_states_are_spelled_as_in_the_database() -> None:
    assert [each.value for each in SubscriptionStatus] == ["trialing", "active", "past_due", "cancelled", "paused"]
