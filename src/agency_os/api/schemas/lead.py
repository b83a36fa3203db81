"""Leads: short in lists, with the whole explanation of their score in detail."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Body, Change, Email, Instant, Line, Name
from agency_os.domain.import_values import read_profile, read_website
from agency_os.domain.states import read_state
from agency_os.kit.phone import parse_phone

Status = Literal["new", "enriched", "scored", "in_sequence", "converted", "unsubscribed", "bounced"]
Tier = Literal["hot", "warm", "cool", "cold", "dead"]


def _phone(text: str) -> str:
    phone = parse_phone(text)
    if phone is None:
        raise ValueError("is no phone number: give it as 04… or +61…")
    return phone.e164


def _profile(text: str) -> str:
    profile = read_profile(text)
    if profile is None:
        raise ValueError("is no LinkedIn profile of a person")
    return profile


def _domain(text: str) -> str:
    domain = read_website(text)
    if domain is None:
        raise ValueError("is no domain of a company")
    return domain


def _state(text: str) -> str:
    state = read_state(text)
    if state is None:
        raise ValueError("is no state or territory of Australia")
    return state.value


Phone = Annotated[Line, AfterValidator(_phone)]
Profile = Annotated[Line, AfterValidator(_profile)]
Domain = Annotated[Line, AfterValidator(_domain)]
State = Annotated[Line, StringConstraints(max_length=40), AfterValidator(_state)]

_CONSENT: Any = {
    "basis": "inferred",
    "source": "https://firm.example/team",
    "relevance": "she runs the practice's marketing",
    "declared_by": "Ann Carter",
    "obtained_on": "2026-11-20",
}
_PERSON: Any = {
    "email": "jo@firm.example",
    "phone": "+61412345678",
    "first_name": "Jo",
    "last_name": "Park",
    "title": "Owner",
    "company": "Firm Dental",
    "linkedin_url": None,
    "domain": "firm.example",
    "state": "NSW",
    "campaign_id": EXAMPLE_ID,
}


class NewConsent(Body):
    """What permits email and SMS to a person (Spam Act 2003, schedule 2)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _CONSENT})

    basis: Literal["express", "inferred"]
    source: Line = Field(description="Where the address was given or published")
    declared_by: Name = Field(description="Who vouches for it")
    relevance: Line | None = Field(None, description="For inferred consent: why a message concerns the person's role")
    obtained_on: date | None = Field(None, description="The day it was given or seen; null for today")

    @model_validator(mode="after")
    def _stands_up(self) -> Self:
        if self.basis == "inferred" and self.relevance is None:
            raise ValueError("inferred consent needs the relevance to the person's role")
        return self


class _Person(Body):
    email: Email | None = None
    phone: Phone | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    title: Line | None = None
    company: Line | None = None
    linkedin_url: Profile | None = None
    domain: Domain | None = None
    state: State | None = None
    campaign_id: UUID | None = Field(None, description="The campaign that approaches the person; one at a time")


class NewLead(_Person):
    """A person to approach: an email address, a LinkedIn profile, or first and last name with the company."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {**_PERSON, "consent": _CONSENT}})

    consent: NewConsent | None = Field(None, description="Without one the person is not written to by email or SMS")


class LeadChange(Change, _Person):
    """What to change of a lead; null empties a field."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"title": "Practice Manager"}})


class LeadItem(Answer):
    """A lead in a list."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "email": "jo@firm.example",
                "first_name": "Jo",
                "last_name": "Park",
                "title": "Owner",
                "company": "Firm Dental",
                "status": "scored",
                "status_reason": None,
                "als_score": 71,
                "als_tier": "warm",
                "campaign_id": EXAMPLE_ID,
                "company_id": None,
                "created_at": "2026-11-23T02:00:00Z",
                "updated_at": "2026-11-23T02:00:00Z",
            }
        },
    )

    id: UUID
    email: str | None
    first_name: str | None
    last_name: str | None
    title: str | None
    company: str | None
    status: Status
    status_reason: str | None
    als_score: int | None
    als_tier: Tier | None
    campaign_id: UUID | None
    company_id: UUID | None
    created_at: Instant
    updated_at: Instant


class PointLine(Answer):
    """Why one rule gave its points: the reason, and the field it read with its source and date."""

    component: str
    rule: str
    points: int
    max: int
    reason: str
    field: str
    source: str | None
    as_of: date | None


class Score(Answer):
    """The ALS: 0 to 100, its five components unweighted, the weights, and one line for every rule."""

    score: int
    tier: Tier
    data_quality: int | None
    authority: int | None
    company_fit: int | None
    timing: int | None
    risk: int | None
    weights: dict[str, float] | None
    scored_at: Instant | None
    explanation: list[PointLine]


class FieldSource(Answer):
    """Where a field came from, and how far it is trusted (0 to 1)."""

    source: str
    as_of: date
    confidence: float


class ConsentAnswer(Answer):
    """A consent on record; one that was withdrawn permits nothing any more."""

    basis: Literal["express", "inferred"]
    source: str
    evidence: str | None
    declared_by: str
    obtained_at: Instant
    withdrawn_at: Instant | None


class HoldAnswer(Answer):
    """Why nobody approaches the person for now; ``until`` null waits for somebody to decide."""

    reason: str
    until: Instant | None


class LeadAnswer(LeadItem):
    """A lead with all that is known."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                **_PERSON,
                "id": EXAMPLE_ID,
                "email_status": "verified",
                "time_zone": "Australia/Sydney",
                "status": "scored",
                "status_reason": None,
                "als_score": 71,
                "als_tier": "warm",
                "company_id": None,
                "import_id": None,
                "enriched_at": "2026-11-23T02:00:00Z",
                "last_reply_at": None,
                "meeting_booked_at": None,
                "created_at": "2026-11-23T02:00:00Z",
                "updated_at": "2026-11-23T02:00:00Z",
                "score": None,
                "field_sources": {"email": {"source": "hunter", "as_of": "2026-11-23", "confidence": 0.95}},
                "consents": [],
                "holds": [],
                "suppressed": [],
            }
        },
    )

    phone: str | None
    linkedin_url: str | None
    domain: str | None
    state: str | None
    time_zone: str | None
    email_status: Literal["unknown", "verified", "unverified", "invalid"]
    import_id: UUID | None
    enriched_at: Instant | None
    last_reply_at: Instant | None
    meeting_booked_at: Instant | None
    score: Score | None
    field_sources: dict[str, FieldSource]
    consents: list[ConsentAnswer]
    holds: list[HoldAnswer]
    suppressed: list[str] = Field(description="Channels on which the person is suppressed, for whatever reason")
