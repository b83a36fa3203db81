"""Twilio's webhooks as published: what the sandbox calls back and signs, the vectors, and one exchange by its SDK."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from agency_os.exceptions import SignatureError
from agency_os.integrations.twilio import TwilioClient
from agency_os.integrations.twilio_events import CallStatusEvent, InboundSms, MessageStatusEvent, parse_event, verify
from agency_os.integrations.webhook import Webhook
from agency_os_sandbox.providers.twilio import POOL_NUMBER
from agency_os_sandbox.signers import SIGNERS
from agency_os_sandbox.signing import Attempt
from tests.contract.conftest import Wire
from tests.contract.twilio_messages import ACCOUNT, BASE, CALLBACK, OURS, QUIET, SERVICE, later, sms, someone
from tests.factories.sandbox import MONDAY_NINE, SECRETS
from tests.integration.sandbox.conftest import Product, Served, product, served
from tests.support.published import read_spec

pytestmark = pytest.mark.needs("specs")
__all__ = ["product", "served"]  # fixtures

FORM_MEDIA = "application/x-www-form-urlencoded"


@pytest.fixture
def client(wire: Wire) -> TwilioClient:
    return TwilioClient(wire.connection(BASE, SECRETS.twilio_auth_token), ACCOUNT)


def forms(wire: Wire) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Every webhook that waits or was delivered: its row and its form."""
    rows = wire.sandbox.store.all("SELECT * FROM outbox WHERE provider = 'twilio' ORDER BY due, n")
    return [(dict(row), dict(parse_qsl(row["body"], keep_blank_values=True))) for row in rows]


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
