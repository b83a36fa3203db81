"""Webhooks before the database: who is let in, and that nothing authentic is lost, whatever its form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from agency_os.api.main import create_app
from agency_os.integrations import postmark
from agency_os.kit.clock import FixedClock
from tests.factories.api import (
    PrefectStandIn,
    RecordingIntake,
    booking,
    cal_com_headers,
    client_of,
    delivered,
    inbound_mail,
    make_web,
    postmark_headers,
    resend_headers,
)
from tests.factories.outreach import MONDAY_NOON

KEYS = st.text(max_size=8) | st.sampled_from(
    "type created_at data tags to email_id bounce RecordType MessageID FromFull Email From Headers Attachments Date "
    "Content ContentType ToFull MailboxHash ID Metadata triggerEvent createdAt payload uid startTime endTime attendees "
    "metadata token responses".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


@pytest.fixture
def intake() -> RecordingIntake:
    return RecordingIntake()


@pytest.fixture
async def client(intake: RecordingIntake) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(make_web())
    app.state.intake = intake
    async with client_of(app) as client:
        yield client


async def test_resends_event_is_known_by_its_signed_id(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    body = delivered()
    assert (await client.post("/webhooks/resend", content=body, headers=resend_headers(body, "msg_9"))).json() == {
        "stored": True
    }
    (event,) = intake.events
    assert (event.provider, event.event_id, event.kind, event.body) == ("resend", "msg_9", "email.delivered", body)
    assert event.occurred_at == datetime(2026, 11, 23, 1, 59, tzinfo=UTC)


async def test_postmarks_mail_is_known_by_its_message(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    await client.post("/webhooks/postmark", content=inbound_mail("m7"), headers=postmark_headers())
    (event,) = intake.events
    assert (event.provider, event.event_id, event.kind) == ("postmark", "inbound:m7", "inbound")
    assert event.occurred_at == MONDAY_NOON


async def test_postmarks_records_are_named_by_their_type(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    body = b'{"RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "BouncedAt": "2026-11-23T01:00:00Z"}'
    await client.post("/webhooks/postmark", content=body, headers=postmark_headers())
    (event,) = intake.events
    assert (event.event_id, event.kind, event.occurred_at.hour) == ("Bounce:42", "Bounce", 1)


async def test_cal_coms_booking_is_named_by_its_trigger(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    body = booking("b7")
    await client.post("/webhooks/cal-com", content=body, headers=cal_com_headers(body))
    (event,) = intake.events
    assert (event.provider, event.kind) == ("cal_com", "BOOKING_CREATED")
    assert event.event_id.startswith("BOOKING_CREATED:b7:")


async def test_a_signature_over_other_bytes_is_401(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    resend = await client.post("/webhooks/resend", content=delivered("e2"), headers=resend_headers(delivered("e1")))
    cal_com = await client.post("/webhooks/cal-com", content=booking("b2"), headers=cal_com_headers(booking("b1")))
    assert [(each.status_code, each.json()["code"]) for each in (resend, cal_com)] == [(401, "bad_signature")] * 2
    assert intake.events == []


@pytest.mark.parametrize("headers", [{}, postmark_headers(password="wrong"), postmark_headers(user="other")])
async def test_postmark_never_gets_403_which_would_stop_it_for_good(
    client: httpx.AsyncClient, intake: RecordingIntake, headers: dict[str, str]
) -> None:
    found = await client.post("/webhooks/postmark", content=inbound_mail(), headers=headers)
    assert (found.status_code, intake.events) == (401, [])
    assert found.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(("minutes", "status"), [(-6, 401), (-4, 200), (4, 200), (6, 401)])
async def test_the_tolerance_is_of_business_time(intake: RecordingIntake, minutes: int, status: int) -> None:
    app = create_app(make_web(clock=FixedClock(MONDAY_NOON + timedelta(minutes=minutes))))
    app.state.intake = intake
    body = delivered()
    async with client_of(app) as client:
        found = await client.post("/webhooks/resend", content=body, headers=resend_headers(body))
    assert found.status_code == status


async def test_an_authentic_body_that_is_unreadable_is_kept(client: httpx.AsyncClient, intake: RecordingIntake) -> None:
    body = b"\xff not json"
    found = await client.post("/webhooks/postmark", content=body, headers=postmark_headers())
    (event,) = intake.events
    assert (found.status_code, event.kind, event.body) == (200, "unreadable", body)
    assert event.event_id == f"sha256:{hashlib.sha256(body).hexdigest()}"


async def test_a_defect_of_our_reading_loses_nothing(
    client: httpx.AsyncClient, intake: RecordingIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(postmark, "parse_webhook", broken)
    found = await client.post("/webhooks/postmark", content=inbound_mail(), headers=postmark_headers())
    assert (found.status_code, intake.events[0].kind) == (200, "unreadable")


@settings(deadline=None)
@given(BODIES)
async def test_whatever_an_authentic_sender_writes_is_stored(body: bytes) -> None:
    app, intake = create_app(make_web(prefect=PrefectStandIn())), RecordingIntake()
    app.state.intake = intake
    with structlog.testing.capture_logs() as logged:
        async with client_of(app) as client:
            answers = [
                await client.post("/webhooks/resend", content=body, headers=resend_headers(body)),
                await client.post("/webhooks/postmark", content=body, headers=postmark_headers()),
                await client.post("/webhooks/cal-com", content=body, headers=cal_com_headers(body)),
            ]
    assert [each for each in logged if each["event"] == "webhook_reading_broke"] == []
    assert [each.status_code for each in answers] == [200] * 3
    assert [event.body for event in intake.events] == [body] * 3


PATHS = st.sampled_from(
    ["/webhooks/resend", "/webhooks/postmark", "/webhooks/cal-com", "/health/live", "/openapi.json", "/u/%00", "/%ff"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(lambda token: f"/u/{token}")
HEADERS = st.dictionaries(
    st.sampled_from(
        [b"svix-id", b"svix-timestamp", b"svix-signature", b"authorization", b"x-cal-signature-256", b"content-type"]
    ),
    st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\r\n\x00")),
    max_size=4,
)


@settings(deadline=None)
@given(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]), PATHS, HEADERS, BODIES)
async def test_garbage_from_a_stranger_is_never_our_fault(
    method: str, path: str, headers: dict[bytes, bytes], body: bytes
) -> None:
    async with client_of(create_app(make_web())) as client:
        try:
            url = client.base_url.join(path)
        except (httpx.InvalidURL, ValueError):
            return
        found = await client.request(method, url, headers=list(headers.items()), content=body)
    assert found.status_code < 500
