"""Postmark's messages API as published: what our client sends strictly, what the sandbox answers so that nulls pass.

The description is an old one and declares 200, 422 and 500; postmarkapp.com/developer/api/overview names the others,
which have the same body.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations import postmark
from agency_os.integrations.postmark_api import MailPage, PostmarkClient
from agency_os.kit.http import HttpRequest
from agency_os_sandbox.world.behaviour import Act
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import MONDAY_NINE, message, people_who
from tests.support.published import ContractError, Published, published

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/postmark"
ERROR = json.dumps(
    {
        "type": "object",
        "required": ["ErrorCode", "Message"],
        "properties": {"ErrorCode": {"type": "integer"}, "Message": {"type": "string"}},
    }
)
TODAY = MONDAY_NINE.date()
TOKEN = {"x_postmark_server_token": "t"}


@pytest.fixture
def judge() -> Published:
    return published("postmark/server-api.swagger2.json", BASE, ERROR)


@pytest.fixture
def client(wire: Wire) -> PostmarkClient:
    return PostmarkClient(wire.connection(BASE, "token"))


async def letters(wire: Wire, count: int = 2) -> list[str]:
    """So many people have written back; Postmark's ids of their letters."""
    people = people_who(Act.INTERESTED)
    mails = [message(next(people)) for _ in range(count)]
    headers = {"authorization": "Bearer re_x", "user_agent": "test"}
    assert (await wire.raw("POST", f"{HOST}/resend/emails/batch", mails, **headers)).status == 200
    response = await wire.raw("POST", f"{HOST}/control/clock", {"hours": 24 * 40})
    assert response.status == 200
    rows = wire.sandbox.store.all("SELECT event_id FROM outbox WHERE provider = 'postmark' ORDER BY due DESC, n")
    return [row["event_id"] for row in rows]


async def search(client: PostmarkClient, status: str | None = None, offset: int = 0, count: int = 500) -> MailPage:
    until = TODAY + timedelta(days=60)
    return await client.search_inbound(since=TODAY, until=until, status=status, offset=offset, count=count)


def note(wire: Wire, message_id: str, state: str) -> None:
    wire.sandbox.store.execute("UPDATE outbox SET state = ?, attempts = 1 WHERE event_id = ?", (state, message_id))


async def test_what_came_in_is_found_page_by_page_and_is_as_published(
    wire: Wire, client: PostmarkClient, judge: Published
) -> None:
    ids = await letters(wire, 3)
    first = await search(client, count=2)
    assert first.next_offset == 2
    second = await search(client, offset=2, count=2)
    found = [each.message_id for each in (*first.found, *second.found)]
    assert (set(found), len(found), first.total, second.next_offset) == (set(ids), 3, 3, None)
    earlier = await client.search_inbound(since=TODAY - timedelta(days=9), until=TODAY - timedelta(days=1))
    assert (earlier.found, earlier.next_offset) == ((), None)
    assert wire.check(judge) == [200] * 3


async def test_details_are_as_published_and_are_what_the_webhook_told(
    wire: Wire, client: PostmarkClient, judge: Published
) -> None:
    message_id = (await letters(wire, 1))[0]
    details = await client.inbound(message_id, now=MONDAY_NINE)
    assert details is not None
    row = wire.sandbox.store.one("SELECT body FROM outbox WHERE event_id = ?", (message_id,))
    assert row is not None
    told = postmark.parse_webhook(row["body"].encode(), now=MONDAY_NINE)
    assert details.mail == told == postmark.parse_webhook(details.body, now=MONDAY_NINE)
    assert (await search(client)).found[0].event_id == details.mail.event_id
    assert await client.inbound("none", now=MONDAY_NINE) is None
    assert wire.check(judge) == [200, 200, 422]


async def test_a_status_tells_how_the_webhook_fares(wire: Wire, client: PostmarkClient, judge: Published) -> None:
    ids = await letters(wire, 1)
    seen = [(await search(client)).found[0].status]
    for state in ("pending", "delivered", "failed"):
        note(wire, ids[0], state)
        seen.append((await search(client)).found[0].status)
    assert seen == ["queued", "scheduled", "processed", "failed"]
    assert len((await search(client, "failed")).found) == 1
    assert (await search(client, "processed")).found == ()
    assert wire.check(judge) == [200] * 6


