"""HeyReach's campaigns as observed, by virtual time: how leads progress, what is told of them, what goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from agency_os.exceptions import ProviderRefusedError
from agency_os.integrations.heyreach import HeyReachClient
from agency_os.integrations.heyreach_events import KINDS, parse_event
from agency_os.integrations.heyreach_types import LinkedInAction
from tests.contract.conftest import Wire
from tests.contract.heyreach_campaigns import (
    BASE,
    HTTP_OK,
    PAYLOAD,
    SEAT,
    accepted,
    campaign,
    kinds,
    live,
    people,
    running,
    told,
)
from tests.factories.sandbox import MONDAY_NINE
from tests.support.published import Published, published

pytestmark = pytest.mark.needs("specs")


@pytest.fixture
def judge() -> Published:
    return published("heyreach/openapi.observed.json", BASE)


@pytest.fixture
def client(wire: Wire) -> HeyReachClient:
    return HeyReachClient(wire.connection(BASE, "key"))


async def test_the_life_of_a_campaign_is_as_observed(wire: Wire, client: HeyReachClient, judge: Published) -> None:
    number = await campaign(client)
    assert (await client.campaign(number)).status == "DRAFT"
    with pytest.raises(ProviderRefusedError, match="not paused, finished or failed"):
        await client.resume_campaign(number)
    await client.start_campaign(number)
    assert (await client.campaign(number)).status == "PAUSED", "without leads it goes back without a word"
    added = await client.add_leads(number, people(2), resume_paused=True)
    assert (added.added, added.updated, added.failed, added.units) == (2, 0, 0, Decimal(2))
    await client.pause_campaign(number)
    await client.resume_campaign(number)
    found = await client.campaigns(keyword="of seat", statuses=["IN_PROGRESS"], account_ids=[SEAT])
    assert [(each.id, each.account_ids) for each in found.items] == [(number, (SEAT,))]
    assert sorted(wire.check(judge)) == [HTTP_OK] * 9 + [400]


@pytest.mark.parametrize("action", list(LinkedInAction))
async def test_every_action_is_a_campaign_of_one_step_as_published(
    wire: Wire, client: HeyReachClient, judge: Published, action: LinkedInAction
) -> None:
    number = await running(client, people(12), action)
    await live(wire, days=40)
    leads = (await client.leads(number)).items
    assert {lead.status for lead in leads} == {"Failed" if action is LinkedInAction.MESSAGE else "Finished"}
    assert (await client.campaign(number)).status == "FINISHED"
    for body in told(wire):
        judge.check_message(body, PAYLOAD)
    assert set(wire.check(judge)) == {HTTP_OK}


async def test_leads_progress_by_virtual_time_and_tell_of_it(
    wire: Wire, client: HeyReachClient, judge: Published
) -> None:
    number = await running(client, people(30))
    assert {lead.status for lead in (await client.leads(number)).items} == {"Pending"}
    assert (await client.campaign(number)).status == "IN_PROGRESS"
    await live(wire, hours=10)
    assert kinds(wire) <= {"connection_request_sent", "connection_request_accepted"}
    states = {(lead.status, lead.connection) for lead in (await client.leads(number)).items}
    assert ("InSequence", "ConnectionSent") in states
    await live(wire, days=6)
    connected = [lead for lead in (await client.leads(number)).items if lead.connection == "ConnectionAccepted"]
    assert 0 < len(connected) < 30
    told_of = [
        body["lead"]["profile_url"] for body in told(wire) if body["event_type"] == "connection_request_accepted"
    ]
    assert sorted(told_of) == sorted(str(lead.profile_url) for lead in connected)

    friends = [
        replace(lead, fields={"agency_text": "Glad we met."}) for lead in people(30) if lead.profile_url in told_of
    ]
    second = await running(client, friends, LinkedInAction.MESSAGE)
    await live(wire, days=6)
    assert {"message_sent", "message_reply_received", "every_message_reply_received", "campaign_completed"} <= kinds(
        wire
    )
    messages = {lead.message for lead in (await client.leads(second)).items}
    assert messages == {"MessageSent", "MessageReply"}
    for body in told(wire):
        judge.check_message(body, PAYLOAD)
        assert parse_event(json.dumps(body).encode()).kind is KINDS[body["event_type"]]
    assert set(wire.check(judge)) == {HTTP_OK}


async def test_a_reply_shows_in_the_inbox_and_is_answered(wire: Wire, client: HeyReachClient, judge: Published) -> None:
    await running(client, people(20), LinkedInAction.INMAIL)
    await live(wire, days=6)
    unread = await client.conversations(account_ids=[SEAT], unread_only=True)
    first = unread.items[0]
    assert first.last_is_theirs
    assert [message.is_theirs for message in first.messages] == [False, True]
    assert first.messages[0].text == f"Hello {first.name.split()[0]}.", "each lead's own text was rendered"
    done = await client.send_message(SEAT, first.id, "Thursday then?")
    assert done.units == Decimal(1)
    again = await client.conversation(SEAT, first.id)
    assert [message.text for message in again.messages][-1] == "Thursday then?"
    assert (await client.conversations(profile_url=first.profile_url)).items[0].id == first.id
    assert accepted(wire)[-1] == (first.profile_url, None, Decimal(1))
    replies = [parse_event(json.dumps(body).encode()) for body in told(wire) if "reply" in body["event_type"]]
    mine = [event for event in replies if event.conversation_id == first.id]
    assert [event.name for event in mine] == ["inmail_reply_received", "every_message_reply_received"]
    assert len({event.event_id for event in mine}) == 1, "both webhooks tell of one reply"
    assert set(wire.check(judge)) == {HTTP_OK}


async def test_the_same_profile_again_is_updated_and_causes_no_second_action(
    wire: Wire, client: HeyReachClient, judge: Published
) -> None:
    number = await running(client, people(3))
    again = await client.add_leads(number, people(4))
    assert (again.added, again.updated, again.failed, again.units) == (1, 3, 0, Decimal(1))
    assert [touch for _, touch, _ in accepted(wire)] == ["t-0", "t-1", "t-2", "t-3"]
    await live(wire, days=1)
    sent = [body["lead"]["profile_url"] for body in told(wire) if body["event_type"] == "connection_request_sent"]
    assert sorted(sent) == sorted(lead.profile_url for lead in people(4))
    page = await client.campaigns_of_lead(people(1)[0].profile_url)
    assert [(each.campaign_id, each.campaign_status) for each in page.items] == [(number, "IN_PROGRESS")]
    assert set(wire.check(judge)) == {HTTP_OK}


async def test_a_pause_holds_everything_and_a_resume_goes_on(
    wire: Wire, client: HeyReachClient, judge: Published
) -> None:
    number = await running(client, people(10))
    await client.pause_campaign(number)
    await live(wire, days=30)
    assert told(wire) == []
    assert {lead.status for lead in (await client.leads(number)).items} == {"Paused"}
    await client.resume_campaign(number)
    await live(wire, days=30)
    assert "campaign_completed" in kinds(wire)
    assert sum(body["event_type"] == "connection_request_sent" for body in told(wire)) == 10
    assert set(wire.check(judge)) == {HTTP_OK}


async def test_a_stopped_lead_gets_nothing_more(wire: Wire, client: HeyReachClient, judge: Published) -> None:
    number = await running(client, people(2))
    await client.stop_lead(number, people(1)[0].profile_url)
    await live(wire, days=30)
    sent = [body["lead"]["profile_url"] for body in told(wire) if body["event_type"] == "connection_request_sent"]
    assert sent == [people(1, 1)[0].profile_url]
    assert [lead.status for lead in (await client.leads(number)).items] == ["Finished", "Finished"]
    late = await client.leads(number, acted_since=MONDAY_NINE + timedelta(hours=1))
    assert [lead.profile_url for lead in late.items] == sent
    assert set(wire.check(judge)) == {HTTP_OK}


async def test_a_finished_campaign_takes_more_leads_and_runs_again(
    wire: Wire, client: HeyReachClient, judge: Published
) -> None:
    number = await running(client, people(1))
    await live(wire, days=30)
    await client.add_leads(number, people(1, 1), resume_finished=False)
    assert (await client.campaign(number)).status == "FINISHED"
    await client.add_leads(number, people(1, 2))
    assert (await client.campaign(number)).status == "IN_PROGRESS"
    await live(wire, days=30)
    assert sum(body["event_type"] == "connection_request_sent" for body in told(wire)) == 3
    assert set(wire.check(judge)) == {HTTP_OK}


async def test_whoever_is_connected_is_not_invited_again(wire: Wire, client: HeyReachClient) -> None:
    first = await running(client, people(10))
    await live(wire, days=40)
    connected = {
        lead.profile_url for lead in (await client.leads(first)).items if lead.connection == "ConnectionAccepted"
    }
    assert connected
    second = await running(client, people(10))
    await live(wire, days=40)
    invited = {
        body["lead"]["profile_url"]
        for body in told(wire)
        if body["event_type"] == "connection_request_sent" and body["campaign"]["id"] == second
    }
    assert invited == {lead.profile_url for lead in people(10)} - connected
