"""Suppressions: who is not to be approached. Addresses are kept as hashes alone, so no answer tells them."""

from __future__ import annotations

from typing import Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Body, Instant, Line
from agency_os.domain.channels import Channel
from agency_os.domain.suppression import normal_address


class NewSuppression(Body):
    """Somebody asked to be left in peace: by an address, which binds all channels of whoever has it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"channel": "email", "address": "jo@firm.example", "reason": "asked by phone"}},
    )

    channel: Literal["email", "sms", "voice", "linkedin"]
    address: Line = Field(description="An email address, a phone number, or a LinkedIn profile")
    reason: Line = Field(description="How you know; kept with the entry")

    @model_validator(mode="after")
    def _is_an_address(self) -> Self:
        if normal_address(Channel(self.channel), self.address) is None:
            raise ValueError(f"address is none of the channel {self.channel}")
        return self


class Suppressed(Answer):
    """What was done. A repeat does nothing more."""

    model_config = ConfigDict(json_schema_extra={"example": {"channels": ["email"], "leads": 1}})

    channels: list[str]
    leads: int = Field(description="Leads of the client with this address: now unsubscribed, their plans cancelled")


class SuppressionAnswer(Answer):
    """An entry of the client's own list."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "channel": "email",
                "reason": "unsubscribed by link",
                "added_by": "recipient",
                "created_at": "2026-11-23T02:00:00Z",
            }
        },
    )

    id: UUID
    channel: Channel
    reason: str
    added_by: str | None
    created_at: Instant
