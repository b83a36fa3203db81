"""Imports: an uploaded list, what its columns hold, what it would come to, and what became of every row."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Body, Instant, Line
from agency_os.api.schemas.lead import NewConsent

State = Literal["uploaded", "queued", "running", "finished", "failed"]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=300)]
_CONSENT: Any = {
    "basis": "inferred",
    "source": "https://register.example/dentists",
    "declared_by": "Ann Carter",
    "relevance": "they run the practices' marketing",
    "obtained_on": "2026-11-20",
}
_IMPORT: Any = {
    "id": EXAMPLE_ID,
    "file_name": "dentists.csv",
    "campaign_id": EXAMPLE_ID,
    "state": "uploaded",
    "byte_size": 48213,
    "mapping": {"Email": "email", "Name": "full_name"},
    "overrides": {"Mail 2": "ignore"},
    "consent": _CONSENT,
    "rows_read": 0,
    "rows_accepted": 0,
    "rows_left_out": 0,
    "error": None,
    "created_at": "2026-11-23T02:00:00Z",
    "finished_at": None,
}


class Consent(Answer):
    """What the file as a whole declares."""

    basis: Literal["express", "inferred"]
    source: str
    declared_by: str
    relevance: str | None
    obtained_on: date


class ImportAnswer(Answer):
    """An import. The counts grow while it runs, and add up: read = accepted + left out."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _IMPORT})

    id: UUID
    file_name: str
    campaign_id: UUID | None
    state: State
    byte_size: int | None
    mapping: dict[str, str] = Field(description="Column → field, for every column in use")
    overrides: dict[str, str] = Field(description="What a person said of single columns")
    consent: Consent | None
    rows_read: int
    rows_accepted: int
    rows_left_out: int
    error: str | None
    created_at: Instant
    finished_at: Instant | None


class Mapping(Body):
    """Which column holds what, where the guess is wrong, and what the file declares of consent."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"overrides": {"Mail 2": "ignore"}, "consent": _CONSENT}}
    )

    overrides: dict[ColumnName, Line] = Field(
        default_factory=dict, max_length=500, description='Column → field, or "ignore"'
    )
    consent: NewConsent | None = None


class PreviewedLead(Answer):
    """A row as it would be imported; ``notes`` say what is wrong or missing in it."""

    row: int
    values: dict[str, Any]
    has_consent: bool
    notes: list[str]


class LeftOutRow(Answer):
    """A row that would be left out, and why."""

    row: int
    reason: str


class Preview(Answer):
    """What the list would come to, before it is compared with the client's leads and suppressions."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "columns": ["Email", "Name", "Mail 2"],
                "mapping": {"Email": "email", "Name": "full_name"},
                "rows_read": 2,
                "is_whole": True,
                "accepted": 1,
                "without_consent": 0,
                "leads": [{"row": 2, "values": {"email": "jo@firm.example"}, "has_consent": True, "notes": []}],
                "left_out": [{"row": 3, "reason": "the same person as in row 2"}],
            }
        },
    )

    columns: list[str]
    mapping: dict[str, str]
    rows_read: int
    is_whole: bool = Field(description="False where only the first rows of a long list were looked at")
    accepted: int
    without_consent: int = Field(description="Accepted rows that could not be written to by email or SMS")
    leads: list[PreviewedLead]
    left_out: list[LeftOutRow]


class ImportRowAnswer(Answer):
    """What became of a row: a lead, or the reason why not."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "row_number": 3,
                "lead_id": None,
                "reason": "the client has this lead already",
                "raw": {"Email": "jo@firm.example"},
            }
        },
    )

    row_number: int
    lead_id: UUID | None
    reason: str | None
    raw: dict[str, Any]
