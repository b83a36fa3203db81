"""Vapi as published: what our client sends strictly, what the sandbox answers and its server messages.

The description declares no bodies of errors; their shape is what Vapi's users report (provider-specs, Vapi).
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, SignatureError
from agency_os.integrations.vapi import CallRequest, VapiClient, VapiNumber
from agency_os.integrations.vapi_events import REPORT, CallReport, CallStatus, OtherMessage, parse_message, verify
from agency_os_sandbox.providers.vapi_calls import course_of
from agency_os_sandbox.signers import SIGNERS
from agency_os_sandbox.signing import Attempt
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import MONDAY_NINE, SECRETS, SEED
from tests.integration.sandbox.conftest import Product, Served, product, served
from tests.support.published import ContractError, Published, published, read_spec

pytestmark = pytest.mark.needs("specs")
__all__ = ["product", "served"]  # fixtures

BASE = f"{HOST}/vapi"
KEY = "vapi-sandbox"
OURS = "+61480000000"
ACCOUNT = "AC" + "0" * 32
ERROR_SCHEMA = json.dumps(
    {
        "type": "object",
        "required": ["message", "error", "statusCode"],
        "properties": {"message": {"type": "string"}, "error": {"type": "string"}, "statusCode": {"type": "integer"}},
        "additionalProperties": False,
    }
)
REASONS = ["customer-ended-call", "assistant-ended-call", "voicemail", "customer-did-not-answer", "customer-busy"]


def someone(reason: str = "customer-ended-call") -> str:
    """A number whose first call ends like this."""
    numbers = (f"+61491{number:06d}" for number in range(570000, 571000))
    return next(each for each in numbers if course_of(SEED, each, 0).ended_reason == reason)


@pytest.fixture
def judge() -> Published:
    return published("vapi/openapi.json", BASE, ERROR_SCHEMA)


@pytest.fixture
def client(wire: Wire) -> VapiClient:
    return VapiClient(wire.connection(BASE, KEY))


async def imported(client: VapiClient) -> VapiNumber:
    return await client.import_twilio_number(OURS, account_sid=ACCOUNT, auth_token="twilio-token", name="Agency")


def call_to(number: str, phone_number_id: str, **more: Any) -> CallRequest:
    given: dict[str, Any] = {"assistant_id": "a-1", **more}
    return CallRequest(phone_number_id, number, "t-1", **given)


def told(wire: Wire) -> list[tuple[str, dict[str, Any], bytes]]:
    """Address, message and bytes of every server message, in their order."""
    rows = wire.sandbox.store.all("SELECT * FROM outbox WHERE provider = 'vapi' ORDER BY due, n")
    return [(row["address"], json.loads(row["body"]), row["body"].encode()) for row in rows]


FULL: dict[str, Any] = {
    "customer_name": "Jo Citizen",
    "external_id": "lead-1",
    "overrides": {
        "variableValues": {"first_name": "Jo"},
        "metadata": {"touch": "t-1"},
        "firstMessage": "Hello Jo",
        "maxDurationSeconds": 600,
        "server": {"url": "https://hooks.example.com/webhooks/vapi"},
    },
}
WHOLE: dict[str, Any] = {
    "assistant_id": None,
    "assistant": {
        "name": "Caller",
        "firstMessage": "Hello",
        "model": {"provider": "anthropic", "model": "claude-3-5-sonnet-20241022"},
        "voice": {"provider": "11labs", "voiceId": "burt"},
    },
}


@pytest.mark.parametrize("more", [{}, FULL, WHOLE], ids=["bare", "full", "whole assistant"])
async def test_a_call_is_as_published(wire: Wire, client: VapiClient, judge: Published, more: dict[str, Any]) -> None:
    number = await imported(client)
    person = someone()
    call = await client.start_call(call_to(person, number.id, **more))
    assert (call.status, call.number, call.name, call.units) == ("queued", person, "t-1", Decimal(0))
    row = wire.sandbox.store.all("SELECT * FROM oracle WHERE operation = 'calls.create'")[0]
    minutes = course_of(SEED, person, 0).minutes
    assert (row["recipient"], row["touch"], Decimal(row["units"])) == (person, "t-1", minutes)
    assert wire.check(judge) == [201, 201]
    address = "https://hooks.example.com/webhooks/vapi" if more is FULL else "/webhooks/vapi"
    assert {each[0] for each in told(wire)} == {address}


@pytest.mark.parametrize("reason", REASONS)
async def test_a_call_is_told_of_and_read_with_the_same_minutes(
    wire: Wire, client: VapiClient, judge: Published, reason: str
) -> None:
    person = someone(reason)
    call = await client.start_call(call_to(person, (await imported(client)).id))
    messages = told(wire)
    for _, body, _ in messages:
        judge.check_message(body, {"$ref": "#/components/schemas/ServerMessage"})
        name = "ServerMessageEndOfCallReport" if body["message"]["type"] == REPORT else "ServerMessageStatusUpdate"
        judge.check_message(body["message"], {"$ref": f"#/components/schemas/{name}"})
    parsed = [parse_message(raw) for _, _, raw in messages]
    states = [each.status for each in parsed if isinstance(each, CallStatus)]
    connected = reason not in ("customer-did-not-answer", "customer-busy")
    assert states == ["queued", "ringing", *(["in-progress"] if connected else []), "ended"]
    report = parsed[-1]
    assert isinstance(report, CallReport)
    assert (report.call_id, report.name, report.number, report.ended_reason) == (call.id, "t-1", person, reason)
    assert (report.units > 0, bool(report.transcript), report.summary is not None) == (connected,) * 3
    assert report.units == course_of(SEED, person, 0).minutes
    wire.sandbox.clock.advance(MONDAY_NINE + timedelta(minutes=10))
    read = await client.read_call(call.id)
    assert read is not None
    assert (read.status, read.ended_reason, read.units) == ("ended", reason, report.units)
    assert wire.check(judge) == [201, 201, 200]


async def test_look_ups_are_as_published(wire: Wire, client: VapiClient, judge: Published) -> None:
    number = await imported(client)
    first = await client.start_call(call_to(someone(), number.id))
    wire.sandbox.clock.advance(MONDAY_NINE + timedelta(minutes=1))
    second = await client.start_call(call_to(someone("voicemail"), number.id))
    everything = await client.list_calls(MONDAY_NINE, MONDAY_NINE + timedelta(hours=1), phone_number_id=number.id)
    assert [each.id for each in everything] == [second.id, first.id]
    earlier = await client.list_calls(MONDAY_NINE - timedelta(hours=1), MONDAY_NINE)
    assert [(each.id, each.name) for each in earlier] == [(first.id, "t-1")]
    assert await client.read_call("2f5a7c1e-0000-4000-8000-000000000000") is None
    assert await client.find_number(OURS) == number
    assert await client.find_number("+61480000001") is None
    assert wire.check(judge) == [201, 201, 201, 200, 200, 404, 200, 200]


async def test_a_numbers_token_is_kept_from_answers_and_errors(wire: Wire, client: VapiClient) -> None:
    await imported(client)
    rows = wire.sandbox.store.all("SELECT value FROM meta WHERE key = 'vapi_numbers'")
    assert "twilio-token" not in rows[0]["value"]
    assert b"twilio-token" in wire.recorder.exchanges[0][0].body
    assert b'"smsEnabled":false' in wire.recorder.exchanges[0][0].body


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
    wire: Wire, client: VapiClient, judge: Published, kind: str, statuses: list[int], outcome: Outcome | None
) -> None:
    number = await imported(client)
    await wire.fault("vapi", kind)
    if outcome is None:
        await client.start_call(call_to(someone(), number.id))
    else:
        with pytest.raises(ProviderError) as caught:
            await client.start_call(call_to(someone(), number.id))
        assert caught.value.outcome is outcome
    assert wire.check(judge)[1:] == statuses
    # What was accepted behind an error is found again by its name, and nothing else is.
    found = await client.list_calls(MONDAY_NINE, MONDAY_NINE)
    assert [each.name for each in found] == ([] if kind in ("500", "refused") else ["t-1"])


async def test_a_wrong_key_is_the_operators_to_mend(wire: Wire, judge: Published) -> None:
    with pytest.raises(ProviderLimitError):
        await VapiClient(wire.connection(BASE, "")).find_number(OURS)
    request, response = wire.recorder.exchanges[0]
    judge.check_answer(request, response)
    assert response.status == 401


@pytest.mark.parametrize(
    "change",
    [
        {"phoneNumberId": "another"},
        {"customer": {"number": "0491570156"}},
        {"assistantId": None},
        {"name": "n" * 41},
        {"customer": None},
    ],
    ids=["number", "spelling", "assistant", "name", "customer"],
)
async def test_what_vapi_refuses_is_as_published(
    wire: Wire, client: VapiClient, judge: Published, change: dict[str, Any]
) -> None:
    number = await imported(client)
    asked = {"name": "t", "assistantId": "a-1", "phoneNumberId": number.id, "customer": {"number": someone()}}
    response = await wire.raw("POST", f"{BASE}/call", {**asked, **change}, authorization=f"Bearer {KEY}")
    judge.check_message(json.loads(response.body), json.loads(ERROR_SCHEMA))
    assert response.status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"name": "n" * 41},
        {"colour": "red"},
        {"customer": {"number": "1"}},
        {"customer": {"number": "+61491570156", "age": 44}},
        {"assistantOverrides": {"maxDurationSeconds": 5}},
        {"phoneNumberId": 7},
    ],
    ids=["long name", "unknown field", "short number", "unknown inner field", "too short", "wrong type"],
)
async def test_a_broken_request_is_not_as_published(
    wire: Wire, client: VapiClient, judge: Published, change: dict[str, Any]
) -> None:
    await client.start_call(call_to(someone(), (await imported(client)).id, **FULL))
    request, _ = wire.recorder.exchanges[-1]
    judge.check_request(request)
    broken = replace(request, body=json.dumps({**json.loads(request.body), **change}).encode())
    with pytest.raises(ContractError):
        judge.check_request(broken)


def test_the_published_messages_are_read(judge: Published) -> None:
    samples = read_spec("vapi/example.server-messages.json")
    report = parse_message(json.dumps(samples["end-of-call-report"]).encode())
    assert isinstance(report, CallReport)
    assert (report.units, report.external_id, report.number) == (Decimal(2), "our-lead-id", "+61491570156")
    assert (report.structured, report.success, report.cost_usd) == ({"interested": True}, "true", Decimal("0.1234"))
    assert report.recording_url == "https://storage.vapi.ai/example.wav"
    status = parse_message(json.dumps(samples["status-update"]).encode())
    assert isinstance(status, CallStatus)
    assert (status.status, status.ended_reason) == ("ended", "customer-did-not-answer")
    other = parse_message(json.dumps(samples["tool-calls"]).encode())
    assert isinstance(other, OtherMessage)
    assert (other.kind, other.call_id) == ("tool-calls", status.call_id)


async def test_messages_reach_the_product_with_the_secret(served: Served, product: Product) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    form = {"provider": "twilio", "number": OURS, "twilioAccountSid": ACCOUNT, "twilioAuthToken": "t"}
    _, number = await served.call("POST", "/vapi/phone-number", json=form, headers=headers)
    asked = {"name": "t-1", "assistantId": "a", "phoneNumberId": number["id"], "customer": {"number": someone()}}
    status, _ = await served.call("POST", "/vapi/call", json=asked, headers=headers)
    await served.move((MONDAY_NINE + timedelta(minutes=10)).isoformat())
    await served.settled()
    received = product.to("/webhooks/vapi")
    assert (status, len(received)) == (201, 5)
    for each in received:
        verify(each.headers, SECRETS.vapi_secret)
    assert isinstance(parse_message(received[-1].body), CallReport)


def test_a_wrong_secret_is_refused() -> None:
    headers = SIGNERS["vapi"](Attempt("http://api.example/", "e", b"{}", MONDAY_NINE), SECRETS)
    verify(headers, SECRETS.vapi_secret)
    for wrong in ({}, {"X-Vapi-Secret": ""}, {"X-Vapi-Secret": SECRETS.vapi_secret + "x"}):
        with pytest.raises(SignatureError):
            verify(wrong, SECRETS.vapi_secret)
    with pytest.raises(SignatureError):
        verify({"X-Vapi-Secret": ""}, "")


async def test_a_number_with_a_server_of_its_own_is_as_published(
    wire: Wire, client: VapiClient, judge: Published
) -> None:
    number = await client.import_twilio_number(
        OURS,
        account_sid=ACCOUNT,
        auth_token="twilio-token",
        name="Agency",
        server_url="https://hooks.example.com/webhooks/vapi",
        credential_id="cr-1",
    )
    await client.start_call(call_to(someone(), number.id))
    assert wire.check(judge) == [201, 201]
    assert {each[0] for each in told(wire)} == {"https://hooks.example.com/webhooks/vapi"}
