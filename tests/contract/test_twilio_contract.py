"""Twilio as published: what our client sends strictly, what the sandbox answers and signs, and one exchange by its SDK.

The description declares no errors; twilio.com/docs/usage/twilios-response shows their shape.
"""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, SignatureError
from agency_os.integrations.twilio import OPTED_OUT, OutgoingSms, SmsStatus, TwilioClient
from agency_os.integrations.twilio_events import CallStatusEvent, InboundSms, MessageStatusEvent, parse_event, verify
from agency_os.integrations.webhook import Webhook
from agency_os_sandbox.providers.twilio import POOL_NUMBER
from agency_os_sandbox.providers.twilio_people import Reply, is_reachable, reply_of
from agency_os_sandbox.signers import SIGNERS
from agency_os_sandbox.signing import Attempt
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import MONDAY_NINE, SECRETS, SEED
from tests.integration.sandbox.conftest import Product, Served, product, served
from tests.support.published import ContractError, Published, published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")
__all__ = ["product", "served"]  # fixtures

BASE = f"{HOST}/twilio"
ACCOUNT = "AC" + "0" * 32
ROOT = f"{BASE}/2010-04-01/Accounts/{ACCOUNT}"
OURS = "+61480000000"
SERVICE = "MG" + "0" * 32
FORM_MEDIA = "application/x-www-form-urlencoded"
_PAIR = base64.b64encode(f"{ACCOUNT}:{SECRETS.twilio_auth_token}".encode()).decode()
WIRE_HEADERS = {"authorization": f"Basic {_PAIR}", "content_type": FORM_MEDIA}
CALLBACK = "https://hooks.example.com/webhooks/twilio?touch=t-1"
ERROR_SCHEMA = json.dumps(
    {
        "type": "object",
        "required": ["code", "message", "more_info", "status"],
        "properties": {
            "code": {"type": "integer", "minimum": 20000, "maximum": 65000},
            "message": {"type": "string"},
            "more_info": {"type": "string", "pattern": "^https://www.twilio.com/docs/errors/[0-9]{5}$"},
            "status": {"type": "integer"},
        },
        "additionalProperties": False,
    }
)


def mobiles() -> list[str]:
    return [f"+61491{number:06d}" for number in range(570000, 571000)]


def someone(*, stops: bool | None = None, reachable: bool = True) -> str:
    """A number whose owner answers the first message by STOP, by other words, or (None) not at all."""

    def fits(reply: Reply | None) -> bool:
        return reply is None if stops is None else reply is not None and reply.is_stop is stops

    return next(each for each in mobiles() if is_reachable(SEED, each) is reachable and fits(reply_of(SEED, each, 0)))


QUIET = someone()


@pytest.fixture
def judge() -> Published:
    return published("twilio/api_v2010.json", BASE, ERROR_SCHEMA)


@pytest.fixture
def client(wire: Wire) -> TwilioClient:
    return TwilioClient(wire.connection(BASE, SECRETS.twilio_auth_token), ACCOUNT)


def sms(
    to: str = QUIET, body: str = "Hello – a question?", sender: str = OURS, callback: str | None = None
) -> OutgoingSms:
    return OutgoingSms(to, sender, body, callback)


