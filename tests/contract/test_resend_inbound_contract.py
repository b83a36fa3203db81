"""Resend's received mail as published: our requests strictly, the sandbox's answers and event so that nulls pass."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.datastructures import Headers, QueryParams

from agency_os.exceptions import ProviderError, ProviderLimitError
from agency_os.integrations import resend
from agency_os.integrations.mail_transport import MailEventKind
from agency_os.integrations.resend import ResendClient
from agency_os.integrations.resend_inbound import ResendInboundClient
from agency_os.kit.http import HttpRequest, HttpResponse
from agency_os_sandbox.gateway import Answer, Call
from agency_os_sandbox.inbound import Inbound
from agency_os_sandbox.world.behaviour import LETTERS, Act
from tests.contract.conftest import HOST, Wire
from tests.contract.test_resend_contract import BARE, BASE, EMAIL, ERROR_SCHEMA
from tests.factories.sandbox import MONDAY_NINE, World, message, people_who
from tests.support.published import ContractError, Published, published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")

STATUS = "Final-Recipient: rfc822; jo@company.example\nAction: failed\nStatus: 5.1.1\n"
LETTER: dict[str, Any] = {
    "from": "Jo Citizen <jo@company.example>",
    "to": ["Ada <reply+abc234@in.agency.example>", "other@agency.example"],
    "cc": "cc@company.example",
    "subject": "Re: Enquiries – für Jo",
    "message_id": "<m-1@company.example>",
    "text": "Tuesday suits me.\n",
    "html": "<p>Tuesday suits me.</p>",
    "headers": {"in-reply-to": "<a@b.example>", "references": "<0@b.example> <a@b.example>", "x-mailer": "Mail"},
}
REPORT = {
    **LETTER,
    "from": "mailer-daemon@company.example",
    "attachments": [
        {"filename": "status.txt", "content_type": "message/delivery-status; charset=us-ascii",
         "content": b64encode(STATUS.encode()).decode()},
        {"filename": "logo.png", "content_type": "image/png", "content_disposition": "inline", "content_id": "logo",
         "content": b64encode(b"\x89PNG").decode()},
    ],
}  # fmt: skip
UNKNOWN = "4ef9a417-02e9-4d39-ad75-9611e0fcc33c"
AUTHORISED = {"authorization": "Bearer re_x", "user_agent": "test"}


@pytest.fixture
def judge() -> Published:
    return published("resend/openapi.json", BASE, ERROR_SCHEMA)


@pytest.fixture
def client(wire: Wire) -> ResendInboundClient:
    return ResendInboundClient(wire.connection(BASE, "re_test"))


async def arrive(wire: Wire, letter: dict[str, Any]) -> str:
    """Let Resend receive a letter; its id."""
    response = await wire.raw("POST", f"{HOST}/control/inbound", letter)
    assert response.status == 201, response.body
    return str(json.loads(response.body)["email_id"])


def downloads(wire: Wire) -> list[HttpRequest]:
    """The requests to the attachments' own address, which is not the API's; they are taken out of the record."""
    found = [request for request, _ in wire.recorder.exchanges if "/inbound-cdn/" in request.url]
    wire.recorder.exchanges[:] = [each for each in wire.recorder.exchanges if each[0] not in found]
    return found


async def test_a_letter_is_as_published_and_is_read_whole(
    wire: Wire, client: ResendInboundClient, judge: Published
) -> None:
    email_id = await arrive(wire, LETTER)
    mail = await client.received(email_id, now=MONDAY_NINE)
    assert mail is not None
    assert (mail.from_email, mail.from_name, mail.mailbox_hash) == ("jo@company.example", "Jo Citizen", "abc234")
    assert mail.to == ("reply+abc234@in.agency.example", "other@agency.example", "cc@company.example")
    assert (mail.subject, mail.text, mail.html) == (LETTER["subject"], LETTER["text"], LETTER["html"])
    assert (mail.message_id, mail.in_reply_to) == ("<m-1@company.example>", "<a@b.example>")
    assert mail.references == ("<0@b.example>", "<a@b.example>")
    assert (mail.header("X-Mailer"), mail.received_at, mail.reports) == ("Mail", MONDAY_NINE, ())
    assert wire.check(judge) == [200]


async def test_the_event_of_a_letter_is_as_published_and_leads_to_it(
    wire: Wire, client: ResendInboundClient, judge: Published
) -> None:
    email_id = await arrive(wire, REPORT)
    (row,) = wire.sandbox.store.all("SELECT * FROM outbox")
    schema = read_spec("resend/openapi.json")["webhooks"]["email.received"]["post"]["requestBody"]
    judge.check_message(json.loads(row["body"]), schema["content"]["application/json"]["schema"])
    event = resend.parse_event(row["body"].encode(), row["event_id"])
    assert (event.kind, event.provider_message_id) == (MailEventKind.RECEIVED, email_id)
    assert STATUS not in row["body"]
    assert event.provider_message_id is not None
    assert await client.received(event.provider_message_id, now=MONDAY_NINE) is not None


async def test_the_parts_of_a_report_are_fetched_without_our_key(
    wire: Wire, client: ResendInboundClient, judge: Published
) -> None:
    email_id = await arrive(wire, REPORT)
    mail = await client.received(email_id, now=MONDAY_NINE)
    assert mail is not None
    assert [(part.content_type, part.text) for part in mail.reports] == [("message/delivery-status", STATUS)]
    (download,) = downloads(wire)
    assert "re_test" not in f"{dict(download.headers)} {download.url}"
    assert wire.check(judge) == [200, 200]


async def test_attachments_are_as_published(wire: Wire, client: ResendInboundClient, judge: Published) -> None:
    email_id = await arrive(wire, REPORT)
    status, logo = await client.attachments(email_id)
    assert (status.filename, status.content_type, status.size) == (
        "status.txt", "message/delivery-status", len(STATUS),
    )  # fmt: skip
    assert (logo.is_inline, logo.content_id, status.is_inline) == (True, "logo", False)
    assert status.expires_at == MONDAY_NINE + timedelta(hours=1)
    assert wire.check(judge) == [200]
    url = f"{BASE}/emails/receiving/{email_id}/attachments/{logo.id}"
    assert await wire.check_raw(judge, "GET", url, **AUTHORISED) == 200
    assert logo.download_url is not None
    assert logo.download_url not in repr(logo)
    assert (await wire.raw("GET", logo.download_url)).body == b"\x89PNG"


async def test_an_attachments_address_holds_for_an_hour_and_for_that_attachment(
    wire: Wire, client: ResendInboundClient
) -> None:
    email_id = await arrive(wire, REPORT)
    first, second = [each.download_url or "" for each in await client.attachments(email_id)]
    path, _, query = first.partition("?")
    assert (await wire.raw("GET", f"{second.partition('?')[0]}?{query}")).status == 403
    assert (await wire.raw("GET", path)).status == 403
    assert (await wire.raw("POST", f"{HOST}/control/clock", {"hours": 2})).status == 200
    assert (await wire.raw("GET", first)).status == 403


async def test_letters_are_listed_newest_first_and_page_by_page(
    wire: Wire, client: ResendInboundClient, judge: Published
) -> None:
    ids = [await arrive(wire, {**LETTER, "subject": f"Letter {number}"}) for number in range(5)]
    found, after, pages = [], None, 0
    while pages == 0 or after is not None:
        page = await client.list_received(limit=2, after=after)
        found += [each.id for each in page.emails]
        after, pages = page.after, pages + 1
    assert (found, pages) == (ids[::-1], 3)
    (newest,) = (await client.list_received(limit=1)).emails
    assert (newest.subject, newest.message_id) == ("Letter 4", "<m-1@company.example>")
    assert newest.created_at == MONDAY_NINE
    assert wire.check(judge) == [200] * 4
    url = f"{BASE}/emails/receiving?limit=2&before={ids[1]}"
    response = await wire.raw("GET", url, **AUTHORISED)
    assert [each["id"] for each in json.loads(response.body)["data"]] == [ids[3], ids[2]]


async def test_a_letter_that_is_not_known_is_as_published(
    wire: Wire, client: ResendInboundClient, judge: Published
) -> None:
    assert await client.received(UNKNOWN, now=MONDAY_NINE) is None
    with pytest.raises(ProviderError):
        await client.attachments(UNKNOWN)
    with pytest.raises(ProviderError):
        await client.list_received(after=UNKNOWN)
    assert wire.check(judge) == [404, 404, 404]


@pytest.mark.parametrize("act", sorted(LETTERS))
async def test_people_write_to_resend_where_control_says_so(wire: Wire, world: World, act: Act) -> None:
    Inbound(world.store).choose({"provider": "resend"})
    address = next(people_who(act))
    world.send([message(address)])
    world.live(days=40)
    assert world.parcels("postmark") == []
    events = [each["body"] for each in world.parcels("resend") if each["event"] == "email.received"]
    (operation,) = [each for each in world.resend.operations() if each.name == "receiving.get"]
    client = ResendInboundClient(wire.connection(BASE, "re_test", _Answering(world, operation.handle)))
    mail = await client.received(events[0]["data"]["email_id"], now=MONDAY_NINE)
    assert mail is not None
    assert (mail.mailbox_hash, mail.from_email) == ("abc234", address)
    assert mail.in_reply_to in mail.references
    assert mail.text.strip()


class _Answering:
    """Carries requests to one operation of a world without HTTP."""

    def __init__(self, world: World, handle: Callable[[Call], Answer]) -> None:
        self._world = world
        self._handle = handle

    async def send(self, request: HttpRequest) -> HttpResponse:
        email_id = request.url.rpartition("/")[2]
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(
            "receiving.get", "GET", request.url, Headers(headers), QueryParams(), {"email_id": email_id}, b"",
            self._world.clock.now, HOST,
        )  # fmt: skip
        found = self._handle(call)
        return answer(found.status, found.content)

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_one_email_that_was_sent_is_as_published(wire: Wire, judge: Published) -> None:
    sender = ResendClient(wire.connection(BASE, "re_test"))
    (email_id,) = (await sender.send(EMAIL, key="k-1")).ids
    email = await sender.read_email(email_id)
    assert email is not None
    assert (email.id, email.to, email.last_event) == (email_id, (EMAIL.to,), "delivered")
    assert await sender.read_email(UNKNOWN) is None
    assert wire.check(judge) == [200, 200, 404]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/emails/receiving/{UNKNOWN}", {"user_agent": "test"}, 401),
        ("/emails/receiving", {**AUTHORISED, "authorization": "Bearer wrong"}, 403),
        ("/emails/receiving?limit=0", AUTHORISED, 400),
        (f"/emails/receiving?after={UNKNOWN}&before={UNKNOWN}", AUTHORISED, 400),
        (f"/emails/receiving/{UNKNOWN}/attachments/{UNKNOWN}", AUTHORISED, 404),
    ],
)
async def test_a_refusal_is_as_published(
    wire: Wire, judge: Published, path: str, headers: dict[str, str], status: int
) -> None:
    assert await wire.check_raw(judge, "GET", BASE + path, **headers) == status


@pytest.mark.parametrize(("kind", "statuses"), [("429", [429, 200]), ("500", [500, 200]), ("refused", [422])])
async def test_a_fault_speaks_as_published(
    wire: Wire, client: ResendInboundClient, judge: Published, kind: str, statuses: list[int]
) -> None:
    await wire.fault("resend", kind)
    if statuses[-1] == 200:
        await client.list_received()
    else:
        with pytest.raises(ProviderError):
            await client.list_received()
    assert wire.check(judge) == statuses


@pytest.mark.parametrize(
    "broken",
    [
        "/emails/receiving/e-1", "/emails/receiving/e-1/attachments", "/emails/receiving?limit=ten",
        "/emails/receiving?offset=5", "/emails/receiving?after=first", "/mail/receiving",
    ],
)  # fmt: skip
async def test_a_broken_look_up_is_not_as_published(
    wire: Wire, client: ResendInboundClient, judge: Published, broken: str
) -> None:
    await client.list_received()
    ((request, _),) = wire.recorder.exchanges
    judge.check_request(request)
    for wrong in (replace(request, url=BASE + broken), replace(request, headers={}), replace(request, method="PUT")):
        with pytest.raises(ContractError):
            judge.check_request(wrong)


@pytest.mark.parametrize(
    "change",
    [{"sender": "a@b.example"}, {"to": 7}, {"tags": {"touch": "t-1"}}, {"headers": ["X-A: b"]}, {"subject": None}],
    ids=["a wrong field", "a wrong type", "tags as an object", "headers as a list", "no subject"],
)
async def test_a_broken_email_is_not_as_published(wire: Wire, judge: Published, change: dict[str, Any]) -> None:
    await ResendClient(wire.connection(BASE, "re_test")).send(BARE, key="k-1")
    ((request, _),) = wire.recorder.exchanges
    judge.check_request(request)
    with pytest.raises(ContractError):
        judge.check_request(replace(request, body=json.dumps({**json.loads(request.body), **change}).encode()))


async def test_a_key_for_sending_alone_can_be_mended(wire: Wire) -> None:
    refusal = answer(401, {"statusCode": 401, "name": "restricted_api_key", "message": "only for sending"})
    client = ResendInboundClient(wire.connection(BASE, "re_test", Script(refusal)))
    with pytest.raises(ProviderLimitError):
        await client.received(UNKNOWN, now=MONDAY_NINE)
