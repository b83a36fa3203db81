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
    is_silent: bool = False
    """The answer has no body (204), for a provider that would take one for instructions."""


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
        "clay",
        "clay",
        "Rows that a Clay table has enriched",
        "Stored once per row and content. The secret stands in a header of your choice: `x-agency-os-secret`.",
        {
            "id": "5f0e…e1.1",
            "first_name": "Pat",
            "last_name": "Lee",
            "title": "Owner",
            "email": "pat@company.example",
            "email_status": "valid",
            "employee_count": 12,
        },
        ("x-agency-os-secret",),
    ),
    WebhookRoute(
        "apify",
        "apify",
        "Ends of Apify runs",
        "Stored once per dispatch. Apify signs nothing: the secret ends the address.",
        {
            "eventType": "ACTOR.RUN.SUCCEEDED",
            "createdAt": "2026-11-23T02:00:00.000Z",
            "eventData": {"actorId": "fW4MyDhgwtMLrB987", "actorRunId": "uPBN9qaKd2iLs5naZ"},
        },
        ("X-Apify-Webhook-Dispatch-Id",),
        has_secret=True,
    ),
    WebhookRoute(
        "stripe",
        "stripe",
        "Subscriptions and their payments",
        "Stored once per event.",
        {
            "id": "evt_1Pgc76B7WZ01zgkWwyRHS12y",
            "object": "event",
            "type": "customer.subscription.updated",
            "created": 1795400000,
            "data": {
                "object": {
                    "id": "sub_1Pgc6rB7WZ01zgkWNy0Cn5nw",
                    "object": "subscription",
                    "customer": "cus_QXg1o8vcGmoR32",
                    "status": "active",
                    "created": 1795400000,
                }
            },
        },
        ("Stripe-Signature",),
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
    WebhookRoute(
        "heyreach",
        "heyreach",
        "What happens on LinkedIn",
        "Stored once per happening; the two webhooks that tell of a reply count as one. The secret ends the address.",
        {
            "event_type": "every_message_reply_received",
            "timestamp": "2026-11-23T02:00:05Z",
            "conversation_id": "2-ZmFrZS1jb252ZXJzYXRpb24=",
            "recent_messages": [
                {"creation_time": "2026-11-23T02:00:00Z", "message": "Tuesday suits me.", "is_reply": True}
            ],
            "campaign": {"id": 12345, "name": "Invitations of Sam"},
            "sender": {"id": 678, "full_name": "Sam Sender"},
            "lead": {"profile_url": "https://www.linkedin.com/in/pat-lee", "full_name": "Pat Lee"},
        },
        has_secret=True,
    ),
    WebhookRoute(
        "twilio",
        "twilio",
        "Text messages, what became of ours, and states of calls",
        "Stored once per message or call and its state.",
        {
            "MessageSid": "SM00000000000000000000000000000000",
            "From": "+61491570156",
            "To": "+61480000000",
            "Body": "Tuesday at ten suits me.",
        },
        ("X-Twilio-Signature",),
        media="application/x-www-form-urlencoded",
        is_silent=True,
    ),
    WebhookRoute(
        "vapi",
        "vapi",
        "States of AI calls, and the report at the end of each",
        "A report is stored once per call, a state once per call and time.",
        {
            "message": {
                "type": "status-update",
                "status": "ended",
                "endedReason": "customer-did-not-answer",
                "timestamp": 1795400000000,
                "call": {"id": "2f5a7c1e-0000-4000-8000-000000000000"},
            }
        },
        ("X-Vapi-Secret",),
    ),
    WebhookRoute(
        "lob",
        "lob",
        "What becomes of postcards and letters",
        "Stored once per event's `id`.",
        {
            "id": "evt_7ae92ad3e3d5d5ee",
            "body": {"id": "psc_5c002b86ce47537a", "object": "postcard", "metadata": {"touch": "t-1"}},
            "reference_id": "psc_5c002b86ce47537a",
            "event_type": {
                "id": "postcard.delivered",
                "enabled_for_test": False,
                "resource": "postcards",
                "object": "event_type",
            },
            "date_created": "2026-11-23T04:30:00.000Z",
            "object": "event",
        },
        ("Lob-Signature", "Lob-Signature-Timestamp"),
    ),
)
"""In the order in which the description lists them."""