def forms(wire: Wire) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Every webhook that waits or was delivered: its row and its form."""
    rows = wire.sandbox.store.all("SELECT * FROM outbox WHERE provider = 'twilio' ORDER BY due, n")
    return [(dict(row), dict(parse_qsl(row["body"], keep_blank_values=True))) for row in rows]


def later(wire: Wire, **span: float) -> datetime:
    moment = wire.sandbox.clock.now + timedelta(**span)
    wire.sandbox.clock.advance(moment)
    return moment


@pytest.mark.parametrize(
    ("message", "units"),
    [
        (sms(), 1),
        (sms(body="x" * 161, callback=CALLBACK), 2),
        (sms(body="ż" * 71, sender=SERVICE), 2),
        (sms(body="x" * 1600, sender="Agency"), 11),
    ],
    ids=["number", "callback", "service", "name"],
)
async def test_a_message_is_as_published(
    wire: Wire, client: TwilioClient, judge: Published, message: OutgoingSms, units: int
) -> None:
    sent = await client.send_sms(message)
    assert (sent.status, sent.to, sent.units) == (SmsStatus.QUEUED, message.to, Decimal(units))
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'twilio'")
    expected = "t-1" if message.status_callback else None
    assert [(row["recipient"], row["touch"], Decimal(row["units"])) for row in rows] == [
        (message.to, expected, Decimal(units))
    ]
    assert wire.check(judge) == [201]


async def test_look_ups_are_as_published(wire: Wire, client: TwilioClient, judge: Published) -> None:
    first = await client.send_sms(sms(body="one"))
    noon = later(wire, minutes=1)
    second = await client.send_sms(sms(body="two"))
    await client.send_sms(sms(to=someone(stops=False)))
    assert (await client.read_message(first.sid)) is not None
    assert await client.read_message("SM" + "1" * 32) is None
    assert [each.body for each in await client.find_messages(to=QUIET, sender=OURS)] == ["two", "one"]
    assert [each.sid for each in await client.find_messages(to=QUIET, sent_since=noon)] == [second.sid]
    assert wire.check(judge) == [201, 201, 201, 200, 404, 200, 200]


async def test_a_list_is_followed_to_its_end(wire: Wire, client: TwilioClient, judge: Published) -> None:
    for number in range(101):
        await client.send_sms(sms(body=f"number {number}"))
    found = await client.find_messages(to=QUIET)
    assert [each.body for each in found] == [f"number {number}" for number in reversed(range(101))]
    assert wire.check(judge)[101:] == [200, 200]


async def test_a_numbers_webhook_is_set_as_published(wire: Wire, client: TwilioClient, judge: Published) -> None:
    number = await client.find_number(OURS)
    assert number is not None
    changed = await client.set_sms_webhook(number.sid, "https://hooks.example.com/webhooks/twilio")
    again = await client.find_number(OURS)
    assert changed == again
    assert (number.sms_url, changed.sms_url) == (None, "https://hooks.example.com/webhooks/twilio")
    assert wire.check(judge) == [200, 200, 200]


async def test_whoever_said_stop_is_refused_by_its_own_code(wire: Wire, client: TwilioClient, judge: Published) -> None:
    person = someone(stops=True)
    await client.send_sms(sms(person))
    later(wire, hours=3)
    inbound = await client.find_messages(to=OURS)
    assert [(each.sender, each.is_inbound, each.status) for each in inbound] == [(person, True, SmsStatus.RECEIVED)]
    with pytest.raises(ProviderError) as caught:
        await client.send_sms(sms(person))
    assert (caught.value.provider_code, caught.value.outcome) == (OPTED_OUT, Outcome.NOT_ACCEPTED)
    await client.send_sms(sms(person, sender="Agency"))  # an opt-out is between two numbers
    assert wire.check(judge) == [201, 200, 400, 201]


@pytest.mark.parametrize(
    ("kind", "statuses", "outcome"),
    [
        ("429", [429, 201], None),
        ("500", [500], Outcome.UNKNOWN),
        ("accepted_then_500", [500], Outcome.UNKNOWN),
        ("refused", [400], Outcome.NOT_ACCEPTED),
    ],
)
async def test_a_fault_speaks_as_published(
    wire: Wire, client: TwilioClient, judge: Published, kind: str, statuses: list[int], outcome: Outcome | None
) -> None:
    await wire.fault("twilio", kind)
    if outcome is None:
        await client.send_sms(sms())
    else:
        with pytest.raises(ProviderError) as caught:
            await client.send_sms(sms())
        assert caught.value.outcome is outcome
        assert (caught.value.request_id or "").startswith("RQ")
    assert wire.check(judge) == statuses
    # What was accepted behind an error is found again, and nothing else is.
    assert len(await client.find_messages(to=QUIET)) == (0 if kind in ("500", "refused") else 1)


async def test_a_wrong_token_is_the_operators_to_mend(wire: Wire, judge: Published) -> None:
    with pytest.raises(ProviderLimitError) as caught:
        await TwilioClient(wire.connection(BASE, "wrong"), ACCOUNT).send_sms(sms())
    assert caught.value.provider_code == "20003"
    assert wire.check(judge) == [401]


REFUSED: dict[str, dict[str, str]] = {
    "21211": {"To": "+6140", "From": OURS, "Body": "x"},
    "21604": {"From": OURS, "Body": "x"},
    "21603": {"To": QUIET, "Body": "x"},
    "21602": {"To": QUIET, "From": OURS},
    "21614": {"To": "+61255501234", "From": OURS, "Body": "x"},
    "21617": {"To": QUIET, "From": OURS, "Body": "x" * 1601},
    "21609": {"To": QUIET, "From": OURS, "Body": "x", "StatusCallback": "not an address"},
}


@pytest.mark.parametrize("code", REFUSED)
async def test_what_twilio_refuses_is_as_published(wire: Wire, judge: Published, code: str) -> None:
    asked = ("POST", f"{ROOT}/Messages.json", urlencode(REFUSED[code]).encode())
    response = await wire.raw(*asked, **WIRE_HEADERS)
    assert (response.status, json.loads(response.body)["code"]) == (400, int(code))
    assert await wire.check_raw(judge, *asked, **WIRE_HEADERS) == 400


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/Messages.xml"},
        {"body": b"Body=x"},
        {"body": b"To=%2B61491570156&Body=x&Colour=red"},
        {"body": b"To=%2B61491570156&MessagingServiceSid=MG1"},
        {"path": "/Messages.json", "account": "AC1"},
        {"authorization": ""},
    ],
    ids=["path", "no recipient", "unknown field", "bad sid", "bad account", "no credentials"],
)
async def test_a_broken_request_is_not_as_published(
    wire: Wire, client: TwilioClient, judge: Published, change: dict[str, Any]
) -> None:
    await client.send_sms(sms())
    request, _ = wire.recorder.exchanges[0]
    judge.check_request(request)
    url = request.url.replace("/Messages.json", change.get("path", "/Messages.json"))
    headers = {**request.headers, "Authorization": change.get("authorization", request.headers["Authorization"])}
    broken = type(request)(
        request.method,
        url.replace(ACCOUNT, change.get("account", ACCOUNT)),
        {name: value for name, value in headers.items() if value},
        change.get("body", request.body),
    )
    with pytest.raises(ContractError):
        judge.check_request(broken)


@pytest.mark.parametrize("reachable", [True, False])
async def test_what_became_of_a_message_is_called_back_as_published(
    wire: Wire, client: TwilioClient, *, reachable: bool
) -> None:
    person = someone(reachable=reachable)
    sent = await client.send_sms(sms(person, callback=CALLBACK))
    sample = read_spec("twilio/example.webhooks.json")["message_status_callback" + ("" if reachable else "_failed")]
    told = forms(wire)
    assert [form["MessageStatus"] for _, form in told] == [
        "queued", "sent", "delivered" if reachable else "undelivered"
    ]  # fmt: skip
    assert {row["address"] for row, _ in told} == {CALLBACK}
    assert set(told[-1][1]) == set(sample) - {"MessagingServiceSid"}
    event = parse_event(told[-1][0]["body"].encode())
    assert isinstance(event, MessageStatusEvent)
    assert (event.message_sid, event.to, event.error_code) == (sent.sid, person, None if reachable else "30003")
    later(wire, seconds=6)
    now = await client.read_message(sent.sid)
    assert now is not None
    assert (now.status, now.error_code) == (event.status, event.error_code)


@pytest.mark.parametrize("stops", [True, False])
async def test_an_answer_arrives_as_published(wire: Wire, client: TwilioClient, *, stops: bool) -> None:
    person = someone(stops=stops)
    await client.send_sms(sms(person, sender=SERVICE))
    row, form = forms(wire)[-1]
    sample = read_spec("twilio/example.webhooks.json")["inbound_message"]
    assert set(form) == set(sample) - {"MessagingServiceSid"} - (set() if stops else {"OptOutType"})
    event = parse_event(row["body"].encode())
    assert isinstance(event, InboundSms)
    assert (event.sender, event.to, event.is_stop, row["address"]) == (person, POOL_NUMBER, stops, "/webhooks/twilio")


async def test_an_answer_goes_where_the_number_says(wire: Wire, client: TwilioClient) -> None:
    number = await client.find_number(OURS)
    assert number is not None
    await client.set_sms_webhook(number.sid, "https://hooks.example.com/webhooks/twilio")
    await client.send_sms(sms(someone(stops=True)))
    assert [row["address"] for row, _ in forms(wire)] == ["https://hooks.example.com/webhooks/twilio"]


def test_the_published_callbacks_are_read() -> None:
    samples = read_spec("twilio/example.webhooks.json")
    events = {
        name: parse_event(urlencode(samples[name]).encode())
        for name in ("message_status_callback", "message_status_callback_failed", "inbound_message")
    }
    assert [event.kind for event in events.values()] == ["message.delivered", "message.undelivered", "message.received"]
    stop = events["inbound_message"]
    assert isinstance(stop, InboundSms)
    assert stop.is_stop
    call = parse_event(urlencode(samples["voice_status_callback"]).encode())
    assert isinstance(call, CallStatusEvent)
    assert (call.status, call.seconds, call.to) == ("completed", 42, "+61491570156")
    assert call.occurred_at == datetime.fromisoformat("2026-11-23T04:30:00Z")


async def test_our_client_reads_the_published_answers(wire: Wire) -> None:
    document = read_spec("twilio/api_v2010.json")
    path = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]
    created = path["post"]["responses"]["201"]["content"]["application/json"]["examples"]
    for name, example in created.items():
        script = Script(answer(201, example["value"]))
        sent = await TwilioClient(wire.connection(BASE, "t", script), ACCOUNT).send_sms(sms())
        assert sent.units == 1, name
        assert sent.status is not SmsStatus.OTHER
    page = path["get"]["responses"]["200"]["content"]["application/json"]["examples"]["readFullPage1"]["value"]
    last = {**page, "next_page_uri": None}
    pages = Script(answer(200, {**page, "next_page_uri": page["next_page_uri"].replace("AC" + "a" * 32, ACCOUNT)}),
                   answer(200, last))  # fmt: skip
    found = await TwilioClient(wire.connection(BASE, "t", pages), ACCOUNT).find_messages()
    codes = [each["error_code"] and str(each["error_code"]) for each in page["messages"]]
    assert [each.error_code for each in found] == codes * 2
    assert [each.is_inbound for each in found] == [False, True, False, True]


Vector = dict[str, Any]


def checked(vector: Vector) -> None:
    body = vector["body"].encode() if "body" in vector else urlencode(vector["params"]).encode()
    media = {} if "body" in vector else {"Content-Type": FORM_MEDIA}
    shared = vector["auth_token"] if "X-Twilio-Webhooks-Signature-Settings" in vector["headers"] else ""
    token = "another" if shared else vector["auth_token"]
    verify(Webhook(body, {**vector["headers"], **media}, vector["url"]), token, shared)


def vectors(*, valid: bool) -> list[Vector]:
    found = [each for each in read_spec("signature-vectors.json")["twilio"] if each["valid"] is valid]
    assert found
    return found


def test_every_valid_vector_holds() -> None:
    for vector in vectors(valid=True):
        checked(vector)


def test_every_invalid_vector_and_every_altered_one_is_refused() -> None:
    for vector in vectors(valid=False):
        with pytest.raises(SignatureError):
            checked(vector)
    for vector in vectors(valid=True):
        more = {"body": vector["body"] + " "} if "body" in vector else {"params": {**vector["params"], "New": "1"}}
        for change in (more, {"auth_token": "12346"}, {"url": vector["url"].replace("my", "your") + "&x=1"}):
            with pytest.raises(SignatureError):
                checked({**vector, **change})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/webhooks/twilio", CALLBACK])
def test_twilios_own_validator_accepts_what_the_sandbox_signs_and_so_do_we(url: str) -> None:
    form = {"Body": "Grüße & more = fun?", "Empty": "", "From": QUIET, "NumMedia": "0"}
    body = urlencode(form).encode()
    headers = SIGNERS["twilio"](Attempt(url, "event-1", body, MONDAY_NINE), SECRETS)
    validator = RequestValidator(SECRETS.twilio_auth_token)
    assert validator.validate(url, form, headers["X-Twilio-Signature"])
    assert not validator.validate(url, {**form, "Body": "Gruesse"}, headers["X-Twilio-Signature"])
    verify(Webhook(body, headers, url), SECRETS.twilio_auth_token)
    for changed in (Webhook(body + b"&x=1", headers, url), Webhook(body, headers, url + "x"), Webhook(body, {}, url)):
        with pytest.raises(SignatureError):
            verify(changed, SECRETS.twilio_auth_token)


class Redirected:
    """The SDK knows no other address than Twilio's own: this HTTP client of it asks the sandbox instead."""

    def __init__(self, url: str) -> None:
        self._inner = TwilioHttpClient(timeout=20)
        self._url = url

    def request(self, method: str, url: str, *rest: Any, **named: Any) -> Any:
        return self._inner.request(method, url.replace("https://api.twilio.com", f"{self._url}/twilio"), *rest, **named)


