"""Meetings: booked, held, missed."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import ConfigDict

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Instant

Status = Literal["booked", "rescheduled", "cancelled", "held", "no_show"]


class MeetingAnswer(Answer):
    """A meeting with a lead; ``touch_id`` is the message whose link was followed."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "lead_id": EXAMPLE_ID,
                "campaign_id": EXAMPLE_ID,
                "touch_id": EXAMPLE_ID,
                "status": "booked",
                "title": "Intro between Jo Park and Ann Carter",
                "starts_at": "2026-11-26T00:00:00Z",
                "ends_at": "2026-11-26T00:30:00Z",
                "attendee_email": "jo@firm.example",
                "created_at": "2026-11-24T01:00:00Z",
                "updated_at": "2026-11-24T01:00:00Z",
            }
        },
    )

    id: UUID
    lead_id: UUID
    campaign_id: UUID | None
    touch_id: UUID | None
    status: Status
    title: str | None
    starts_at: Instant | None
    ends_at: Instant | None
    attendee_email: str | None
    created_at: Instant
    updated_at: Instant
