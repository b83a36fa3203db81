"""The API in a test: settings, an application over given parts, signed webhooks, and what answers for Prefect.

The application runs in the test's own loop, without a server; requests reach it over ASGI.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI

from agency_os.api.main import create_app
from agency_os.config import Settings, load_settings
from agency_os.kit.clock import FixedClock
from agency_os.kit.http import Headers, HttpRequest, HttpResponse
from agency_os.kit.ids import new_id
from agency_os.kit.signatures import sign_standard_webhook
from agency_os.repositories.inbound_event import NewEvent
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.web import Web, build_web
from tests.factories.outreach import MONDAY_NOON

RESEND_SECRET = "whsec_" + base64.b64encode(b"resend-secret-resend-secret").decode()
CAL_COM_SECRET = "cal-com-secret"
POSTMARK_USER, POSTMARK_PASSWORD = "postmark", "postmark-password"
NOWHERE = "127.0.0.1:9"
"""A port that nobody listens on."""


def api_env(
    app_dsn: str = f"postgresql://nobody:x@{NOWHERE}/none", redis_url: str = f"redis://{NOWHERE}/0"
) -> dict[str, str]:
    """Settings for an API process; what is not given cannot be reached."""
    return {
        "DATABASE_URL": app_dsn,
        "REDIS_URL": redis_url,
        "SUPABASE_URL": "http://127.0.0.1:9",
        "PREFECT_API_URL": f"http://{NOWHERE}/api",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "TOKEN_SECRET": "t" * 40,
        "SUPPRESSION_KEY": "s" * 40,
        "REPLY_DOMAIN": "reply.example",
        "APOLLO_API_KEY": "apollo-key",
        "HUNTER_API_KEY": "hunter-key",
        "RESEND_API_KEY": "re_test_key",
        "RESEND_WEBHOOK_SECRET": RESEND_SECRET,
        "POSTMARK_WEBHOOK_USER": POSTMARK_USER,
        "POSTMARK_WEBHOOK_PASSWORD": POSTMARK_PASSWORD,
        "CALCOM_WEBHOOK_SECRET": CAL_COM_SECRET,
    }


@dataclass
class PrefectStandIn:
    """A transport that answers like a healthy Prefect; ``on_nudge`` runs while a nudge is under way."""

    on_nudge: Callable[[], Awaitable[None]] | None = None
    paths: list[str] = field(default_factory=list)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer to the calls that the API makes."""
        self.paths.append(request.url)
        if request.url.endswith("/health"):
            return _json(True)
        if request.url.endswith("/create_flow_run"):
            if self.on_nudge is not None:
                await self.on_nudge()
            state = {"type": "SCHEDULED", "timestamp": MONDAY_NOON.isoformat()}
            run = {"id": str(new_id()), "deployment_id": str(new_id()), "state": state, "tags": ["nudge"]}
            return _json({**run, "auto_scheduled": False})
        return _json({"id": str(new_id())})

    async def aclose(self) -> None:
        """Nothing to close."""


@dataclass
class RecordingIntake:
    """Takes events instead of a database."""

    events: list[NewEvent] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    async def store(self, event: NewEvent, *, now: datetime) -> None:
        """Note the event."""
        self.times.append(now)
        self.events.append(event)

    async def aclose(self) -> None:
        """Nothing waits."""


def api_settings(**env: str) -> Settings:
    """Settings, some of them replaced."""
    return load_settings({**api_env(), **env})


def make_web(settings: Settings | None = None, *, prefect: Any = None, clock: Any = None) -> Web:
    """The API's parts; business time stands still at MONDAY_NOON."""
    infra = build_infrastructure(
        settings or api_settings(), transport=prefect or PrefectStandIn(), clock=clock or FixedClock(MONDAY_NOON)
    )
    return build_web(infra)


@asynccontextmanager
async def serving(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application over ``web``, whose connections are closed in the end."""
    app = create_app(web)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client that sees errors as the network would."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://api.test")


def resend_headers(body: bytes, event_id: str = "msg_1", secret: str = RESEND_SECRET) -> dict[str, str]:
    """The headers of a webhook that Resend signed at MONDAY_NOON."""
    return sign_standard_webhook(body, message_id=event_id, at=MONDAY_NOON, secret=secret, prefix="svix")


def postmark_headers(user: str = POSTMARK_USER, password: str = POSTMARK_PASSWORD) -> dict[str, str]:
    """Postmark's credentials."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def cal_com_headers(body: bytes) -> dict[str, str]:
    """The header of a webhook that Cal.com signed."""
    return {"X-Cal-Signature-256": hmac.new(CAL_COM_SECRET.encode(), body, hashlib.sha256).hexdigest()}


def delivered(email_id: str = "e1") -> bytes:
    """Resend tells that an email was delivered."""
    data = {"email_id": email_id, "to": ["pat@company.example"]}
    event = {"type": "email.delivered", "created_at": "2026-11-23T01:59:00Z", "data": data}
    return json.dumps(event).encode()


def inbound_mail(message_id: str = "m1") -> bytes:
    """Postmark hands over a reply."""
    sender = {"Email": "pat@company.example", "Name": "Pat"}
    mail = {"MessageID": message_id, "FromFull": sender, "Subject": "Re: Hello", "TextBody": "Tuesday suits me."}
    return json.dumps(mail).encode()


def booking(uid: str = "b1") -> bytes:
    """Cal.com tells of a booking."""
    payload = {
        "uid": uid,
        "startTime": "2026-11-26T00:00:00Z",
        "endTime": "2026-11-26T00:30:00Z",
        "attendees": [{"email": "pat@company.example", "name": "Pat"}],
    }
    event = {"triggerEvent": "BOOKING_CREATED", "createdAt": "2026-11-23T01:58:00.000Z", "payload": payload}
    return json.dumps(event).encode()


def _json(value: object) -> HttpResponse:
    return HttpResponse(200, Headers(), json.dumps(value).encode())
