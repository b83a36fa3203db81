"""HeyReach as observed: what our client sends strictly, what the sandbox answers or refuses so that nulls pass."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations.heyreach import HeyReachClient
from agency_os.integrations.heyreach_events import KINDS, LinkedInEventKind, parse_event
from agency_os.integrations.heyreach_types import LinkedInAction, NewCampaign, Schedule, one_step
from tests.contract.conftest import Wire
from tests.contract.heyreach_campaigns import (
    BASE,
    HTTP_OK,
    PAYLOAD,
    SEAT,
    accepted,
    campaign,
    people,
)
from tests.factories.sandbox import MONDAY_NINE
from tests.support.published import ContractError, Published, published, read_spec

pytestmark = pytest.mark.needs("specs")


@pytest.fixture
def judge() -> Published:
    return published("heyreach/openapi.observed.json", BASE)


@pytest.fixture
def client(wire: Wire) -> HeyReachClient:
    return HeyReachClient(wire.connection(BASE, "key"))


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


async def test_what_failed_is_counted_and_not_accepted(wire: Wire, client: HeyReachClient, judge: Published) -> None:
    number = await campaign(client)
    company = replace(people(1)[0], profile_url="https://www.linkedin.com/company/acme")
    strange = replace(people(1, 1)[0], account_id=SEAT + 1)
    added = await client.add_leads(number, [company, strange, *people(1, 2)])
    assert (added.added, added.updated, added.failed) == (1, 0, 2)
    assert [touch for _, touch, _ in accepted(wire)] == ["t-2"]
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
