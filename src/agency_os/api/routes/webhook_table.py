"""The addresses of the providers' webhooks, and how the API's description shows each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """One address below ``/webhooks``. ``identity`` says what an event is stored once by; ``has_secret``: the
    provider signs nothing, and a secret ends the address."""

    provider: str
    path: str
    summary: str
    identity: str
    example: dict[str, Any] = field(repr=False)
    headers: tuple[str, ...] = ()
    has_secret: bool = False
    media: str = _JSON


TABLE: Final = (
    WebhookRoute(
        "resend",
        "resend",
        "Events of outgoing email",
        "Stored once per `svix-id`.",
        {
            "type": "email.delivered",
            "created_at": "2026-11-23T02:00:00.000Z",
            "data": {"email_id": "4ef9a417-02e9-4d39-ad75-9611e0fcc33c", "to": ["pat@company.example"]},
        },
        ("svix-id", "svix-timestamp", "svix-signature"),
    ),
    WebhookRoute(
        "postmark",
        "postmark",
        "Inbound email, bounces and complaints",
        "Stored once per message or record.",
        {
            "MessageID": "a8c1040e-db1c-4e18-ac79-bc5f64c7ce2c",
            "FromFull": {"Email": "pat@company.example", "Name": "Pat"},
            "MailboxHash": "",
            "Subject": "Re: A question about your clinic",
            "TextBody": "Tuesday at ten suits me.",
        },
        ("Authorization",),
    ),
    WebhookRoute(
        "cal_com",
        "cal-com",
        "Bookings",
        "Stored once per booking, trigger and time.",
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
        ("X-Cal-Signature-256",),
    ),
    WebhookRoute(
        "deepgram",
        "deepgram",
        "Transcripts that were ordered",
        "Stored once per `request_id`. The callback's address or `metadata.extra` carries the secret.",
        {
            "metadata": {
                "request_id": "a847f427-4ad5-4d67-9b95-db801e58251c",
                "created": "2026-11-23T02:00:00.000Z",
                "duration": 25.93,
                "channels": 1,
                "extra": {"callback_secret": "the-secret-of-the-settings"},
            },
            "results": {"channels": [{"alternatives": [{"transcript": "Tuesday suits me.", "confidence": 0.99}]}]},
        },
    ),
)
"""In the order in which the description lists them."""
