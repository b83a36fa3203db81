"""Entries of the audit trail."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Instant


class AuditAnswer(Answer):
    """One change of one row: who, what, when."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "actor": EXAMPLE_ID,
                "verb": "update",
                "table_name": "campaigns",
                "row_id": EXAMPLE_ID,
                "fields": ["status"],
                "new_values": {"status": "active"},
                "is_sealed": True,
                "created_at": "2026-11-23T02:00:00Z",
            }
        },
    )

    id: UUID
    actor: str = Field(description="A person's id, `api_key:` with a key's, or the part of the system that acted")
    verb: Literal["insert", "update"]
    table_name: str
    row_id: UUID
    fields: list[str]
    new_values: dict[str, Any] | None = Field(description="Null once an erasure has emptied them")
    is_sealed: bool = Field(description="Whether it is in the chain of seals already: within ten seconds")
    created_at: Instant
