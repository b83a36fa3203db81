"""The guards over a batch: their order, and the tally of what the batch itself has let through."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.calendars import place_of
from agency_os.domain.consent import NO_CONSENT
from agency_os.domain.guards import (
    CONTACT_SPACING_DAYS,
    RULES,
    TALLY_RULES,
    Delay,
    GuardContext,
    HoldFacts,
    Skip,
    Unapproved,
    decide,
)
from agency_os.domain.lifecycle import CampaignStatus, LeadStatus, PermissionMode
from agency_os.domain.states import State
from agency_os.domain.subscription import SubscriptionStatus
from agency_os.domain.touch import TouchKind
from tests.unit.domain.guard_cases import (
    CAMPAIGN,
    CLIENT,
    LEAD,
    NOW,
    SENDER,
    TOUCH,
    campaign,
    client,
    context,
    lead,
    sender,
    touch,
    touches,
    verdict,
    with_lead,
    with_sender,
)

TUESDAY_9 = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
WEDNESDAY_9 = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
QUOTA = "its sender's daily limit is reached"
SPACING = "too soon after the last contact"


def test_the_rules_stand_in_the_order_of_the_design() -> None:
    assert [rule.__name__ for rule in (*RULES, *TALLY_RULES)] == [
        "client_may_send",
        "nothing_is_stopped",
        "campaign_is_active",
        "lead_is_contactable",
        "recipient_is_not_suppressed",
        "consent_is_on_record",
        "window_is_open",
        "lead_has_not_answered",
        "nothing_holds",
        "person_has_approved",
        "quota_is_left",
        "contact_is_spaced",
    ]


WORST: dict[str, Any] = {
    "now": datetime(2026, 11, 22, 0, 0, tzinfo=UTC),  # a Sunday
    "platform_stopped": True,
    "clients": {CLIENT: client(status=SubscriptionStatus.PAST_DUE)},
    "campaigns": {CAMPAIGN: campaign(status=CampaignStatus.PAUSED, mode=PermissionMode.MANUAL)},
    "leads": {LEAD: lead(status=LeadStatus.BOUNCED, consent_since=None, replied=True, last_contact=NOW)},
    "lead_holds": {LEAD: HoldFacts("away", None)},
    "suppressed": frozenset({TOUCH}),
    "resources": {SENDER: sender(used=50)},
}
HEALED: list[tuple[str, dict[str, Any]]] = [
    ("the subscription is past_due", {"clients": {CLIENT: client()}}),
    ("the platform is stopped", {"platform_stopped": False}),
    ("the campaign is paused", {"campaigns": {CAMPAIGN: campaign(mode=PermissionMode.MANUAL)}}),
    ("the lead is bounced", {"leads": {LEAD: lead(consent_since=None, replied=True, last_contact=NOW)}}),
    ("suppressed", {"suppressed": frozenset()}),
    (NO_CONSENT, {"leads": {LEAD: lead(replied=True, last_contact=NOW)}}),
    ("outside the sending hours at the lead's place", {"now": NOW}),
    ("the lead has replied", {"leads": {LEAD: lead(last_contact=NOW)}}),
    ("held: away", {"lead_holds": {}}),
    (Unapproved().reason, {"campaigns": {CAMPAIGN: campaign()}}),
    (QUOTA, {"resources": {SENDER: sender()}}),
    (SPACING, {"leads": {LEAD: lead()}}),
]


@pytest.mark.parametrize("step", range(len(HEALED)))
def test_the_first_rule_that_refuses_gives_the_reason(step: int) -> None:
    facts = dict(WORST)
    for _, healing in HEALED[:step]:
        facts |= healing
    refused = verdict(touch(), context(**facts))
    assert refused is not None
    assert refused.reason == HEALED[step][0]


def test_with_everything_healed_the_touch_goes() -> None:
    facts = dict(WORST)
    for _, healing in HEALED:
        facts |= healing
    assert verdict(touch(), context(**facts)) is None


# quota


def test_a_batch_lets_through_what_the_limit_allows_in_due_order() -> None:
    batch = touches(60)
    verdicts = decide(batch, context())
    assert [verdicts[each.id] is None for each in batch] == [True] * 50 + [False] * 10


def test_what_was_used_before_the_batch_counts() -> None:
    verdicts = decide(touches(5), with_sender_and_leads(used=48))
    assert sum(each is None for each in verdicts.values()) == 2


def with_sender_and_leads(**changes: Any) -> GuardContext:
    return context(resources={SENDER: sender(**changes)})


def test_beyond_the_limit_a_touch_waits_for_the_next_morning() -> None:
    assert verdict(touch(), with_sender(used=50)) == Delay(QUOTA, TUESDAY_9)


def test_beyond_the_limit_on_a_friday_a_touch_waits_for_monday() -> None:
    facts = context(
        now=datetime(2026, 11, 27, 0, 0, tzinfo=UTC), resources={SENDER: sender(used=50, today=date(2026, 11, 27))}
    )
    assert verdict(touch(), facts) == Delay(QUOTA, datetime(2026, 11, 29, 22, 0, tzinfo=UTC))


def test_each_sender_has_its_own_limit() -> None:
    other = UUID(int=77)
    facts = context(resources={SENDER: sender(used=50), other: sender()})
    assert verdict(touch(resource_id=other), facts) is None


def test_a_refused_touch_uses_up_no_quota() -> None:
    batch = touches(3)
    facts = context(resources={SENDER: sender(used=49)}, suppressed=frozenset({batch[0].id}))
    assert [decide(batch, facts)[each.id] for each in batch] == [Skip("suppressed"), None, Delay(QUOTA, TUESDAY_9)]


@pytest.mark.parametrize("kind", TouchKind)
def test_every_kind_of_touch_counts_against_the_limit(kind: TouchKind) -> None:
    assert verdict(touch(kind=kind), with_sender(used=50)) == Delay(QUOTA, TUESDAY_9)


@given(st.integers(0, 20), st.integers(0, 30), st.lists(st.sampled_from(list(TouchKind)), max_size=40))
def test_no_batch_exceeds_a_limit(limit: int, used: int, kinds: list[TouchKind]) -> None:
    batch = [
        touch(id=UUID(int=1000 + n), lead_id=UUID(int=100 + n % 30), person=bytes([n % 30]), kind=kind)
        for n, kind in enumerate(kinds)
    ]
    gone = sum(each is None for each in decide(batch, with_sender_and_leads(limit=limit, used=used)).values())
    assert gone <= max(limit - used, 0)


# spacing


def test_contacts_are_two_business_days_apart() -> None:
    assert CONTACT_SPACING_DAYS == 2


@pytest.mark.parametrize(
    ("last", "until"),
    [
        (datetime(2026, 11, 23, 0, 0, tzinfo=UTC), WEDNESDAY_9),  # this very Monday
        (datetime(2026, 11, 20, 0, 0, tzinfo=UTC), TUESDAY_9),  # Friday
        (datetime(2026, 11, 21, 0, 0, tzinfo=UTC), TUESDAY_9),  # Saturday
    ],
)
def test_a_lead_contacted_less_than_two_business_days_ago_waits(last: datetime, until: datetime) -> None:
    assert verdict(touch(), with_lead(last_contact=last)) == Delay(SPACING, until)


def test_a_lead_contacted_two_business_days_ago_is_free() -> None:
    thursday_evening = datetime(2026, 11, 19, 8, 0, tzinfo=UTC)
    assert verdict(touch(), with_lead(last_contact=thursday_evening)) is None


def test_a_holiday_between_does_not_count() -> None:
    thursday = datetime(2026, 10, 29, 0, 0, tzinfo=UTC)
    cup_eve = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
    facts = context(now=cup_eve, leads={LEAD: lead(place=place_of(State.VIC), last_contact=thursday)})
    assert verdict(touch(), facts) is None
    later = datetime(2026, 10, 30, 0, 0, tzinfo=UTC)  # Friday: Monday is one day, Tuesday is Cup Day
    facts = context(now=cup_eve, leads={LEAD: lead(place=place_of(State.VIC), last_contact=later)})
    assert verdict(touch(), facts) == Delay(SPACING, datetime(2026, 11, 3, 22, 0, tzinfo=UTC))


def test_an_answer_is_not_spaced() -> None:
    assert verdict(touch(kind=TouchKind.ANSWER), with_lead(last_contact=NOW)) is None


def test_one_batch_approaches_a_lead_once() -> None:
    batch = [touch(), touch(id=UUID(int=9), person=b"other mailbox")]
    verdicts = decide(batch, context())
    assert [verdicts[each.id] for each in batch] == [None, Delay(SPACING, WEDNESDAY_9)]


def test_one_batch_approaches_a_person_once_though_it_is_two_leads() -> None:
    batch = [touch(), touch(id=UUID(int=9), lead_id=UUID(int=100))]
    verdicts = decide(batch, context())
    assert [verdicts[each.id] for each in batch] == [None, Delay(SPACING, WEDNESDAY_9)]


def test_two_clients_do_not_see_each_others_contacts() -> None:
    other = UUID(int=88)
    batch = [touch(), touch(id=UUID(int=9), lead_id=UUID(int=100), client_id=other)]
    verdicts = decide(batch, context(clients={CLIENT: client(), other: client()}))
    assert [verdicts[each.id] for each in batch] == [None, None]


def test_an_answer_in_the_batch_holds_back_a_sequence_touch_to_the_same_lead() -> None:
    batch = [touch(kind=TouchKind.ANSWER), touch(id=UUID(int=9))]
    assert decide(batch, context())[UUID(int=9)] == Delay(SPACING, WEDNESDAY_9)


# the batch as a whole


def test_every_touch_gets_a_verdict_in_the_order_given() -> None:
    batch = list(reversed(touches(7)))
    assert list(decide(batch, context())) == [each.id for each in batch]


def test_an_empty_batch_has_no_verdicts() -> None:
    assert decide([], context()) == {}


@given(st.integers(0, 14 * 24 * 60), st.sampled_from([None, *State]), st.integers(0, 14 * 24 * 60), st.booleans())
def test_a_delay_always_ends_in_the_future(minutes: int, state: State | None, since: int, full: bool) -> None:
    now = datetime(2026, 12, 20, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    place = place_of(state)
    facts = context(
        now=now,
        leads={LEAD: lead(place=place, last_contact=now - timedelta(minutes=since))},
        resources={SENDER: sender(used=50 if full else 0, today=now.astimezone(sender().zone).date())},
    )
    found = verdict(touch(), facts)
    assert found is None or (isinstance(found, Delay) and found.until > now)
