"""Senders: the domains, seats and numbers that messages leave by, each with its daily limit."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Body, Change, Email, Instant, Line, Name
from agency_os.domain.channels import RESOURCE_LIMITS, Channel
from agency_os.domain.senders import fault_of_address, is_zone

_SENDER: Any = {
    "channel": "email",
    "address": "harbourvine.example",
    "sender_email": "ann@harbourvine.example",
    "sender_name": "Ann Carter",
    "daily_limit": 50,
    "time_zone": "Australia/Sydney",
}
SenderChannel = Literal["email", "sms", "linkedin"]


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("is no time zone: use a name such as Australia/Sydney")
    return name


Zone = Annotated[str, StringConstraints(min_length=3, max_length=64), AfterValidator(_zone)]


class NewSender(Body):
    """A sender to add: for email a domain, for LinkedIn a seat, for SMS a number."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _SENDER})

    channel: SenderChannel
    address: Line = Field(description="The domain, the profile's address, or the number as +61…")
    sender_email: Email | None = Field(None, description="For email: the address in From, of this domain")
    sender_name: Name | None = Field(None, description="Null takes the client's")
    daily_limit: int | None = Field(
        None, ge=0, le=1000, description="Null takes the most that is allowed for the channel"
    )
    time_zone: Zone = Field("Australia/Sydney", description="Whose midnight begins its day")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        channel = Channel(self.channel)
        fault = fault_of_address(channel, self.address, self.sender_email)
        if fault is not None:
            raise ValueError(fault)
        most = RESOURCE_LIMITS[channel].per_day
        if self.daily_limit is not None and self.daily_limit > most:
            raise ValueError(f"daily_limit is at most {most} for {channel.value}")
        return self


class SenderChange(Change):
    """What to change of a sender."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"is_paused": True}})

    sender_name: Name | None = None
    daily_limit: int = Field(0, ge=0, le=1000)
    time_zone: Zone = "Australia/Sydney"
    is_paused: bool = False


class SenderAnswer(Answer):
    """A sender."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "kind": "domain",
                "paused_at": None,
                "paused_reason": None,
                "created_at": "2026-11-23T02:00:00Z",
                "updated_at": "2026-11-23T02:00:00Z",
                **_SENDER,
            }
        },
    )

    id: UUID
    channel: str
    kind: Literal["domain", "mailbox", "seat", "number"]
    address: str
    sender_email: str | None
    sender_name: str | None
    daily_limit: int
    time_zone: str
    paused_at: Instant | None
    paused_reason: str | None
    created_at: Instant
    updated_at: Instant
