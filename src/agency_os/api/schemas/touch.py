"""Touches: one message to one person, from plan to sending."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Instant

State = Literal[
    "planned",
    "awaiting_approval",
    "ready",
    "claimed",
    "sending",
    "sent",
    "failed",
    "unknown",
    "skipped",
    "cancelled",
]
_TOUCH: Any = {
    "id": EXAMPLE_ID,
    "lead_id": EXAMPLE_ID,
    "campaign_id": EXAMPLE_ID,
    "kind": "sequence",
    "channel": "email",
    "step": 1,
    "state": "sent",
    "reason": None,
    "due_at": "2026-11-23T23:00:00Z",
    "sent_at": "2026-11-23T23:00:12Z",
    "subject": "Firm Dental: more enquiries?",
    "provider": "resend",
    "provider_message_id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794",
    "created_at": "2026-11-23T02:00:00Z",
}


class TouchItem(Answer):
    """A touch in a list. ``subject`` is null until the message is written."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _TOUCH})

    id: UUID
    lead_id: UUID
    campaign_id: UUID
    kind: Literal["sequence", "answer", "task"]
    channel: Literal["email", "sms", "linkedin", "voice", "mail"]
    step: int | None
    state: State
    reason: str | None = Field(description="Why it waits, was skipped or cancelled, or has failed")
    due_at: Instant
    sent_at: Instant | None
    subject: str | None
    provider: str | None
    provider_message_id: str | None
    created_at: Instant


class TouchAnswer(TouchItem):
    """A touch with the words that were, or will be, sent."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                **_TOUCH,
                "recipient": "jo@firm.example",
                "sender": "Ann Carter <ann@harbourvine.example>",
                "text": "Hi Jo,\n\nDoes Tuesday suit you?\n",
                "frozen_at": "2026-11-23T23:00:00Z",
            }
        },
    )

    recipient: str | None
    sender: str | None
    text: str | None
    frozen_at: Instant | None
