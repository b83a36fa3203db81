"""Clients: the agencies that are tenants, as their own people see and describe them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Body, Change, Instant, Line, LongText, Name, WebAddress

Mode = Literal["autopilot", "co_pilot", "manual"]
Abn = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^\d{2} ?\d{3} ?\d{3} ?\d{3}$"),
    Field(description="Australian Business Number, 11 digits"),
]

_IDENTITY: Any = {
    "name": "Harbour & Vine Marketing",
    "default_permission_mode": "co_pilot",
    "sender_name": "Ann Carter",
    "abn": "51 824 753 556",
    "postal_address": "Level 2, 14 Example Street, Sydney NSW 2000",
    "booking_url": "https://cal.com/harbour-vine/intro",
    "website_url": "https://harbourvine.example",
    "default_offer": "a 20-minute look at where enquiries are lost",
    "value_proposition": "more enquiries without raising the ad spend",
}


class _Described(Body):
    default_permission_mode: Mode = Field("co_pilot", description="Who presses send, where a campaign does not say")
    sender_name: Name | None = Field(None, description="Who speaks; every commercial email names it")
    abn: Abn | None = None
    postal_address: Line | None = Field(None, description="Every commercial email names it (Spam Act 2003 s 17)")
    booking_url: WebAddress | None = None
    website_url: WebAddress | None = None
    default_offer: LongText | None = None
    value_proposition: LongText | None = None


class NewClient(_Described):
    """A client to make; it starts trialing, with the credits of its tier, and its maker is the owner."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _IDENTITY})

    name: Name


class ClientChange(Change, _Described):
    """What to change of a client. Plan, credits and subscription are not changed here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"sender_name": "Ann Carter"}})

    name: Name = Field(default="", validate_default=False)


class ClientAnswer(Answer):
    """A client."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "tier": "ignition",
                "subscription_status": "trialing",
                "credits_remaining": 1250,
                "credits_reset_at": "2026-12-23T02:00:00Z",
                "created_at": "2026-11-23T02:00:00Z",
                "updated_at": "2026-11-23T02:00:00Z",
                **_IDENTITY,
            }
        },
    )

    id: UUID
    name: str
    tier: Literal["ignition", "velocity", "dominance"]
    subscription_status: Literal["trialing", "active", "past_due", "cancelled", "paused"]
    credits_remaining: int
    credits_reset_at: Instant | None
    default_permission_mode: Mode
    sender_name: str | None
    abn: str | None
    postal_address: str | None
    booking_url: str | None
    website_url: str | None
    default_offer: str | None
    value_proposition: str | None
    created_at: Instant
    updated_at: Instant
