"""Invitations to a client, by email address. Moments are wall time (UTC)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from agency_os.exceptions import NotFoundError
from agency_os.kit.ids import new_id
from agency_os.models import Invitation
from agency_os.repositories.base import Repository, TenantRepository

_RECEIVED = text("""
    SELECT i.id, i.role, i.expires_at, c.name AS client_name
    FROM invitations AS i JOIN clients AS c ON c.id = i.client_id
    WHERE i.email = :email AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > :wall
        AND c.deleted_at IS NULL
    ORDER BY i.id
""")
_CLOSE_EXPIRED = text("""
    UPDATE invitations SET revoked_at = :wall
    WHERE client_id = :client_id AND email = :email AND accepted_at IS NULL AND revoked_at IS NULL
        AND expires_at <= :wall
""")
_INSERT = text("""
    INSERT INTO invitations (id, client_id, email, role, invited_by, expires_at)
    VALUES (:id, :client_id, :email, CAST(:role AS membership_role), :invited_by, :expires_at)
    ON CONFLICT (client_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL DO NOTHING
""")
_REVOKE = text("""
    UPDATE invitations SET revoked_at = :wall
    WHERE client_id = :client_id AND id = :id AND accepted_at IS NULL AND revoked_at IS NULL
""")
_ACCEPT = text("""
    UPDATE invitations AS i SET accepted_at = :wall, accepted_by = :user_id
    FROM clients AS c
    WHERE i.id = :id AND c.id = i.client_id AND c.deleted_at IS NULL AND i.email = :email AND i.accepted_at IS NULL
        AND i.revoked_at IS NULL AND i.expires_at > :wall
    RETURNING i.client_id, i.role, i.invited_by
""")


class ReceivedInvitations(Repository):
    """Invitations to a confirmed address, of whatever client; for the service, on behalf of whoever holds it."""

    async def open(self, email: str, wall: datetime) -> Sequence[Any]:
        """Those that can be accepted: id, role, expires_at, client_name."""
        return (await self.db.execute(_RECEIVED, {"email": email, "wall": wall})).all()

    async def accept(self, invitation_id: UUID, *, user_id: UUID, email: str, wall: datetime) -> Any:
        """Take an open invitation to ``email``: client_id, role, invited_by. Raises NotFoundError."""
        values = {"id": invitation_id, "user_id": user_id, "email": email, "wall": wall}
        row = (await self.db.execute(_ACCEPT, values)).one_or_none()
        if row is None:
            raise NotFoundError("there is no open invitation of this id to your confirmed address: ask for a new one")
        return row


class InvitationRepository(TenantRepository):
    """One client's invitations."""

    async def open(self, wall: datetime) -> Sequence[Invitation]:
        """Those that can still be accepted, oldest first."""
        query = self.live(Invitation).where(
            Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > wall
        )
        return (await self.db.scalars(query.order_by(Invitation.id))).all()

    async def create(
        self, *, email: str, role: str, invited_by: UUID, expires_at: datetime, wall: datetime
    ) -> Invitation | None:
        """A new invitation; None where one to this address is open."""
        await self.db.execute(_CLOSE_EXPIRED, {"client_id": self.client_id, "email": email, "wall": wall})
        invitation_id = new_id()
        values = {"email": email, "role": role, "invited_by": invited_by, "expires_at": expires_at}
        await self.db.execute(_INSERT, {"id": invitation_id, "client_id": self.client_id, **values})
        found: Invitation | None = await self.db.scalar(select(Invitation).where(Invitation.id == invitation_id))
        return found

    async def revoke(self, invitation_id: UUID, wall: datetime) -> None:
        """Close an open invitation. Raises NotFoundError."""
        values = {"client_id": self.client_id, "id": invitation_id, "wall": wall}
        if not (await self.db.execute(_REVOKE, values)).rowcount:  # type: ignore[attr-defined]
            raise NotFoundError(f"there is no open invitation {invitation_id}")
