"""Which state of a lead and of a campaign may follow which: every pair."""

from __future__ import annotations

from itertools import product

import pytest

from agency_os.domain.lifecycle import (
    CAMPAIGN_TRANSITIONS,
    CONTACTABLE,
    LEAD_TRANSITIONS,
    CampaignStatus,
    LeadStatus,
    PermissionMode,
    campaign_may_become,
    lead_may_become,
    move_campaign,
    move_lead,
)
from agency_os.exceptions import ConflictError

LEAD_STEPS = {
    "new": "enriched unsubscribed bounced",
    "enriched": "scored unsubscribed bounced",
    "scored": "in_sequence converted unsubscribed bounced",
    "in_sequence": "scored converted unsubscribed bounced",
    "converted": "unsubscribed bounced",
    "bounced": "enriched converted unsubscribed",
    "unsubscribed": "",
}
CAMPAIGN_STEPS = {"draft": "active", "active": "paused completed", "paused": "active completed", "completed": ""}


@pytest.mark.parametrize(("current", "target"), list(product(LeadStatus, LeadStatus)))
def test_a_lead_takes_exactly_the_steps_of_its_life(current: LeadStatus, target: LeadStatus) -> None:
    expected = current is target or target.value in LEAD_STEPS[current.value].split()
    assert lead_may_become(current, target) is expected


@pytest.mark.parametrize(("current", "target"), list(product(CampaignStatus, CampaignStatus)))
def test_a_campaign_takes_exactly_the_steps_of_its_life(current: CampaignStatus, target: CampaignStatus) -> None:
    expected = current is target or target.value in CAMPAIGN_STEPS[current.value].split()
    assert campaign_may_become(current, target) is expected


def test_every_state_is_in_the_tables() -> None:
    assert set(LEAD_TRANSITIONS) == set(LeadStatus)
    assert set(CAMPAIGN_TRANSITIONS) == set(CampaignStatus)


@pytest.mark.parametrize("status", sorted(set(LeadStatus) - {LeadStatus.UNSUBSCRIBED}))
def test_whatever_a_lead_is_it_may_opt_out(status: LeadStatus) -> None:
    assert move_lead(status, LeadStatus.UNSUBSCRIBED) is LeadStatus.UNSUBSCRIBED


@pytest.mark.parametrize("target", sorted(set(LeadStatus) - {LeadStatus.UNSUBSCRIBED}))
def test_an_opt_out_is_final(target: LeadStatus) -> None:
    with pytest.raises(ConflictError, match="that state is final"):
        move_lead(LeadStatus.UNSUBSCRIBED, target)


def test_a_repeated_event_is_harmless() -> None:
    assert move_lead(LeadStatus.UNSUBSCRIBED, LeadStatus.UNSUBSCRIBED) is LeadStatus.UNSUBSCRIBED
    assert move_campaign(CampaignStatus.COMPLETED, CampaignStatus.COMPLETED) is CampaignStatus.COMPLETED


def test_a_forbidden_step_of_a_lead_says_what_is_possible() -> None:
    with pytest.raises(ConflictError, match="a lead that is new cannot become scored; from there it can become boun"):
        move_lead(LeadStatus.NEW, LeadStatus.SCORED)


def test_a_forbidden_step_of_a_campaign_says_what_is_possible() -> None:
    with pytest.raises(ConflictError, match="that is draft cannot become paused; from there it can become active"):
        move_campaign(CampaignStatus.DRAFT, CampaignStatus.PAUSED)


def test_only_a_lead_in_sequence_is_contacted() -> None:
    assert {LeadStatus.IN_SEQUENCE} == CONTACTABLE


def test_states_are_spelled_as_in_the_database() -> None:
    assert {each.value for each in LeadStatus} == set(LEAD_STEPS)
    assert [each.value for each in CampaignStatus] == ["draft", "active", "paused", "completed"]


def test_permission_modes_are_spelled_as_in_the_database() -> None:
    assert [each.value for each in PermissionMode] == ["autopilot", "co_pilot", "manual"]
