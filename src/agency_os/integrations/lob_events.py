"""Lob's webhooks: signed over timestamp and raw body, read into `PostalEvent`; unknown types are named and kept.

Lob documents no signature in machine-readable form: the rule is that of its receivers in the open (``Lob-Signature`` is
hex HMAC-SHA256 of ``Lob-Signature-Timestamp.body``). Tracking events come for live keys alone (Lob's OpenAPI).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from agency_os.exceptions import InvalidInputError, SignatureError
from agency_os.integrations.json_fields import Fields, clean_text, read_webhook, short_hash
from agency_os.integrations.postal_provider import PostalEvent, PostalEventKind
from agency_os.integrations.webhook import EventName, Webhook, WebhookSource, must_carry
from agency_os.kit.signatures import verify_hex_hmac

NAME = "lob"
TOLERANCE = timedelta(minutes=5)
"""Our choice, on both sides; Lob names none."""

SIGNATURE_HEADER = "lob-signature"
TIMESTAMP_HEADER = "lob-signature-timestamp"
_STAMP = re.compile(r"[0-9]{1,15}")
_MILLISECONDS_FROM = 10**11
"""As seconds that would be the year 5138, as milliseconds 1973: seen are milliseconds, seconds are taken too."""

_KINDS = {
    "created": PostalEventKind.CREATED,
    "rendered_pdf": PostalEventKind.RENDERED,
    "rendered_thumbnails": PostalEventKind.RENDERED,
    "rejected": PostalEventKind.REJECTED,
    "failed": PostalEventKind.FAILED,
    "deleted": PostalEventKind.CANCELLED,
    "mailed": PostalEventKind.MAILED,
    "in_transit": PostalEventKind.IN_TRANSIT,
    "in_local_area": PostalEventKind.IN_TRANSIT,
    "processed_for_delivery": PostalEventKind.IN_TRANSIT,
    "international_exit": PostalEventKind.IN_TRANSIT,
    "delivered": PostalEventKind.DELIVERED,
    "re-routed": PostalEventKind.REROUTED,
    "returned_to_sender": PostalEventKind.RETURNED,
    "viewed": PostalEventKind.VIEWED,
}
_PIECES = ("postcard.", "letter.")


def verify(body: bytes, headers: Mapping[str, str], secret: str, now: datetime) -> None:
    """Raise SignatureError unless the webhook is signed under ``secret`` within five minutes of ``now``."""
    found = {name.lower(): value for name, value in headers.items()}
    stamp = found.get(TIMESTAMP_HEADER, "").strip()
    if _STAMP.fullmatch(stamp) is None:
        raise SignatureError("the webhook's timestamp is missing, or no number")
    verify_hex_hmac(f"{stamp}.".encode() + body, found.get(SIGNATURE_HEADER), secret)
    seconds = int(stamp) / 1000 if int(stamp) >= _MILLISECONDS_FROM else float(stamp)
    if abs(now.timestamp() - seconds) > TOLERANCE.total_seconds():
        raise SignatureError("the webhook's timestamp is too far from now")


def parse_event(body: bytes) -> PostalEvent:
    """The event in a webhook's body; other resources' events are OTHER. Raises InvalidInputError for no event."""
    event = read_webhook(body, "Lob")
    event_type, piece = _type_of(event), event.inner("body")
    about_a_piece = event_type.startswith(_PIECES)
    kind = _KINDS.get(event_type.partition(".")[2], PostalEventKind.OTHER) if about_a_piece else PostalEventKind.OTHER
    return PostalEvent(
        event_id=event.text("id") or short_hash(body),
        kind=kind,
        piece_id=event.text("reference_id") or piece.text("id"),
        occurred_at=event.moment("date_created"),
        detail=event_type,
        metadata=read_metadata(piece),
    )


def read_metadata(piece: Fields) -> dict[str, str]:
    """Our own pairs as they come back with a piece."""
    pairs, named = piece.raw("metadata"), piece.inner("metadata")
    names = pairs if isinstance(pairs, dict) else {}
    return {clean_text(name): text for name in names if (text := named.text(name)) is not None}


def webhooks(secret: str) -> WebhookSource:
    """Lob's webhooks, signed under ``secret``."""
    return WebhookSource(
        NAME,
        _name_event,
        admit=lambda headers, _: must_carry(headers, SIGNATURE_HEADER),
        verify=lambda hook, now: verify(hook.body, hook.headers, secret, now),
    )


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    event = read_webhook(webhook.body, "Lob")
    return EventName(event.text("id") or short_hash(webhook.body), _type_of(event), event.moment("date_created"))


def _type_of(event: Fields) -> str:
    event_type = event.inner("event_type").text("id")
    if event_type is None:
        raise InvalidInputError("the Lob webhook names no event type", field="event_type.id")
    return event_type
