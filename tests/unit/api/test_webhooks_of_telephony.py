"""Twilio's and Vapi's webhooks through the API: known by signature over the public address, answered as each wants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest

from agency_os.api.main import create_app
from agency_os_sandbox.signers import SIGNERS
from agency_os_sandbox.signing import Attempt
from tests.factories.api import RecordingIntake, api_settings, client_of, make_web
from tests.factories.outreach import MONDAY_NOON
from tests.factories.sandbox import SECRETS

PUBLIC = "https://api.agency.example"
SMS = urlencode({"MessageSid": "SM1", "From": "+61491570156", "To": "+61480000000", "Body": "Yes & no"}).encode()
ENDED = json.dumps({"message": {"type": "status-update", "status": "ended", "call": {"id": "c-1"}}}).encode()


@pytest.fixture
def intake() -> RecordingIntake:
    return RecordingIntake()


@pytest.fixture
async def client(intake: RecordingIntake) -> AsyncIterator[httpx.AsyncClient]:
    settings = api_settings(
        PUBLIC_URL=PUBLIC,
        TWILIO_ACCOUNT_SID="AC" + "0" * 32,
        TWILIO_AUTH_TOKEN=SECRETS.twilio_auth_token,
        VAPI_API_KEY="key",
        VAPI_WEBHOOK_SECRET=SECRETS.vapi_secret,
    )
    app = create_app(make_web(settings))
    app.state.intake = intake
    async with client_of(app) as client:
        yield client


def signed(provider: str, path: str, body: bytes) -> dict[str, str]:
    return SIGNERS[provider](Attempt(PUBLIC + path, "e-1", body, MONDAY_NOON), SECRETS)


async def test_a_text_message_is_stored_and_answered_without_words(
    client: httpx.AsyncClient, intake: RecordingIntake
) -> None:
    path = "/webhooks/twilio?touch=t-1"
    found = await client.post(path, content=SMS, headers=signed("twilio", path, SMS))
    (event,) = intake.events
    # A body in answer to a text message would have to be TwiML, and be sent back to the person.
    assert (found.status_code, found.content) == (204, b"")
    assert (event.provider, event.event_id, event.kind, event.body) == (
        "twilio", "SM1:received", "message.received", SMS
    )  # fmt: skip


async def test_the_address_that_twilio_called_is_part_of_what_is_signed(
    client: httpx.AsyncClient, intake: RecordingIntake
) -> None:
    headers = signed("twilio", "/webhooks/twilio", SMS)
    for path, body in (("/webhooks/twilio?touch=t-2", SMS), ("/webhooks/twilio", SMS + b"&More=1")):
        found = await client.post(path, content=body, headers=headers)
        assert (found.status_code, found.json()["code"]) == (401, "bad_signature")
    assert intake.events == []


async def test_a_calls_state_is_stored(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    found = await client.post("/webhooks/vapi", content=ENDED, headers=signed("vapi", "/webhooks/vapi", ENDED))
    (event,) = intake.events
    assert (found.status_code, found.json()) == (200, {"stored": True})
    assert (event.provider, event.kind) == ("vapi", "status-update.ended")


async def test_a_call_without_the_secret_is_not(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    found = await client.post("/webhooks/vapi", content=ENDED, headers={"X-Vapi-Secret": "no"})
    assert (found.status_code, intake.events) == (401, [])
