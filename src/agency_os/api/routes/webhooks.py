"""Webhooks of the providers: recognised, stored, committed, acknowledged, and Prefect is nudged.

Nothing is decided here. An authentic body that cannot be read, or tells of something unknown, is kept for a person; a
2xx answers everything that is stored (invariant 15), and a refusal is never Postmark's 403, which would end its tries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from agency_os.api.dependencies import IntakeDep, WebDep, read_body
from agency_os.api.errors import described
from agency_os.api.routes.webhook_table import TABLE, WebhookRoute
from agency_os.exceptions import (
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    SignatureError,
    UnavailableError,
)
from agency_os.integrations.webhook import Webhook, WebhookSource
from agency_os.kit.http import Headers
from agency_os.kit.logging import get_logger
from agency_os.repositories.inbound_event import NewEvent

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
        **described(NotFoundError, detail="This provider is not connected"),
        **described(PayloadTooLargeError, detail="The body is too large"),
        **described(UnavailableError, detail="Not stored: deliver it again"),
    },
)


async def _take(request: Request, web: WebDep, intake: IntakeDep, provider: str, path_secret: str) -> Stored:
    source = web.webhooks.get(provider)
    if source is None:
        raise NotFoundError(f"{provider} is not connected here: give its settings, or remove the webhook there")
    headers = Headers(request.headers.items())  # repeated ones are joined, so that a doubled id fails its signature
    source.admit(headers, path_secret)
    body = await read_body(request, source.limit)
    now = await web.infra.clock.now()
    query = f"?{request.url.query}" if request.url.query else ""
    webhook = Webhook(body, headers, f"{web.infra.settings.runtime.public_url}{request.url.path}{query}")
    source.verify(webhook, now)
    await intake.store(_named(source, webhook, now), now=now)
    web.infra.prefect.nudge_soon(interval_seconds=NUDGE_SECONDS)
    return Stored()


def _named(source: WebhookSource, webhook: Webhook, now: datetime) -> NewEvent:
    """The event's identity; one that cannot be read is known by its bytes."""
    try:
        name = source.name_event(webhook, now)
    except Exception as error:  # noqa: BLE001  # a defect of our reading must not lose what a person wrote
        if not isinstance(error, InvalidInputError):
            _log.error("webhook_reading_broke", provider=source.name, exc_info=error)
        return NewEvent(source.name, _by_bytes(webhook), UNREADABLE, webhook.body, now)
    return NewEvent(source.name, name.event_id[:500], name.kind[:100], webhook.body, name.occurred_at or now)


def _by_bytes(webhook: Webhook) -> str:
    return f"sha256:{hashlib.sha256(webhook.body).hexdigest()}"


def _endpoint(provider: str) -> Callable[..., Awaitable[Stored]]:
    async def endpoint(request: Request, web: WebDep, intake: IntakeDep) -> Stored:
        return await _take(request, web, intake, provider, "")

    return endpoint


def _endpoint_with_secret(provider: str) -> Callable[..., Awaitable[Stored]]:
    async def endpoint(request: Request, web: WebDep, intake: IntakeDep, secret: str) -> Stored:
        return await _take(request, web, intake, provider, secret)

    return endpoint


def _described(route: WebhookRoute) -> dict[str, Any]:
    """How OpenAPI describes a webhook: its body as an example, since the provider's page is the schema."""
    required = {"in": "header", "required": True, "schema": {"type": "string"}}
    parameters = [{"name": name, **required} for name in route.headers]
    content = {route.media: {"schema": {"type": "object"}, "example": route.example}}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


_SILENT: dict[str, Any] = {"status_code": 204, "response_model": None}

for _route in TABLE:
    router.add_api_route(
        f"/{_route.path}/{{secret}}" if _route.has_secret else f"/{_route.path}",
        (_endpoint_with_secret if _route.has_secret else _endpoint)(_route.provider),
        methods=["POST"],
        name=f"{_route.provider}_events",
        summary=_route.summary,
        description=_route.identity,
        openapi_extra=_described(_route),
        **(_SILENT if _route.is_silent else {}),
    )
