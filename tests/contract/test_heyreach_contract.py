"""HeyReach as observed: what our client sends strictly, what the sandbox answers and tells so that nulls pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations.heyreach import HeyReachClient
from agency_os.integrations.heyreach_events import KINDS, LinkedInEventKind, parse_event
from agency_os.integrations.heyreach_types import LinkedInAction, NewCampaign, NewLead, Schedule, one_step
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import MONDAY_NINE, SECRETS
from tests.support.published import ContractError, Published, published, read_spec

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/heyreach/api/public"
SEAT = 1001
FALLBACK = "Hello, glad to connect."
PAYLOAD = {"$ref": "#/components/schemas/WebhookPayload"}
HTTP_OK = 200


@pytest.fixture
def judge() -> Published:
    return published("heyreach/openapi.observed.json", BASE)


@pytest.fixture
def client(wire: Wire) -> HeyReachClient:
    return HeyReachClient(wire.connection(BASE, "key"))


def people(amount: int, start: int = 0) -> list[NewLead]:
    """Leads who each carry their own text and touch."""
    return [
        NewLead(
            f"https://www.linkedin.com/in/person-{n}", SEAT, f"P{n}", "Lee", "Company Pty Ltd", "Owner",
            f"p{n}@company.example", {"agency_text": f"Hello P{n}.", "agency_subject": "A question", "touch": f"t-{n}"},
        )
        for n in range(start, start + amount)
    ]  # fmt: skip


async def campaign(client: HeyReachClient, action: LinkedInAction = LinkedInAction.INVITE) -> int:
    """A campaign of one step in DRAFT."""
    people_list = await client.create_list("People")
    made = NewCampaign(f"{action} of seat", people_list.id, (SEAT,), one_step(action, fallback=FALLBACK))
    return (await client.create_campaign(made)).id


async def running(
    client: HeyReachClient, leads: Sequence[NewLead], action: LinkedInAction = LinkedInAction.INVITE
) -> int:
    """A campaign that runs with these leads."""
    number = await campaign(client, action)
    await client.add_leads(number, leads)
    await client.start_campaign(number)
    return number


async def live(wire: Wire, **span: float) -> None:
    """Let virtual time pass."""
    await wire.sandbox.control.advance(wire.sandbox.clock.now + timedelta(**span))


def told(wire: Wire) -> list[dict[str, Any]]:
    """The webhooks due by now, oldest first, each with its ``kind``."""
    rows = wire.sandbox.store.all(
        "SELECT * FROM outbox WHERE provider = 'heyreach' AND due <= ? ORDER BY due, n",
        (wire.sandbox.store.get_meta("clock"),),
    )
    assert {row["address"] for row in rows} <= {f"/webhooks/heyreach/{SECRETS.heyreach_secret}"}
    return [json.loads(row["body"]) for row in rows]


def kinds(wire: Wire) -> set[str]:
    return {body["event_type"] for body in told(wire)}


def accepted(wire: Wire) -> list[tuple[str | None, str | None, Decimal]]:
    """Recipient, touch and units of every acceptance."""
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'heyreach' AND accepted = 1 ORDER BY seq")
    return [(row["recipient"], row["touch"], Decimal(row["units"])) for row in rows]


async def test_key_and_seats_are_as_observed(wire: Wire, client: HeyReachClient, judge: Published) -> None:
    await client.check_key()
    page = await client.accounts(limit=4)
    rest = await client.accounts(offset=page.next_offset or 0)
    seats = [*page.items, *rest.items]
    assert (page.total, page.next_offset, rest.next_offset, len({seat.id for seat in seats})) == (6, 4, None, 6)
    assert [seat.can_send for seat in seats] == [True] * 5 + [False]
    assert await client.account(SEAT) == seats[0]
    named = await client.accounts(keyword=str(seats[1].last_name))
    assert seats[1] in named.items
    assert set(wire.check(judge)) == {HTTP_OK}


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


async def test_what_failed_is_counted_and_not_accepted(wire: Wire, client: HeyReachClient, judge: Published) -> None:
    number = await campaign(client)
    company = replace(people(1)[0], profile_url="https://www.linkedin.com/company/acme")
    strange = replace(people(1, 1)[0], account_id=SEAT + 1)
    added = await client.add_leads(number, [company, strange, *people(1, 2)])
    assert (added.added, added.updated, added.failed) == (1, 0, 2)
    assert [touch for _, touch, _ in accepted(wire)] == ["t-2"]
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


@pytest.mark.parametrize(
    ("kind", "error", "outcome", "statuses"),
    [
        ("429", None, None, [429, HTTP_OK]),
        ("500", ProviderError, Outcome.UNKNOWN, [500]),
        ("refused", ProviderRefusedError, Outcome.NOT_ACCEPTED, [400]),
        ("accepted_then_500", ProviderError, Outcome.UNKNOWN, [500]),
    ],
)
async def test_faults_speak_as_observed_and_say_what_became_of_it(
    wire: Wire,
    client: HeyReachClient,
    judge: Published,
    kind: str,
    error: type[ProviderError] | None,
    outcome: Outcome | None,
    statuses: list[int],
) -> None:
    number = await campaign(client)
    wire.recorder.exchanges.clear()
    await wire.fault("heyreach", kind)
    if error is None:
        assert (await client.add_leads(number, people(1))).added == 1
    else:
        with pytest.raises(error) as caught:
            await client.add_leads(number, people(1))
        assert caught.value.outcome is outcome
    assert wire.check(judge) == statuses
    held = (await client.campaigns_of_lead(people(1)[0].profile_url)).total
    assert held == len(accepted(wire)) == (1 if kind in ("429", "accepted_then_500") else 0)


async def test_more_than_300_a_minute_are_refused_as_observed(wire: Wire, judge: Published) -> None:
    statuses = [await wire.check_raw(judge, "GET", f"{BASE}/auth/CheckApiKey", x_api_key="key") for _ in range(301)]
    assert statuses == [HTTP_OK] * 300 + [429]
    assert await wire.check_raw(judge, "GET", f"{BASE}/auth/CheckApiKey", x_api_key="another") == HTTP_OK


_PAGE = {"offset": 0, "limit": 10}
_END = {"nodeType": "END", "actionDelay": 3, "actionDelayUnit": "HOUR"}
_INVITE = one_step(LinkedInAction.INVITE, text="Hello.")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/campaign/GetAll", {"offset": 0, "limit": 101}, 400),
        ("POST", "/campaign/GetAll", [1], 400),
        ("GET", "/campaign/GetById?campaignId=99", None, 404),
        ("GET", "/campaign/GetById?campaignId=x", None, 400),
        ("GET", "/li_account/GetById?accountId=1", None, 404),
        ("POST", "/campaign/Pause?campaignId=1", None, 404),
        ("POST", "/list/CreateEmptyList", {"name": ""}, 400),
        ("POST", "/campaign/AddLeadsToCampaignV2", {"campaignId": 1, "accountLeadPairs": []}, 404),
        ("POST", "/campaign/GetLeadsFromCampaign", {**_PAGE, "campaignId": 5}, 404),
        ("POST", "/campaign/GetCampaignsForLead", _PAGE, 400),
        ("POST", "/campaign/StopLeadInCampaign", {"campaignId": 5}, 404),
        ("POST", "/inbox/GetConversationsV2", _PAGE, 400),
        ("GET", "/inbox/GetChatroom/1001/2-none", None, 404),
        ("POST", "/inbox/SendMessage", {"message": "a", "conversationId": "2-n", "linkedInAccountId": 1001}, 404),
        ("POST", "/inbox/SendMessage", b"{", 400),
    ],
)
async def test_what_is_wrong_is_refused_as_observed(
    wire: Wire, judge: Published, method: str, path: str, body: object, status: int
) -> None:
    assert await wire.check_raw(judge, method, BASE + path, body, x_api_key="key") == status


async def test_without_a_key_nothing_is_answered(wire: Wire, judge: Published) -> None:
    assert await wire.check_raw(judge, "GET", f"{BASE}/auth/CheckApiKey") == 401
    with pytest.raises(ProviderLimitError):
        await HeyReachClient(wire.connection(BASE, "")).check_key()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodeType": "SHOUT"}, "invalid node type"),
        ({"actionDelay": 0}, "has invalid delay: 00:00:00"),
        ({"actionDelay": 101}, "invalid delay"),
        ({"conditionalNode": None}, "not terminated"),
        ({"unconditionalNode": {**_END, "actionDelay": 2}}, "has invalid delay: 02:00:00"),
        ({"unconditionalNode": {**_END, "unconditionalNode": _END}}, "cannot have children"),
        ({"payload": {"messages": ["Hi {{firstName}}"]}}, "fallbackMessage is required"),
        ({"payload": {"messages": ["x" * 301]}}, "too long"),
        ({"payload": None}, "messages are required"),
        ({"nodeType": "VIEW_PROFILE"}, "invalid children"),
        ({"nodeType": "MESSAGE", "conditionalNode": _INVITE}, "invalid children"),
        ({"nodeType": "INMAIL"}, "too long or empty"),
    ],
)
async def test_a_sequence_against_the_published_rules_is_refused(
    wire: Wire, client: HeyReachClient, judge: Published, change: dict[str, Any], words: str
) -> None:
    people_list = await client.create_list("People")
    body = {
        "name": "A",
        "linkedInUserListId": people_list.id,
        "linkedInAccountIds": [SEAT],
        "sequence": {**_INVITE, **change},
    }
    answer = await wire.raw("POST", f"{BASE}/campaign/Create", body, x_api_key="key")
    assert answer.status == 400
    assert words in json.loads(answer.body)["errorMessage"]
    assert await wire.check_raw(judge, "POST", f"{BASE}/campaign/Create", body, x_api_key="key") == 400


@pytest.mark.parametrize(("list_id", "seat"), [(99, SEAT), (1, SEAT + 5), (1, 5)])
async def test_a_campaign_needs_its_list_and_seats_that_are_signed_in(
    client: HeyReachClient, list_id: int, seat: int
) -> None:
    await client.create_list("People")
    with pytest.raises(ProviderRefusedError):
        await client.create_campaign(NewCampaign("A", list_id, (seat,), _INVITE))


async def test_requests_that_are_not_as_observed_fail_the_judge(
    wire: Wire, client: HeyReachClient, judge: Published
) -> None:
    number = await campaign(client)
    await client.add_leads(number, people(1))
    good = next(request for request, _ in wire.recorder.exchanges if request.url.endswith("AddLeadsToCampaignV2"))
    judge.check_request(good)
    asked = json.loads(good.body)
    many = asked["accountLeadPairs"] * 101
    wrong = [
        {**asked, "campaignId": "1"},
        {**asked, "accountLeadPairs": many},
        {**asked, "leads": []},
        {**asked, "accountLeadPairs": [{"lead": {}}]},
        {name: value for name, value in asked.items() if name != "campaignId"},
    ]
    broken = [replace(good, body=json.dumps(each).encode()) for each in wrong]
    broken.append(replace(good, headers={name: value for name, value in good.headers.items() if name != "X-API-KEY"}))
    broken.append(replace(good, url=good.url + "?campaignId=1"))
    broken.append(replace(good, url=good.url.replace("V2", "V3")))
    for each in broken:
        with pytest.raises(ContractError):
            judge.check_request(each)


async def test_a_schedule_is_sent_as_published(wire: Wire, client: HeyReachClient, judge: Published) -> None:
    people_list = await client.create_list("People")
    start = MONDAY_NINE.time().replace(hour=9)
    schedule = Schedule(start, start.replace(hour=17), "Australia/Sydney", frozenset({0, 5}))
    await client.create_campaign(NewCampaign("A", people_list.id, (SEAT,), _INVITE, schedule))
    sent = json.loads(wire.recorder.exchanges[-1][0].body)["schedule"]
    assert (sent["dailyStartTime"], sent["dailyEndTime"], sent["timeZoneId"]) == (
        "09:00:00",
        "17:00:00",
        "Australia/Sydney",
    )
    assert [name for name in sent if sent[name] is True] == ["enabledMonday", "enabledSaturday"]
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


def test_our_parser_reads_the_observed_samples() -> None:
    samples = {name: each for name, each in read_spec("heyreach/example.webhooks.json").items() if name != "x-source"}
    judge = published("heyreach/openapi.observed.json", BASE)
    for name, sample in samples.items():
        judge.check_message(sample, PAYLOAD)
        event = parse_event(json.dumps(sample).encode())
        assert (event.name, event.campaign_id, event.account_id) == (name, 12345, 678)
        assert event.profile_url == "https://www.linkedin.com/in/janedoe"
    reply = parse_event(json.dumps(samples["every_message_reply_received"]).encode())
    assert (reply.kind, reply.replies[0].text) == (LinkedInEventKind.REPLIED, "Thanks, tell me more")


def test_every_published_event_type_is_known() -> None:
    schema = read_spec("heyreach/openapi.observed.json")["components"]["schemas"]["WebhookPayload"]
    assert set(schema["properties"]["event_type"]["enum"]) == set(KINDS)
