"""Campaigns and their steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Body, Change, Instant, Line, LongText, Name
from agency_os.domain.channels import Channel
from agency_os.domain.content import template_fault

Status = Literal["draft", "active", "paused", "completed"]
Mode = Literal["autopilot", "co_pilot", "manual"]
Share = Annotated[int, Field(ge=0, le=100, description="Percent of the approaches; the five add up to 100")]
MOST_STEPS = 50


def _template(text: str) -> str:
    fault = template_fault(text)
    if fault is not None:
        raise ValueError(fault)
    return text


Subject = Annotated[Line, AfterValidator(_template)]
Template = Annotated[LongText, AfterValidator(_template)]

_STEP: Any = {
    "step": 1,
    "channel": "email",
    "day_offset": 0,
    "subject_template": "{{ company | default('Your business') }}: more enquiries?",
    "body_template": "Hi {{ first_name | default('there') }},\n\n{{ booking_link }}\n",
}
_CAMPAIGN: Any = {
    "name": "Dentists in Sydney",
    "permission_mode": "co_pilot",
    "allocation_email": 100,
    "steps": [_STEP],
}


class Step(Body):
    """One message of the sequence. Templates are Jinja; an unknown field in one is refused."""

    model_config = ConfigDict(extra="forbid", from_attributes=True, json_schema_extra={"example": _STEP})

    step: int = Field(ge=1, le=50, description="Its place in the sequence")
    channel: Channel
    day_offset: int = Field(ge=0, le=365, description="Business days after the first step")
    subject_template: Subject | None = Field(None, description="Null answers in the thread of the step before")
    body_template: Template


class _Shares(Body):
    allocation_email: Share = 100
    allocation_sms: Share = 0
    allocation_linkedin: Share = 0
    allocation_voice: Share = 0
    allocation_mail: Share = 0


class NewCampaign(_Shares):
    """A campaign to make; it starts as a draft."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _CAMPAIGN})

    name: Name
    description: LongText | None = None
    permission_mode: Mode | None = Field(None, description="Null follows the client's default")
    steps: list[Step] = Field(default_factory=list, max_length=MOST_STEPS)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        _check_shares(self.model_dump(include=set(_Shares.model_fields)))
        check_steps(self.steps)
        return self


class CampaignChange(Change):
    """What to change of a campaign. Shares are given all five together; ``steps`` replaces the whole sequence."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Dentists in Greater Sydney"}})

    name: Name = Field(default="", validate_default=False)
    description: LongText | None = None
    permission_mode: Mode | None = None
    allocation_email: Share = 0
    allocation_sms: Share = 0
    allocation_linkedin: Share = 0
    allocation_voice: Share = 0
    allocation_mail: Share = 0
    steps: list[Step] = Field(default_factory=list, max_length=MOST_STEPS)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        given = self.model_fields_set & set(_Shares.model_fields)
        if given and len(given) < len(_Shares.model_fields):
            raise ValueError("the shares belong together: give all five allocations")
        if given:
            _check_shares(self.model_dump(include=set(_Shares.model_fields)))
        check_steps(self.steps)
        return self


class CampaignAnswer(Answer):
    """A campaign with its steps."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "description": None,
                "status": "draft",
                "activated_at": None,
                "created_at": "2026-11-23T02:00:00Z",
                "updated_at": "2026-11-23T02:00:00Z",
                "allocation_sms": 0,
                "allocation_linkedin": 0,
                "allocation_voice": 0,
                "allocation_mail": 0,
                **_CAMPAIGN,
            }
        },
    )

    id: UUID
    name: str
    description: str | None
    status: Status
    permission_mode: Mode | None
    allocation_email: int
    allocation_sms: int
    allocation_linkedin: int
    allocation_voice: int
    allocation_mail: int
    activated_at: Instant | None
    created_at: Instant
    updated_at: Instant
    steps: list[Step]


def _check_shares(shares: dict[str, int]) -> None:
    if sum(shares.values()) != 100:  # percent
        raise ValueError(f"the five allocations add up to {sum(shares.values())}, not to 100: give all five")


def check_steps(steps: list[Step]) -> None:
    """Raises ValueError for two steps at one place, an order that runs backwards, a first email without a subject."""
    places = [(each.step, each.channel) for each in steps]
    if len(set(places)) < len(places):
        raise ValueError("two steps have the same number and channel")
    ordered = sorted(steps, key=lambda each: each.step)
    if any(later.day_offset < earlier.day_offset for earlier, later in pairwise(ordered)):
        raise ValueError("a later step has a smaller day_offset than the one before it")
    emails = [each for each in ordered if each.channel is Channel.EMAIL]
    if emails and emails[0].subject_template is None:
        raise ValueError("the first email has no subject_template: there is no thread to answer in")
