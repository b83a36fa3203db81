"""Every guard alone: what it refuses, for how long, and what it lets through."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agency_os.domain.calendars import UNKNOWN_PLACE, place_of
from agency_os.domain.channels import Channel
from agency_os.domain.consent import NO_CONSENT
from agency_os.domain.guards import RECHECK, Delay, HoldFacts, Refreeze, Skip, TouchFacts, Unapproved
from agency_os.domain.lifecycle import CampaignStatus, LeadStatus, PermissionMode
from agency_os.domain.states import State
from agency_os.domain.subscription import SubscriptionStatus
from agency_os.domain.touch import TouchKind
from tests.unit.domain.guard_cases import (
    CAMPAIGN,
    COMPANY,
    LEAD,
    NOW,
    SENDER,
    TOUCH,
    context,
    touch,
    verdict,
    with_campaign,
    with_client,
    with_lead,
    with_sender,
)

LATER = NOW + RECHECK
ANSWER = touch(kind=TouchKind.ANSWER)
TUESDAY_9 = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)  # 9:00 in Sydney on the 24th


def test_a_touch_that_nothing_speaks_against_goes() -> None:
    assert verdict(touch(), context()) is None


def test_a_stop_is_looked_at_again_after_a_quarter_of_an_hour() -> None:
    assert timedelta(minutes=15) == RECHECK


# client


@pytest.mark.parametrize("status", [SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING])
def test_an_active_or_trialing_client_sends(status: SubscriptionStatus) -> None:
    assert verdict(touch(), with_client(status=status)) is None


@pytest.mark.parametrize("status", [SubscriptionStatus.PAST_DUE, SubscriptionStatus.PAUSED])
def test_a_client_that_may_return_waits(status: SubscriptionStatus) -> None:
    assert verdict(touch(), with_client(status=status)) == Delay(f"the subscription is {status}", LATER)


def test_a_cancelled_client_never_sends() -> None:
    facts = with_client(status=SubscriptionStatus.CANCELLED, cancelled_at=NOW - timedelta(days=1))
    assert verdict(touch(), facts) == Skip("the subscription was cancelled")


def test_a_removed_client_never_sends() -> None:
    assert verdict(touch(), with_client(deleted=True)) == Skip("the client was removed")


# stops and sender


def test_a_stop_of_the_platform_keeps_everything() -> None:
    assert verdict(touch(), context(platform_stopped=True)) == Delay("the platform is stopped", LATER)


def test_a_stop_of_the_client_keeps_its_touches() -> None:
    assert verdict(touch(), with_client(stopped=True)) == Delay("the client is stopped", LATER)


def test_a_paused_sender_waits() -> None:
    assert verdict(touch(), with_sender(paused=True)) == Delay("its sender is paused", LATER)


def test_a_removed_sender_asks_for_another_one() -> None:
    assert verdict(touch(), with_sender(deleted=True)) == Refreeze("its sender is gone")


def test_an_unknown_sender_asks_for_another_one() -> None:
    assert verdict(touch(), context(resources={})) == Refreeze("its sender is gone")


def test_a_touch_without_sender_asks_for_one() -> None:
    assert isinstance(verdict(touch(resource_id=None), context()), Refreeze)


# campaign


@pytest.mark.parametrize("status", [CampaignStatus.DRAFT, CampaignStatus.PAUSED])
@pytest.mark.parametrize("case", [touch(), ANSWER], ids=["sequence", "answer"])
def test_a_campaign_that_is_not_active_waits(case: TouchFacts, status: CampaignStatus) -> None:
    assert verdict(case, with_campaign(status=status)) == Delay(f"the campaign is {status}", LATER)


def test_a_completed_campaign_ends_its_sequence() -> None:
    assert verdict(touch(), with_campaign(status=CampaignStatus.COMPLETED)) == Skip("the campaign is completed")


def test_a_completed_campaign_still_answers() -> None:
    assert verdict(ANSWER, with_campaign(status=CampaignStatus.COMPLETED)) is None


def test_a_removed_campaign_sends_nothing() -> None:
    assert verdict(ANSWER, with_campaign(deleted=True)) == Skip("the campaign was removed")


# lead


def test_a_removed_lead_is_never_contacted() -> None:
    assert verdict(ANSWER, with_lead(deleted=True)) == Skip("the lead was removed")


@pytest.mark.parametrize("status", [LeadStatus.UNSUBSCRIBED, LeadStatus.BOUNCED])
def test_not_even_an_answer_goes_to_who_opted_out_or_bounced(status: LeadStatus) -> None:
    assert verdict(ANSWER, with_lead(status=status)) == Skip(f"the lead is {status}")


@pytest.mark.parametrize("status", sorted(set(LeadStatus) - {LeadStatus.IN_SEQUENCE}))
def test_a_sequence_goes_to_leads_in_sequence_alone(status: LeadStatus) -> None:
    assert verdict(touch(), with_lead(status=status)) == Skip(f"the lead is {status}")


@pytest.mark.parametrize("status", [LeadStatus.SCORED, LeadStatus.CONVERTED])
def test_an_answer_is_not_bound_to_the_sequence(status: LeadStatus) -> None:
    assert verdict(ANSWER, with_lead(status=status)) is None


def test_a_lead_of_another_campaign_is_left_to_it() -> None:
    assert verdict(touch(), with_lead(current_campaign_id=COMPANY)) == Skip("the lead moved to another campaign")


def test_a_dead_score_stops_the_sequence() -> None:
    assert verdict(touch(), with_lead(dead=True)) == Skip("the lead's score is below 20")


def test_a_dead_score_does_not_stop_an_answer() -> None:
    assert verdict(ANSWER, with_lead(dead=True)) is None


def test_a_changed_address_is_frozen_anew() -> None:
    assert verdict(touch(), with_lead(address="new@acme.example")) == Refreeze("the lead's address changed")


def test_a_lost_address_ends_it() -> None:
    assert verdict(touch(), with_lead(address=None)) == Skip("the lead has no address any more")


# suppression and consent


@pytest.mark.parametrize("kind", TouchKind)
def test_nothing_is_exempt_from_suppression(kind: TouchKind) -> None:
    assert verdict(touch(kind=kind), context(suppressed=frozenset({TOUCH}))) == Skip("suppressed")


def test_anothers_suppression_binds_nobody_else() -> None:
    assert verdict(touch(), context(suppressed=frozenset({LEAD}))) is None


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.SMS])
@pytest.mark.parametrize("kind", TouchKind)
def test_email_and_sms_need_consent(channel: Channel, kind: TouchKind) -> None:
    assert verdict(touch(channel=channel, kind=kind), with_lead(consent_since=None)) == Skip(NO_CONSENT)


@pytest.mark.parametrize("channel", [Channel.LINKEDIN, Channel.VOICE, Channel.MAIL])
def test_other_channels_take_no_consent_record(channel: Channel) -> None:
    assert verdict(touch(channel=channel), with_lead(consent_since=None)) is None


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=5)])
def test_consent_must_be_older_than_the_claim(ahead: timedelta) -> None:
    refused = verdict(touch(), with_lead(consent_since=NOW + ahead))
    assert isinstance(refused, Delay)
    assert refused.until > NOW


def test_consent_of_a_moment_ago_is_old_enough() -> None:
    assert verdict(touch(), with_lead(consent_since=NOW - timedelta(microseconds=1))) is None


# hours


def refused_at(now: datetime, state: State | None = State.NSW) -> Delay:
    found = verdict(touch(), replace(with_lead(place=place_of(state)), now=now))
    assert isinstance(found, Delay)
    return found


def test_after_hours_a_touch_waits_for_the_next_morning_of_the_lead() -> None:
    assert refused_at(datetime(2026, 11, 23, 6, 0, tzinfo=UTC)).until == TUESDAY_9


def test_before_hours_in_perth_a_touch_waits_though_sydney_is_at_work() -> None:
    assert refused_at(NOW, State.WA).until == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def test_a_public_holiday_of_the_leads_state_alone_waits() -> None:
    cup_day = datetime(2026, 11, 3, 0, 0, tzinfo=UTC)
    assert refused_at(cup_day, State.VIC).until == datetime(2026, 11, 3, 22, 0, tzinfo=UTC)


def test_a_lead_of_unknown_zone_waits_for_the_hours_common_to_all() -> None:
    assert refused_at(NOW, None).until == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert verdict(touch(), context(now=NOW + timedelta(hours=1), leads=with_lead(place=UNKNOWN_PLACE).leads)) is None


def test_an_answer_keeps_the_hours_too() -> None:
    assert isinstance(verdict(ANSWER, context(now=datetime(2026, 11, 22, 0, 0, tzinfo=UTC))), Delay)


# replies, meetings, holds


def test_after_a_reply_no_sequence_touch_goes() -> None:
    assert verdict(touch(), with_lead(replied=True)) == Skip("the lead has replied")


def test_after_a_meeting_is_booked_no_sequence_touch_goes() -> None:
    assert verdict(touch(), with_lead(meeting=True)) == Skip("a meeting is booked")


@pytest.mark.parametrize("change", ["replied", "meeting"])
def test_answers_are_exempt_from_reply_and_meeting(change: str) -> None:
    assert verdict(ANSWER, with_lead(**{change: True})) is None


def test_a_hold_with_an_end_waits_for_it() -> None:
    until = NOW + timedelta(days=5)
    assert verdict(touch(), context(lead_holds={LEAD: HoldFacts("away", until)})) == Delay("held: away", until)


def test_a_hold_without_an_end_is_looked_at_daily() -> None:
    facts = context(lead_holds={LEAD: HoldFacts("a person must look", None)})
    assert verdict(touch(), facts) == Delay("held: a person must look", NOW + timedelta(days=1))


def test_a_companys_hold_binds_its_other_leads() -> None:
    facts = context(company_holds={COMPANY: HoldFacts("a colleague replied", LATER)})
    assert verdict(touch(), facts) == Delay("held: a colleague replied", LATER)


def test_a_companys_hold_does_not_bind_a_lead_without_company() -> None:
    facts = context(company_holds={COMPANY: HoldFacts("a colleague replied", LATER)})
    assert verdict(touch(company_id=None), facts) is None


def test_an_answer_is_exempt_from_holds() -> None:
    facts = context(lead_holds={LEAD: HoldFacts("x", None)}, company_holds={COMPANY: HoldFacts("y", None)})
    assert verdict(ANSWER, facts) is None


# permission


@pytest.mark.parametrize("mode", [PermissionMode.CO_PILOT, PermissionMode.MANUAL])
def test_without_autopilot_a_person_approves_first(mode: PermissionMode) -> None:
    assert verdict(touch(), with_campaign(mode=mode)) == Unapproved()


@pytest.mark.parametrize("mode", [PermissionMode.CO_PILOT, PermissionMode.MANUAL])
def test_approved_bytes_go(mode: PermissionMode) -> None:
    assert verdict(touch(approved_hash="frozen"), with_campaign(mode=mode)) is None


def test_an_approval_of_other_bytes_does_not_count() -> None:
    assert verdict(touch(approved_hash="others"), with_campaign(mode=PermissionMode.CO_PILOT)) == Unapproved()


def test_the_sender_and_campaign_of_the_cases_are_the_touchs() -> None:
    assert (touch().campaign_id, touch().resource_id) == (CAMPAIGN, SENDER)
