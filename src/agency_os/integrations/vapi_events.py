"""Vapi's server messages (docs.vapi.ai/server-url/events): states of calls and the report at the end of each.

Recognised by the shared secret in ``X-Vapi-Secret``, which the account's credential or the server's headers carry; it
is no signature. Vapi repeats nothing by default: a report that did not come is read by ``VapiClient.read_call``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.json_fields import Fields, clean_text, read_webhook, short_hash
from agency_os.integrations.vapi import NAME, call_minutes
from agency_os.integrations.webhook import MEGABYTE, EventName, Webhook, WebhookSource, same_secret

REPORT: Final = "end-of-call-report"
STATUS: Final = "status-update"
LIMIT = 8 * MEGABYTE
"""A report holds every message of a call of up to twelve hours."""


@dataclass(frozen=True, slots=True)
class CallReport:
    """How a call went. ``units`` are its minutes, all-in: 0 when it never connected. ``ended_reason`` is an open list.

    ``transcript``, ``summary``, ``structured`` and ``recording_url`` are there as the assistant was told to make them;
    ``cost_usd`` is Vapi's own account of the call, for comparison, never booked beside the minutes.
    """

    event_id: str
    kind: str
    call_id: str
    name: str | None
    number: str | None
    external_id: str | None
    ended_reason: str
    started_at: datetime | None
    ended_at: datetime | None
    transcript: str = field(repr=False)
    summary: str | None = field(repr=False)
    structured: Mapping[str, Any] = field(repr=False)
    success: str | None
    recording_url: str | None
    cost_usd: Decimal | None
    occurred_at: datetime | None

    @property
    def units(self) -> Decimal:
        """Minutes."""
        return call_minutes(self.started_at, self.ended_at)


@dataclass(frozen=True, slots=True)
class CallStatus:
    """A call has changed its state; ``ended_reason`` comes with ``ended``."""

    event_id: str
    kind: str
    call_id: str
    name: str | None
    status: str
    ended_reason: str | None
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class OtherMessage:
    """A message that changes nothing here; it is kept."""

    event_id: str
    kind: str
    call_id: str | None
    occurred_at: datetime | None


VapiMessage = CallReport | CallStatus | OtherMessage


def webhooks(secret: str) -> WebhookSource:
    """Vapi's server messages, recognised by our secret in ``X-Vapi-Secret``."""
    return WebhookSource(NAME, _name_event, admit=lambda headers, _: verify(headers, secret), limit=LIMIT)


def verify(headers: Mapping[str, str], secret: str) -> None:
    """Raise SignatureError unless the request carries our secret; compared in constant time."""
    same_secret({name.lower(): value for name, value in headers.items()}.get("x-vapi-secret"), secret)


def parse_message(body: bytes) -> VapiMessage:
    """The message in a webhook's body. Raises InvalidInputError for a body that is none, and for a report or a state
    of no call."""
    message = read_webhook(body, "Vapi").inner("message")
    kind = message.text("type")
    if kind is None:
        raise InvalidInputError("the Vapi webhook names no type", field="message.type")
    call = message.inner("call")
    call_id = call.text("id")
    if kind not in (REPORT, STATUS):
        return OtherMessage(f"{kind}:{call_id or ''}:{short_hash(body)}", kind, call_id, _told_at(message))
    if call_id is None:
        raise InvalidInputError("the Vapi webhook names no call", field="message.call.id")
    return _report(message, call, call_id) if kind == REPORT else _status(message, call, call_id)


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    message = parse_message(webhook.body)
    return EventName(message.event_id, message.kind, message.occurred_at)


def _report(message: Fields, call: Fields, call_id: str) -> CallReport:
    artifact, analysis = message.inner("artifact"), message.inner("analysis")
    customer = message.inner("customer") or call.inner("customer")
    structured = _storable(analysis.raw("structuredData"))
    return CallReport(
        event_id=f"{REPORT}:{call_id}",
        kind=REPORT,
        call_id=call_id,
        name=call.text("name"),
        number=customer.text("number"),
        external_id=customer.text("externalId"),
        ended_reason=message.text("endedReason") or call.text("endedReason") or "unknown",
        started_at=message.moment("startedAt") or call.moment("startedAt"),
        ended_at=message.moment("endedAt") or call.moment("endedAt"),
        transcript=artifact.verbatim("transcript"),
        summary=analysis.text("summary"),
        structured=structured if isinstance(structured, dict) else {},
        success=analysis.text("successEvaluation"),
        recording_url=artifact.text("recordingUrl"),
        cost_usd=message.number("cost"),
        occurred_at=_told_at(message) or message.moment("endedAt"),
    )


def _status(message: Fields, call: Fields, call_id: str) -> CallStatus:
    status = message.text("status")
    if status is None:
        raise InvalidInputError("the Vapi webhook names no state of its call", field="message.status")
    told_at = message.text("timestamp") or ""
    return CallStatus(
        # A call may be forwarded and come back: a state is told from the same one later by its time.
        event_id=f"{STATUS}:{call_id}:{status}:{told_at}",
        kind=f"{STATUS}.{status}",
        call_id=call_id,
        name=call.text("name"),
        status=status,
        ended_reason=message.text("endedReason"),
        occurred_at=_told_at(message),
    )


def _storable(value: object) -> object:
    """``value`` as PostgreSQL's jsonb can hold it: whatever a model or a caller put into it."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(name)): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    if isinstance(value, float | Decimal):
        return float(value) if isfinite(value) else None
    return value


def _told_at(message: Fields) -> datetime | None:
    """``timestamp`` is in milliseconds since 1970."""
    milliseconds = message.number("timestamp")
    if milliseconds is None:
        return message.moment("timestamp")
    try:
        return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
