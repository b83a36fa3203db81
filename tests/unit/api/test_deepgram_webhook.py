"""Deepgram's callback through the API: known by its address's credentials or by what its body brings back."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from agency_os.api.main import create_app
from tests.factories.api import RecordingIntake, api_settings, client_of, make_web
from tests.factories.sandbox import SECRETS

ID = "a847f427-4ad5-4d67-9b95-db801e58251c"
PATH = "/webhooks/deepgram"


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"deepgram:{password}".encode()).decode()}


OURS = basic(SECRETS.deepgram_secret)


def callback() -> bytes:
    return json.dumps({"metadata": {"request_id": ID}, "results": {"channels": []}}).encode()


@pytest.fixture
def intake() -> RecordingIntake:
    return RecordingIntake()


async def opened(intake: RecordingIntake, **settings: Any) -> httpx.AsyncClient:
    app = create_app(make_web(api_settings(**settings)))
    app.state.intake = intake
    return client_of(app)


@pytest.fixture
async def client(intake: RecordingIntake) -> AsyncIterator[httpx.AsyncClient]:
    made = await opened(intake, DEEPGRAM_API_KEY="key", DEEPGRAM_CALLBACK_SECRET=SECRETS.deepgram_secret)
    async with made as client:
        yield client


async def test_our_callback_is_stored(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    body = callback()
    found = await client.post(PATH, content=body, headers=OURS)
    assert (found.status_code, found.json()) == (200, {"stored": True})
    assert [(event.provider, event.event_id, event.kind, event.body) for event in intake.events] == [
        ("deepgram", ID, "transcript", body)
    ]


@pytest.mark.parametrize("headers", [{}, basic("no"), basic("")])
async def test_a_strangers_is_not(client: httpx.AsyncClient, intake: RecordingIntake, headers: dict[str, str]) -> None:
    found = await client.post(PATH, content=callback(), headers=headers)
    assert (found.status_code, found.json()["code"], intake.events) == (401, "bad_signature", [])


async def test_a_long_call_of_several_megabytes_is_taken(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    body = callback()[:-1] + b', "pad": "' + b"x" * 5 * 1024 * 1024 + b'"}'
    assert (await client.post(PATH, content=body, headers=OURS)).status_code == 200
    assert (await client.post(PATH, content=body + b" " * 6 * 1024 * 1024, headers=OURS)).status_code == 413
    assert len(intake.events) == 1


async def test_our_callback_that_cannot_be_read_is_kept(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    assert (await client.post(PATH, content=b"not JSON", headers=OURS)).status_code == 200
    assert [event.kind for event in intake.events] == ["unreadable"]


async def test_without_deepgrams_settings_there_is_nobody_to_call(intake: RecordingIntake) -> None:
    async with await opened(intake) as client:
        assert (await client.post(PATH, content=callback(), headers=OURS)).status_code == 404
