"""Who is planned for which channel, day and sender."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from agency_os.domain.allocation import Candidate, Load, Refusal, SenderLoad, Step, permitted, plan
from agency_os.domain.als import AlsTier
from agency_os.domain.calendars import place_of
from agency_os.domain.channels import Channel
from agency_os.domain.consent import NO_CONSENT
from agency_os.domain.states import State
from agency_os.kit.ids import new_id

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # Monday, 11:00 in Sydney
MONDAY = date(2026, 11, 23)
EMAIL_ONLY = {Channel.EMAIL: 100}
STEPS = [Step(new_id(), n, Channel.EMAIL, offset) for n, offset in ((1, 0), (2, 3), (3, 7), (4, 12))]


def lead(**changes: Any) -> Candidate:
    values: dict[str, Any] = {
        "id": new_id(),
        "campaign_id": new_id(),
        "tier": AlsTier.WARM,
        "place": place_of(State.NSW),
        "name": "pat@acme.example",
        "addresses": {Channel.EMAIL: "pat@acme.example"},
        "has_consent": True,
        "suppressed": frozenset(),
    }
    return Candidate(**{**values, **changes})


def sender(limit: int = 50) -> SenderLoad:
    return SenderLoad(new_id(), Channel.EMAIL, limit)


def days(planned: Any) -> list[date]:
    return [each.due_at.astimezone(place_of(State.NSW).zones[0]).date() for each in planned]


def test_steps_fall_on_business_days_0_3_7_and_12() -> None:
    planned = plan(lead(), STEPS, [sender()], Counter(), shares=EMAIL_ONLY, now=NOW)
    assert days(planned) == [MONDAY, date(2026, 11, 26), date(2026, 12, 2), date(2026, 12, 9)]


def test_every_step_of_a_lead_goes_out_from_one_sender() -> None:
    planned = plan(lead(), STEPS, [sender(), sender()], Counter(), shares=EMAIL_ONLY, now=NOW)
    assert not isinstance(planned, Refusal)
    assert len({each.sender_id for each in planned}) == 1


def test_leads_are_spread_over_the_senders() -> None:
    senders, load = [sender(), sender(), sender()], Load()
    for _ in range(30):
        plan(lead(), STEPS, senders, load, shares=EMAIL_ONLY, now=NOW)
    used: Counter[Any] = Counter()
    for (sender_id, _), count in load.items():
        used[sender_id] += count
    assert set(used.values()) == {40}


def test_no_day_of_a_sender_is_planned_beyond_its_limit() -> None:
    senders, load = [sender(5), sender(5)], Load()
    for _ in range(60):
        plan(lead(), STEPS, senders, load, shares=EMAIL_ONLY, now=NOW)
    assert max(load.values()) == 5
    assert sum(load.values()) == 240


def test_nothing_begins_today_when_the_window_is_about_to_close() -> None:
    evening = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)  # 16:30 in Sydney
    planned = plan(lead(), STEPS, [sender()], Counter(), shares=EMAIL_ONLY, now=evening)
    assert days(planned)[0] == date(2026, 11, 24)


def test_planning_again_gives_the_same_times() -> None:
    one = sender()
    again = [plan(lead(), STEPS, [one], Counter(), shares=EMAIL_ONLY, now=NOW) for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"has_consent": False}, NO_CONSENT),
        ({"suppressed": frozenset({Channel.EMAIL})}, "suppressed"),
        ({"addresses": {}}, "no address for email is known"),
        ({"tier": AlsTier.DEAD}, "a dead lead is not approached by email"),
    ],
)
def test_a_lead_that_may_not_be_approached_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    assert plan(lead(**changes), STEPS, [sender()], Counter(), shares=EMAIL_ONLY, now=NOW) == Refusal(reason)


def test_without_senders_nothing_is_planned() -> None:
    outcome = plan(lead(), STEPS, [], Counter(), shares=EMAIL_ONLY, now=NOW)
    assert outcome == Refusal("nothing is configured to send by email")


def test_senders_without_room_within_the_horizon_are_said_plainly() -> None:
    outcome = plan(lead(), STEPS, [sender(0)], Counter(), shares=EMAIL_ONLY, now=NOW)
    assert isinstance(outcome, Refusal)
    assert "room" in outcome.reason


def test_a_tier_opens_only_its_channels() -> None:
    everything = dict.fromkeys(Channel, "x")
    cool = permitted(lead(tier=AlsTier.COOL, addresses=everything), frozenset(Channel), dict.fromkeys(Channel, 20))
    assert {channel for channel, reason in cool.items() if reason is None} == {Channel.EMAIL, Channel.LINKEDIN}


def test_a_channel_without_a_share_of_the_campaign_is_not_used() -> None:
    reasons = permitted(lead(), frozenset(Channel), {Channel.EMAIL: 0})
    assert reasons[Channel.EMAIL] == "the campaign allots nothing to email"
