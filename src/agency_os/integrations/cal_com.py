"""Cal.com (cal.com/docs, API v2): checks and reads the webhooks of bookings.

The signature is over the raw body and has no timestamp, so a repeat is recognised by the event's identity. The
token that names our touch travels in the booking's metadata, where the booking link put it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.json_fields import Fields, read_webhook, short_hash
from agency_os.integrations.webhook import EventName, Webhook, WebhookSource, must_carry
from agency_os.kit.signatures import verify_hex_hmac

NAME = "cal_com"
SIGNATURE_HEADER = "x-cal-signature-256"


class BookingEventKind(StrEnum):
    """What happened to a booking."""

    CREATED = "created"
    REQUESTED = "requested"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    STARTED = "started"
    ENDED = "ended"
    NO_SHOW = "no_show"
    OTHER = "other"


_KINDS = {
    "BOOKING_CREATED": BookingEventKind.CREATED,
    "BOOKING_REQUESTED": BookingEventKind.REQUESTED,
    "BOOKING_RESCHEDULED": BookingEventKind.RESCHEDULED,
    "BOOKING_CANCELLED": BookingEventKind.CANCELLED,
    "BOOKING_REJECTED": BookingEventKind.REJECTED,
    "MEETING_STARTED": BookingEventKind.STARTED,
    "MEETING_ENDED": BookingEventKind.ENDED,
    "BOOKING_NO_SHOW_UPDATED": BookingEventKind.NO_SHOW,
}
_NEEDS_TIMES = frozenset({BookingEventKind.CREATED, BookingEventKind.REQUESTED, BookingEventKind.RESCHEDULED})


@dataclass(frozen=True, slots=True)
class BookingEvent:
    """One event of a booking. ``previous_uid`` is the booking that a rescheduling replaced. Times are aware UTC.

    ``no_show`` is told by NO_SHOW events only. ``attendee_email`` is the address typed in when booking, which need
    not be the one we wrote to: match by ``token`` first.
    """

    event_id: str
    kind: BookingEventKind
    uid: str
    start: datetime | None
    end: datetime | None
    attendee_email: str | None
    attendee_name: str | None
    token: str | None
    title: str
    previous_uid: str | None = None
    reason: str | None = None
    no_show: bool | None = None
    created_at: datetime | None = None


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> None:
    """Raise SignatureError unless the webhook is signed under our secret (``no-secret-provided`` never is)."""
    signature = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE_HEADER)
    verify_hex_hmac(body, signature, secret)


def webhooks(secret: str) -> WebhookSource:
    """Cal.com's webhooks, signed under ``secret``."""
    return WebhookSource(
        NAME,
        _name_event,
        admit=lambda headers, _: must_carry(headers, SIGNATURE_HEADER),
        verify=lambda hook, _: verify(hook.body, hook.headers, secret),
    )


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    parsed = parse_booking(webhook.body)
    trigger = read_webhook(webhook.body, "Cal.com").text("triggerEvent")
    return EventName(parsed.event_id, trigger or "unnamed", parsed.created_at)


def parse_booking(body: bytes) -> BookingEvent:
    """The event in a webhook's body. MEETING_STARTED and MEETING_ENDED come flat, the others under ``payload``.

    Raises InvalidInputError for a body that is no event, or a booking without its uid or its times.
    """
    event = read_webhook(body, "Cal.com")
    trigger = event.text("triggerEvent")
    if trigger is None:
        raise InvalidInputError("the Cal.com webhook names no triggerEvent", field="triggerEvent")
    kind = _KINDS.get(trigger, BookingEventKind.OTHER)
    payload = event.inner("payload") or event
    uid = payload.text("uid") or payload.text("bookingUid") or ""
    start, end = payload.moment("startTime"), payload.moment("endTime")
    if kind is not BookingEventKind.OTHER and not uid:
        raise InvalidInputError("the Cal.com webhook names no booking", field="payload.uid")
    if kind in _NEEDS_TIMES and (start is None or end is None or end < start):
        raise InvalidInputError("the Cal.com webhook's booking has no readable times", field="payload.startTime")
    whose, created_at = uid or payload.text("id"), event.text("createdAt")
    # Without either part of its identity, an event is told from others by its body alone.
    mark = "" if whose and created_at else f":{short_hash(body)}"
    attendee = next(iter(payload.each("attendees")), Fields(None))
    responses = payload.inner("responses")
    return BookingEvent(
        event_id=f"{trigger}:{whose or ''}:{created_at or ''}{mark}",
        kind=kind,
        uid=uid,
        start=start,
        end=end,
        attendee_email=attendee.text("email") or responses.inner("email").text("value"),
        attendee_name=attendee.text("name") or responses.inner("name").text("value"),
        token=payload.inner("metadata").text("token") or _response(responses, "token"),
        title=payload.text("title") or payload.text("eventTitle") or "",
        previous_uid=payload.text("rescheduleUid"),
        reason=payload.text("cancellationReason") or payload.text("rejectionReason"),
        no_show=attendee.flag("noShow") if kind is BookingEventKind.NO_SHOW else None,
        created_at=event.moment("createdAt"),
    )


def _response(responses: Fields, name: str) -> str | None:
    return responses.inner(name).text("value") or responses.text(name)