async def test_twilios_sdk_completes_an_exchange_with_the_served_sandbox(served: Served, product: Product) -> None:
    sdk = Client(ACCOUNT, SECRETS.twilio_auth_token, http_client=Redirected(served.url))
    url = f"{product.url}/webhooks/twilio?touch=t-1"

    def exchange() -> tuple[str, str, list[str]]:
        made = sdk.messages.create(to=QUIET, from_=OURS, body="Hello from the SDK", status_callback=url)
        read = sdk.messages(made.sid).fetch()
        listed = sdk.messages.list(to=QUIET, date_sent_after=MONDAY_NINE - timedelta(days=1), page_size=1)
        return made.sid, read.body, [each.sid for each in listed]

    sid, body, listed = await asyncio.to_thread(exchange)
    assert (body, listed) == ("Hello from the SDK", [sid])
    await served.move((MONDAY_NINE + timedelta(minutes=1)).isoformat())
    await served.settled()
    received = product.to("/webhooks/twilio")
    statuses = [dict(parse_qsl(each.body.decode()))["MessageStatus"] for each in received]
    assert statuses == ["queued", "sent", "delivered"]
    validator = RequestValidator(SECRETS.twilio_auth_token)
    for each in received:
        form = dict(parse_qsl(each.body.decode(), keep_blank_values=True))
        assert validator.validate(url, form, each.headers["x-twilio-signature"])
        verify(Webhook(each.body, each.headers, url), SECRETS.twilio_auth_token)
