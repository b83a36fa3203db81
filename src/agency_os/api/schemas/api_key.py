"""API keys. The secret is in one answer alone: that of its making."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Body, Instant, Name
from agency_os.domain.access import KEY_SCOPES, Permission


def _scope(scope: Permission) -> Permission:
    if scope not in KEY_SCOPES:
        raise ValueError(f"is for people alone; a key may have {', '.join(sorted(KEY_SCOPES))}")
    return scope


class NewApiKey(Body):
    """A key to make, with at least one scope."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "CRM sync", "scopes": ["leads:read", "leads:write"], "expires_at": None}
        },
    )

    name: Name
    scopes: list[Annotated[Permission, AfterValidator(_scope)]] = Field(min_length=1, max_length=len(KEY_SCOPES))
    expires_at: Instant | None = Field(None, description="Real time, in the future; null for a key that stays")


class ApiKeyAnswer(Answer):
    """A key as it is known after its making: ``shown`` are the first characters of its secret."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "name": "CRM sync",
                "shown": "aos_9vR3kQ",
                "scopes": ["leads:read", "leads:write"],
                "created_by": EXAMPLE_ID,
                "created_at": "2026-11-23T02:00:00Z",
                "expires_at": None,
                "revoked_at": None,
            }
        },
    )

    id: UUID
    name: str
    shown: str
    scopes: list[str]
    created_by: UUID
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None


class MadeApiKey(ApiKeyAnswer):
    """A key with its secret, which is shown this once; null where the answer is a repeat."""

    secret: str | None = Field(examples=["aos_9vR3kQmZbT1cWf5xE7yN2pLh8uJ4sGdA6oVtXiKrYqM"])


class ApiKeyList(Answer):
    """All keys of the client, newest first; revoked ones too."""

    items: list[ApiKeyAnswer]