async def test_what_postmark_gave_up_on_is_sent_again(wire: Wire, client: PostmarkClient, judge: Published) -> None:
    ids = await letters(wire, 1)
    with pytest.raises(ProviderRefusedError) as caught:
        await client.retry_inbound(ids[0])
    note(wire, ids[0], "failed")
    await client.retry_inbound(ids[0])
    with pytest.raises(ProviderRefusedError):
        await client.retry_inbound("none")
    rows = wire.sandbox.store.all("SELECT body, state FROM outbox WHERE provider = 'postmark' ORDER BY n")
    assert [row["state"] for row in rows] == ["failed", "pending"]
    assert rows[0]["body"] == rows[1]["body"]
    assert (await search(client)).found[0].status == "queued"
    assert caught.value.provider_code == "703"
    assert wire.check(judge) == [422, 200, 422, 200]


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("count=500&offset=0", TOKEN, 200),
        ("count=500&offset=0", {}, 401),
        ("count=501&offset=0", TOKEN, 422),
        ("count=500&offset=9501", TOKEN, 422),
        ("offset=0", TOKEN, 422),
        ("count=1", TOKEN, 422),
        ("count=1&offset=0&status=lost", TOKEN, 422),
        ("count=1&offset=0&fromdate=soon", TOKEN, 422),
        ("count=1&offset=0&subject=enq&recipient=a@b.example", TOKEN, 200),
    ],
)
async def test_a_search_without_sense_is_refused_as_published(
    wire: Wire, judge: Published, query: str, headers: dict[str, str], status: int
) -> None:
    assert await wire.check_raw(judge, "GET", f"{BASE}/messages/inbound?{query}", **headers) == status


@pytest.mark.parametrize(
    ("kind", "statuses", "outcome"),
    [("429", [429, 200], None), ("500", [500], Outcome.UNKNOWN), ("refused", [422], Outcome.NOT_ACCEPTED)],
)
async def test_a_fault_speaks_as_published(
    wire: Wire, client: PostmarkClient, judge: Published, kind: str, statuses: list[int], outcome: Outcome | None
) -> None:
    ids = await letters(wire, 1)
    note(wire, ids[0], "failed")
    await wire.fault("postmark", kind)
    if outcome is None:
        await client.retry_inbound(ids[0])
    else:
        with pytest.raises(ProviderError) as caught:
            await client.retry_inbound(ids[0])
        assert caught.value.outcome is outcome
    assert wire.check(judge) == statuses


async def test_a_look_up_is_repeated_after_an_error(wire: Wire, client: PostmarkClient, judge: Published) -> None:
    await wire.fault("postmark", "500")
    assert (await search(client)).found == ()
    assert wire.check(judge) == [500, 200]


async def test_a_servers_webhooks_are_set_as_published(wire: Wire, client: PostmarkClient, judge: Published) -> None:
    await client.set_webhooks("https://postmark:secret@api.example/webhooks/postmark")
    assert wire.check(judge) == [200]
    kept = wire.sandbox.store.get_json("postmark_server", {})
    assert kept["InboundHookUrl"] == kept["BounceHookUrl"] == "https://postmark:secret@api.example/webhooks/postmark"


async def test_a_wrong_token_is_the_operators(wire: Wire) -> None:
    with pytest.raises(ProviderLimitError):
        await search(PostmarkClient(wire.connection(BASE, " ")))


async def test_a_broken_request_is_noticed(wire: Wire, client: PostmarkClient, judge: Published) -> None:
    await search(client)
    request = wire.recorder.exchanges[0][0]
    for broken in (
        replace(request, url=request.url.replace("count=500&", "")),
        replace(request, url=request.url.replace("offset=0", "offset=none")),
        replace(request, url=request.url + "&status=lost"),
        replace(request, url=request.url + "&limit=1"),
        replace(request, headers={"accept": "application/json"}),
        HttpRequest("DELETE", f"{BASE}/messages/inbound/x", TOKEN, b""),
    ):
        with pytest.raises(ContractError):
            judge.check_request(broken)


async def test_an_answer_that_is_not_as_published_is_noticed(
    wire: Wire, client: PostmarkClient, judge: Published
) -> None:
    await search(client)
    request, response = wire.recorder.exchanges[0]
    for status, body in ((200, {"TotalCount": "many"}), (422, {"ErrorCode": "ten", "Message": "no"})):
        with pytest.raises(ContractError):
            judge.check_answer(request, replace(response, status=status, body=json.dumps(body).encode()))
