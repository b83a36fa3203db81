"""The sandbox's HeyReach without HTTP: what it remembers, what it takes back, and what it makes of garbage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers, QueryParams

from agency_os_sandbox.clock import VirtualClock, stamp
from agency_os_sandbox.faults import Faults
from agency_os_sandbox.gateway import Answer, Call
from agency_os_sandbox.outbox import Outbox
from agency_os_sandbox.providers.heyreach import HeyReach
from agency_os_sandbox.store import Store
from tests.factories.sandbox import MONDAY_NINE, SEED

END = {"nodeType": "END", "actionDelay": 3, "actionDelayUnit": "HOUR"}
INVITE = {
    "nodeType": "CONNECTION_REQUEST", "actionDelay": 3, "actionDelayUnit": "HOUR", "conditionalNode": END,
    "unconditionalNode": END, "payload": {"messages": ["Hi {{firstName}}"], "fallbackMessage": "Hi"},
}  # fmt: skip
SEAT = 1001
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from([1, 2**63, -(2**70)]) | st.text(max_size=8)
NAMES = st.sampled_from(
    "offset limit campaignId accountLeadPairs lead profileUrl filters sequence nodeType payload messages name "
    "linkedInUserListId linkedInAccountIds linkedInAccountId conversationId message customUserFields leadUrl".split()
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=15
)


class Desk:
    """HeyReach over a state folder, at a time that the test sets."""

    def __init__(self, folder: Path, seed: int = SEED) -> None:
        self.store = Store(folder)
        self.clock = VirtualClock(self.store, MONDAY_NINE)
        self.wall = 0.0
        outbox = Outbox(self.store, Faults(self.store, seed))
        self.heyreach = HeyReach(self.store, outbox, seed, "the-secret", lambda: self.wall)
        self.operations = {each.name: each for each in self.heyreach.operations()}

    def ask(self, name: str, body: object = None, *, key: str = "key", **query: object) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = {"account_id": str(SEAT), "conversation_id": "2-none"}
        asked = QueryParams({each: str(value) for each, value in query.items()})
        call = Call(name, "POST", "/", Headers({"x-api-key": key}), asked, path, raw, self.clock.now, "http://h")
        with self.store.transaction():
            return self.operations[name].handle(call)

    def campaign(self, sequence: object = INVITE) -> int:
        """A draft."""
        people = self.ask("lists.create", {"name": "People"}).content["id"]
        body = {"name": "A", "linkedInUserListId": people, "linkedInAccountIds": [SEAT], "sequence": sequence}
        return int(self.ask("campaigns.create", body).content["campaignId"])

    def add(self, campaign: int, *numbers: int, **more: object) -> Any:
        pairs = [{"lead": {"profileUrl": f"https://www.linkedin.com/in/p{n}", "firstName": f"P{n}"}} for n in numbers]
        return self.ask("campaigns.add_leads", {"campaignId": campaign, "accountLeadPairs": pairs, **more}).content

    def pass_time(self, **span: float) -> None:
        self.clock.advance(self.clock.now + timedelta(**span))

    def parcels(self) -> list[tuple[str, str, str]]:
        """Due, event and whose, of all that is or will be told."""
        rows = self.store.all("SELECT due, event, lane FROM outbox ORDER BY due, event, lane")
        return [(row["due"], row["event"], row["lane"]) for row in rows]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "desk")
    yield made
    made.store.close()


def test_what_people_do_is_the_same_in_any_order_of_arrival(tmp_path: Path) -> None:
    lives = []
    for folder, numbers in (("a", range(20)), ("b", reversed(range(20)))):
        desk = Desk(tmp_path / folder)
        campaign = desk.campaign()
        desk.add(campaign, *numbers)
        desk.ask("campaigns.start", campaignId=campaign)
        lives.append(desk.parcels())
        desk.store.close()
    assert lives[0] == lives[1]
    assert {event for _, event, _ in lives[0]} == {
        "connection_request_sent", "connection_request_accepted", "campaign_completed",
    }  # fmt: skip


def test_another_seed_is_another_world(tmp_path: Path) -> None:
    lives, seats = [], []
    for seed in (1, 2):
        desk = Desk(tmp_path / str(seed), seed)
        campaign = desk.campaign()
        desk.add(campaign, *range(20))
        desk.ask("campaigns.start", campaignId=campaign)
        lives.append(desk.parcels())
        seats.append(desk.ask("accounts.get", accountId=SEAT).content)
        desk.store.close()
    assert lives[0] != lives[1]
    assert seats[0] != seats[1]


def test_a_draft_tells_nothing_and_a_pause_takes_back_what_has_not_happened(desk: Desk) -> None:
    campaign = desk.campaign()
    desk.add(campaign, *range(10))
    assert desk.parcels() == []
    desk.ask("campaigns.start", campaignId=campaign)
    planned = desk.parcels()
    desk.pass_time(hours=6)
    now = stamp(desk.clock.now)
    desk.ask("campaigns.pause", campaignId=campaign)
    happened = [each for each in planned if each[0] <= now]
    assert desk.parcels() == happened
    assert 0 < len(happened) < len(planned)
    desk.pass_time(days=3)
    desk.ask("campaigns.resume", campaignId=campaign)
    later = [each for each in desk.parcels() if each not in happened]
    moved = [each for each in planned if each not in happened]
    assert [(event, lane) for _, event, lane in later] == [(event, lane) for _, event, lane in moved]
    assert all(due > stamp(desk.clock.now) for due, _, _ in later)


def test_a_stop_takes_back_this_leads_steps_alone(desk: Desk) -> None:
    campaign = desk.campaign()
    desk.add(campaign, *range(5))
    desk.ask("campaigns.start", campaignId=campaign)
    body = {"campaignId": campaign, "leadUrl": "https://www.linkedin.com/in/p3/"}
    assert desk.ask("campaigns.stop_lead", body).status == 200
    lanes = {lane.rpartition("/")[2] for _, _, lane in desk.parcels()}
    assert lanes >= {"p0", "p1", "p2", "p4"}
    assert "p3" not in lanes


def test_everything_is_on_disk(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    campaign = desk.campaign()
    desk.add(campaign, 1)
    desk.ask("campaigns.start", campaignId=campaign)
    before = (desk.parcels(), desk.ask("campaigns.get", campaignId=campaign).content)
    desk.store.close()
    again = Desk(tmp_path / "desk")
    assert (again.parcels(), again.ask("campaigns.get", campaignId=campaign).content) == before
    assert again.add(campaign, 1) == {"addedLeadsCount": 0, "updatedLeadsCount": 1, "failedLeadsCount": 0}
    again.store.close()


def test_the_same_profile_twice_in_one_request_is_one_lead(desk: Desk) -> None:
    assert desk.add(desk.campaign(), 1, 1, 2) == {"addedLeadsCount": 2, "updatedLeadsCount": 1, "failedLeadsCount": 0}


def test_300_requests_fit_into_any_minute_of_one_key(desk: Desk) -> None:
    assert {desk.ask("auth.check").status for _ in range(300)} == {200}
    desk.wall = 59.9
    assert desk.ask("auth.check").status == 429
    assert desk.ask("auth.check", key="other").status == 200
    desk.wall = 60.0
    assert desk.ask("auth.check").status == 200


def test_a_sequence_of_several_steps_is_lived_through(desk: Desk) -> None:
    texts_of_it = {"messages": ["Hi {{firstName}}", "Hello {{nickname}}"], "fallbackMessage": "Hello there"}
    message = {
        "nodeType": "MESSAGE", "actionDelay": 1, "actionDelayUnit": "DAY", "unconditionalNode": END,
        "payload": texts_of_it,
    }  # fmt: skip
    view = {"nodeType": "VIEW_PROFILE", "unconditionalNode": {**INVITE, "conditionalNode": message}}
    check = {"nodeType": "CHECK_IS_CONNECTION", "conditionalNode": message, "unconditionalNode": view}
    campaign = desk.campaign(check)
    desk.add(campaign, *range(30))
    desk.ask("campaigns.start", campaignId=campaign)
    desk.pass_time(days=60)
    assert desk.ask("campaigns.get", campaignId=campaign).content["status"] == "FINISHED"
    inbox = desk.ask("inbox.list", {"offset": 0, "limit": 100, "filters": {}}).content["items"]
    texts = {message["body"] for each in inbox for message in each["messages"] if message["sender"] == "ME"}
    assert "Hello there" in texts, "a field that is missing is answered by the fallback"
    assert any(text.startswith("Hi P") for text in texts)
    assert not any("{{" in text for text in texts)


def test_numbers_that_no_database_holds_are_refused(desk: Desk) -> None:
    page = {"offset": 0, "limit": 10}
    for number in (2**63, -(2**63) - 1):
        assert desk.ask("campaigns.leads", {**page, "campaignId": number}).status == 400
        assert desk.ask("campaigns.list", {**page, "accountIds": [number]}).status == 400


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data(), JSON | st.binary(max_size=30))
def test_garbage_is_refused_in_the_published_shapes(desk: Desk, data: st.DataObject, body: object) -> None:
    desk.wall += 61.0
    name = data.draw(st.sampled_from(sorted(desk.operations)))
    answer = desk.ask(name, body, campaignId=data.draw(st.text(max_size=5)), accountId="1001")
    desk.operations[name].describe(
        Call(name, "POST", "/", Headers(), QueryParams(), {}, _raw(body), desk.clock.now, "http://h")
    )
    assert answer.status in (200, 400, 404)
    if answer.status != 200:
        assert {"errorMessage", "errors"} & set(answer.content)


def _raw(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()
