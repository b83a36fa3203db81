"""Webhooks of the providers: verified over the raw bytes, stored, committed, acknowledged, and Prefect is nudged.

Nothing is decided here. An authentic body that cannot be read is kept for a person; 200 is the answer to everything
that is stored, since Postmark takes no other (invariant 15).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from agency_os.api.dependencies import MEGABYTE, IntakeDep, WebDep, read_body
from agency_os.api.errors import described
from agency_os.domain.mail import InboundMail
from agency_os.exceptions import InvalidInputError, PayloadTooLargeError, SignatureError, UnavailableError
from agency_os.integrations import cal_com, postmark, resend
from agency_os.integrations.json_fields import read_webhook
from agency_os.kit.logging import get_logger
from agency_os.repositories.inbound_event import NewEvent

POSTMARK_LIMIT = 48 * MEGABYTE
"""Postmark hands over mails of up to 35 MB (postmarkapp.com/developer), their attachments in base64."""
UNREADABLE = "unreadable"
NUDGE_SECONDS = 0.5
"""Wall time within which all webhooks share one nudge: their reading begins well within 5 s, at a few runs a second."""
_log = get_logger(__name__)


class Stored(BaseModel):
    """The event is committed, now or by an earlier delivery."""

    stored: bool = True


router = APIRouter(
    prefix="/webhooks",
    tags=["webhooks"],
    responses={
        **described(SignatureError, detail="Signature or credentials do not hold"),
        **described(PayloadTooLargeError, detail="The body is too large"),
        **described(UnavailableError, detail="Not stored: deliver it again"),
    },
)


def _body(example: dict[str, Any], *headers: str) -> dict[str, Any]:
    """How OpenAPI describes a webhook: its body as an example, since the provider's page is the schema."""
    parameters = [{"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in headers]
    content = {"application/json": {"schema": {"type": "object"}, "example": example}}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


@router.post(
    "/resend",
    summary="Events of outgoing email",
    openapi_extra=_body(
        {
            "type": "email.delivered",
            "created_at": "2026-11-23T02:00:00.000Z",
            "data": {"email_id": "4ef9a417-02e9-4d39-ad75-9611e0fcc33c", "to": ["pat@company.example"]},
        },
        "svix-id",
        "svix-timestamp",
        "svix-signature",
    ),
)
async def resend_events(request: Request, web: WebDep, intake: IntakeDep) -> Stored:
    """Stored once per ``svix-id``."""
    body = await read_body(request, MEGABYTE)
    now = await web.infra.clock.now()
    secret = web.infra.settings.resend.webhook_secret.get_secret_value()
    event_id = resend.verify(body, request.headers, secret, now)
    return await _keep(web, intake, _read(resend.NAME, body, now, lambda: _resend(body, event_id), event_id), now)


@router.post(
    "/postmark",
    summary="Inbound email, bounces and complaints",
    openapi_extra=_body(
        {
            "MessageID": "a8c1040e-db1c-4e18-ac79-bc5f64c7ce2c",
            "FromFull": {"Email": "pat@company.example", "Name": "Pat"},
            "MailboxHash": "",
            "Subject": "Re: A question about your clinic",
            "TextBody": "Tuesday at ten suits me.",
        },
        "Authorization",
    ),
)
async def postmark_events(request: Request, web: WebDep, intake: IntakeDep) -> Stored:
    """Stored once per message or record."""
    settings = web.infra.settings.postmark
    # Before the body: a stranger shall not make us read 48 MB.
    postmark.verify(request.headers, settings.webhook_user, settings.webhook_password.get_secret_value())
    body = await read_body(request, POSTMARK_LIMIT)
    now = await web.infra.clock.now()
    return await _keep(web, intake, _read(postmark.NAME, body, now, lambda: _postmark(body, now)), now)


@router.post(
    "/cal-com",
    summary="Bookings",
    openapi_extra=_body(
        {
            "triggerEvent": "BOOKING_CREATED",
            "createdAt": "2026-11-23T02:00:00.000Z",
            "payload": {
                "uid": "bFJeNb2uX8ANpT3JL5EfXw",
                "startTime": "2026-11-26T00:00:00Z",
                "endTime": "2026-11-26T00:30:00Z",
                "attendees": [{"email": "pat@company.example", "name": "Pat"}],
            },
        },
        "X-Cal-Signature-256",
    ),
)
async def cal_com_events(request: Request, web: WebDep, intake: IntakeDep) -> Stored:
    """Stored once per booking, trigger and time."""
    body = await read_body(request, MEGABYTE)
    cal_com.verify(body, request.headers, web.infra.settings.cal_com.webhook_secret.get_secret_value())
    now = await web.infra.clock.now()
    return await _keep(web, intake, _read(cal_com.NAME, body, now, lambda: _cal_com(body)), now)


async def _keep(web: WebDep, intake: IntakeDep, event: NewEvent, now: datetime) -> Stored:
    await intake.store(event, now=now)
    web.infra.prefect.nudge_soon(interval_seconds=NUDGE_SECONDS)
    return Stored()


_Named = tuple[str, str, datetime | None]
"""Event id, kind, when it happened."""


def _read(
    provider: str, body: bytes, now: datetime, name: Callable[[], _Named], event_id: str | None = None
) -> NewEvent:
    """The event's identity; one that cannot be read is known by its bytes."""
    try:
        found, kind, occurred_at = name()
    except Exception as error:  # noqa: BLE001  # a defect of our reading must not lose what a person wrote
        if not isinstance(error, InvalidInputError):
            _log.error("webhook_reading_broke", provider=provider, exc_info=error)
        found, kind, occurred_at = event_id or f"sha256:{hashlib.sha256(body).hexdigest()}", UNREADABLE, None
    return NewEvent(provider, found[:500], kind[:100], body, occurred_at or now)


def _resend(body: bytes, event_id: str) -> _Named:
    return event_id, *resend.name_event(body)


def _postmark(body: bytes, now: datetime) -> _Named:
    parsed = postmark.parse_webhook(body, now=now)
    if isinstance(parsed, InboundMail):
        return parsed.event_id, "inbound", parsed.received_at
    return parsed.event_id, read_webhook(body, "Postmark").text("RecordType") or UNREADABLE, parsed.occurred_at


def _cal_com(body: bytes) -> _Named:
    parsed = cal_com.parse_booking(body)
    return parsed.event_id, read_webhook(body, "Cal.com").text("triggerEvent") or UNREADABLE, parsed.created_at
