"""People in a client, invitations to it, and what a caller is told of himself."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import ConfigDict

from agency_os.api.schemas.base import EXAMPLE_ID, Answer, Body, Email, Instant

Role = Literal["owner", "admin", "member", "viewer"]
InvitedRole = Literal["admin", "member", "viewer"]


class MemberAnswer(Answer):
    """A person with a role."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "user_id": EXAMPLE_ID,
                "email": "ann@harbourvine.example",
                "full_name": "Ann Carter",
                "role": "owner",
                "since": "2026-11-23T02:00:00Z",
            }
        },
    )

    user_id: UUID
    email: str
    full_name: str | None
    role: Role
    since: Instant


class MemberList(Answer):
    """Everybody, in order of their names."""

    items: list[MemberAnswer]


class RoleChange(Body):
    """Another role."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"role": "viewer"}})

    role: Role


class NewInvitation(Body):
    """Whom to invite. The owner's role is given to a member, not by invitation."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"email": "sam@harbourvine.example", "role": "member"}}
    )

    email: Email
    role: InvitedRole


class InvitationAnswer(Answer):
    """An open invitation, until ``expires_at``."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "email": "sam@harbourvine.example",
                "role": "member",
                "invited_by": EXAMPLE_ID,
                "expires_at": "2026-11-30T02:00:00Z",
                "created_at": "2026-11-23T02:00:00Z",
            }
        },
    )

    id: UUID
    email: str
    role: InvitedRole
    invited_by: UUID
    expires_at: Instant
    created_at: Instant


class InvitationList(Answer):
    """All open invitations."""

    items: list[InvitationAnswer]


class OwnMembership(Answer):
    """A client of the caller's."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "client_id": EXAMPLE_ID,
                "client_name": "Harbour & Vine Marketing",
                "role": "viewer",
                "permissions": ["campaigns:read", "leads:read"],
            }
        },
    )

    client_id: UUID
    client_name: str
    role: Role | None
    permissions: list[str]


class ReceivedInvitation(Answer):
    """An invitation to the caller's confirmed address."""

    id: UUID
    client_name: str
    role: InvitedRole
    expires_at: Instant


class MeAnswer(Answer):
    """Who calls, and what they may do where. A key has no email and one client."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "kind": "person",
                "id": EXAMPLE_ID,
                "email": "ann@harbourvine.example",
                "clients": [
                    {
                        "client_id": EXAMPLE_ID,
                        "client_name": "Harbour & Vine Marketing",
                        "role": "viewer",
                        "permissions": ["campaigns:read", "leads:read"],
                    }
                ],
                "invitations": [],
            }
        },
    )

    kind: Literal["person", "api_key"]
    id: UUID
    email: str | None
    clients: list[OwnMembership]
    invitations: list[ReceivedInvitation]
