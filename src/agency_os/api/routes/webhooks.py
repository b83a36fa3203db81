"""Webhooks of the providers: verified over the raw bytes, stored, committed, acknowledged, and Prefect is nudged.

Nothing is decided here. An authentic body that cannot be read is kept for a person; 200 is the answer to everything
that is stored, since Postmark takes no other (invariant 15).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from agency_os.api.dependencies import MEGABYTE, IntakeDep, NowDep, WebDep, read_body
from agency_os.api.errors import Problem
from agency_os.domain.mail import InboundMail
from agency_os.exceptions import InvalidInputError
from agency_os.integrations import cal_com, postmark, resend
from agency_os.integrations.json_fields import read_webhook
from agency_os.repositories.inbound_event import NewEvent

POSTMARK_LIMIT = 48 * MEGABYTE
"""Postmark hands over mails of up to 35 MB, their attachments in base64."""
UNREADABLE = "unreadable"

router = APIRouter(
    prefix="/webhooks",
    tags=["webhooks"],
    responses={
        401: {"model": Problem, "description": "Signature or credentials do not hold"},
        413: {"model": Problem, "description": "The body is too large"},
        503: {"model": Problem, "description": "Not stored: deliver it again"},
    },
)


async def _one_megabyte(request: Request) -> bytes:
    return await read_body(request, MEGABYTE)


async def _postmark_body(request: Request) -> bytes:
    return await read_body(request, POSTMARK_LIMIT)


@router.post("/resend", summary="Events of outgoing email")
async def resend_events(
    request: Request, body: Annotated[bytes, Depends(_one_megabyte)], web: WebDep, intake: IntakeDep, now: NowDep
) -> dict[str, bool]:
    """Stored once per ``svix-id``."""
    secret = web.infra.settings.resend.webhook_secret.get_secret_value()
    event_id = resend.verify(body, request.headers, secret, now)
    event = _read(resend.NAME, body, now, lambda: _resend(body, event_id), event_id)
    return await _keep(web, intake, event, now)


@router.post("/postmark", summary="Inbound email, bounces and complaints")
async def postmark_events(
    request: Request, body: Annotated[bytes, Depends(_postmark_body)], web: WebDep, intake: IntakeDep, now: NowDep
) -> dict[str, bool]:
    """Stored once per message or record."""
    settings = web.infra.settings.postmark
    postmark.verify(request.headers, settings.webhook_user, settings.webhook_password.get_secret_value())
    event = _read(postmark.NAME, body, now, lambda: _postmark(body, now))
    return await _keep(web, intake, event, now)


@router.post("/cal-com", summary="Bookings")
async def cal_com_events(
    request: Request, body: Annotated[bytes, Depends(_one_megabyte)], web: WebDep, intake: IntakeDep, now: NowDep
) -> dict[str, bool]:
    """Stored once per booking, trigger and time."""
    cal_com.verify(body, request.headers, web.infra.settings.cal_com.webhook_secret.get_secret_value())
    event = _read(cal_com.NAME, body, now, lambda: _cal_com(body))
    return await _keep(web, intake, event, now)


async def _keep(web: WebDep, intake: IntakeDep, event: NewEvent, now: datetime) -> dict[str, bool]:
    await intake.store(event, now=now)
    web.infra.prefect.nudge_soon()
    return {"stored": True}


_Named = tuple[str, str, datetime | None]
"""Event id, kind, when it happened."""


def _read(
    provider: str, body: bytes, now: datetime, name: Callable[[], _Named], event_id: str | None = None
) -> NewEvent:
    """The event's identity; one that cannot be read is known by its bytes."""
    try:
        found, kind, occurred_at = name()
    except InvalidInputError:
        found, kind, occurred_at = event_id or f"sha256:{hashlib.sha256(body).hexdigest()}", UNREADABLE, None
    return NewEvent(provider, found[:500], kind[:100], body, occurred_at or now)


def _resend(body: bytes, event_id: str) -> _Named:
    parsed = resend.parse_event(body, event_id)
    return event_id, read_webhook(body, "Resend").text("type") or UNREADABLE, parsed.occurred_at


def _postmark(body: bytes, now: datetime) -> _Named:
    parsed = postmark.parse_webhook(body, now=now)
    if isinstance(parsed, InboundMail):
        return parsed.event_id, "inbound", parsed.received_at
    return parsed.event_id, read_webhook(body, "Postmark").text("RecordType") or UNREADABLE, parsed.occurred_at


def _cal_com(body: bytes) -> _Named:
    parsed = cal_com.parse_booking(body)
    return parsed.event_id, read_webhook(body, "Cal.com").text("triggerEvent") or UNREADABLE, parsed.created_at
