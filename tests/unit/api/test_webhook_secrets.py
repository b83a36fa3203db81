"""What ends an address or doubles a header: no secret in an answer or a log, no captured webhook under another id."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from agency_os.api.main import create_app
from agency_os.repositories.inbound_event import NewEvent
from tests.factories.api import RecordingIntake, api_settings, client_of, make_web, resend_headers

SECRET = "heyreach-path-secret-01"
SETTINGS = {"HEYREACH_API_KEY": "key", "HEYREACH_WEBHOOK_SECRET": SECRET}
BODY = json.dumps({"type": "email.delivered", "created_at": "2026-11-23T02:00:00.000Z", "data": {}}).encode()


class BrokenIntake(RecordingIntake):
    """Breaks in a way that nobody foresaw."""

    async def store(self, event: NewEvent, *, now: datetime) -> None:  # noqa: ARG002 - see Intake
        raise RuntimeError("a defect")


def opened(intake: RecordingIntake, **settings: Any) -> httpx.AsyncClient:
    app = create_app(make_web(api_settings(**settings)))
    app.state.intake = intake
    return client_of(app)


async def test_a_defect_tells_the_secret_to_nobody() -> None:
    with capture_logs() as lines:
        async with opened(BrokenIntake(), **SETTINGS) as client:
            found = await client.post(f"/webhooks/heyreach/{SECRET}", content=b"{}")
    assert (found.status_code, found.json()["instance"]) == (500, "/webhooks/heyreach/{secret}")
    assert SECRET not in str(lines)


@pytest.mark.parametrize("ending", ["/", "/more", "?a=b", "%2F"])
async def test_an_address_that_is_none_of_ours_tells_it_no_more(ending: str) -> None:
    with capture_logs() as lines:
        async with opened(RecordingIntake(), **SETTINGS) as client:
            found = await client.get(f"/webhooks/heyreach/{SECRET}{ending}")
    assert SECRET not in found.text
    assert SECRET not in str(lines)


async def test_an_unsubscribe_links_token_is_in_no_answer() -> None:
    async with opened(RecordingIntake()) as client:
        found = await client.get("/u/some-token-of-somebody/more")
    assert "some-token" not in found.text


async def test_a_captured_webhook_cannot_be_stored_under_another_id() -> None:
    intake = RecordingIntake()
    signed = resend_headers(BODY)
    async with opened(intake) as client:
        doubled = await client.post("/webhooks/resend", content=BODY, headers=[("svix-id", "fake-1"), *signed.items()])
        genuine = await client.post("/webhooks/resend", content=BODY, headers=signed)
    assert (doubled.status_code, genuine.status_code) == (401, 200)
    assert [event.event_id for event in intake.events] == ["msg_1"]


def test_a_stored_body_is_in_no_repr() -> None:
    event = NewEvent("resend", "e", "k", b"what Pat wrote", datetime.min)  # noqa: DTZ901 - any time will do
    assert "Pat" not in repr(event)
