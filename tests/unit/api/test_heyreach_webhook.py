"""HeyReach's address: its last part is the secret, and what a stranger sends is not even read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog

from agency_os.api.main import create_app
from agency_os.exceptions import UnavailableError
from tests.factories.api import RecordingIntake, api_settings, client_of, make_web

SECRET = "heyreach-path-secret-01"
BODY = json.dumps(
    {"event_type": "connection_request_accepted", "campaign": {"id": 1}, "sender": {"id": 2}, "lead": {"id": "A"}}
).encode()


@pytest.fixture
def intake() -> RecordingIntake:
    return RecordingIntake()


@pytest.fixture
async def client(intake: RecordingIntake) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(make_web(api_settings(HEYREACH_API_KEY="key", HEYREACH_WEBHOOK_SECRET=SECRET)))
    app.state.intake = intake
    async with client_of(app) as client:
        yield client


async def test_an_event_is_stored_by_what_it_tells_of(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    for _ in range(2):
        assert (await client.post(f"/webhooks/heyreach/{SECRET}", content=BODY)).status_code == 200
    events = [(event.provider, event.kind) for event in intake.events]
    assert events == [("heyreach", "connection_request_accepted")] * 2
    assert len({event.event_id for event in intake.events}) == 1


async def test_what_cannot_be_read_is_kept_for_a_person(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    assert (await client.post(f"/webhooks/heyreach/{SECRET}", content=b"<html>")).status_code == 200
    assert [event.kind for event in intake.events] == ["unreadable"]


@pytest.mark.parametrize("path", [SECRET.upper(), SECRET[:-1], "x", f"{SECRET}%00"])
async def test_a_wrong_secret_is_refused(client: httpx.AsyncClient, intake: RecordingIntake, path: str) -> None:
    response = await client.post(f"/webhooks/heyreach/{path}", content=BODY)
    assert (response.status_code, intake.events) == (401, [])
    assert SECRET not in response.text


async def test_the_secret_stands_in_no_log_and_no_answer(
    client: httpx.AsyncClient, intake: RecordingIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise UnavailableError("the database is away")

    monkeypatch.setattr(intake, "store", away)
    with structlog.testing.capture_logs() as lines:
        response = await client.post(f"/webhooks/heyreach/{SECRET}", content=BODY)
    assert (response.status_code, response.json()["instance"]) == (503, "/webhooks/heyreach/{secret}")
    assert [line["path"] for line in lines if line["event"] == "request_failed"] == ["/webhooks/heyreach/{secret}"]
    assert SECRET not in f"{lines} {response.text}"


async def test_without_a_secret_there_is_no_such_address(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    assert (await client.post("/webhooks/heyreach", content=BODY)).status_code in (404, 405)
    assert intake.events == []


async def test_where_heyreach_is_not_configured_nothing_is_taken() -> None:
    async with client_of(create_app(make_web())) as client:
        assert (await client.post(f"/webhooks/heyreach/{SECRET}", content=BODY)).status_code == 404
