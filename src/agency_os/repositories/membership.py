"""Who belongs to which client: read by its people, written by the service on behalf of a confirmed caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text

from agency_os.exceptions import ConflictError, NotFoundError
from agency_os.models import Membership
from agency_os.repositories.base import Repository

_MEMBERS = text("""
    SELECT m.user_id, u.email, u.full_name, m.role, m.accepted_at AS since
    FROM memberships AS m JOIN users AS u ON u.id = m.user_id
    WHERE m.client_id = :client_id AND m.accepted_at IS NOT NULL AND m.deleted_at IS NULL
    ORDER BY lower(u.email), m.user_id
""")
_OF_USER = text("""
    SELECT m.client_id, c.name AS client_name, m.role
    FROM memberships AS m JOIN clients AS c ON c.id = m.client_id
    WHERE m.user_id = :user_id AND m.accepted_at IS NOT NULL AND m.deleted_at IS NULL
        AND m.client_id = ANY (public.get_user_client_ids())
    ORDER BY lower(c.name), c.id
""")
_TRIALS = text("""
    SELECT count(*) FROM memberships AS m JOIN clients AS c ON c.id = m.client_id
    WHERE m.user_id = :user_id AND m.role = 'owner' AND m.deleted_at IS NULL AND c.subscription_status = 'trialing'
""")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_LOCK_ALL = text("""
    SELECT id, user_id, role FROM memberships
    WHERE client_id = :client_id AND accepted_at IS NOT NULL AND deleted_at IS NULL
    ORDER BY id FOR UPDATE
""")
_SET_ROLE = text("UPDATE memberships SET role = CAST(:role AS membership_role) WHERE id = :id")
_REMOVE = text("UPDATE memberships SET deleted_at = :now WHERE id = :id")
_IS_MEMBER = text("""
    SELECT EXISTS (
        SELECT FROM memberships AS m JOIN users AS u ON u.id = m.user_id
        WHERE m.client_id = :client_id AND lower(u.email) = :email AND m.accepted_at IS NOT NULL
            AND m.deleted_at IS NULL
    )
""")


@dataclass(frozen=True, slots=True)
class OwnClient:
    """A client of a person's, and the role in it."""

    client_id: UUID
    client_name: str
    role: str


class MembershipRepository(Repository):
    """Memberships."""

    async def members(self, client_id: UUID) -> Sequence[Any]:
        """Everybody in a client: user_id, email, full_name, role, since."""
        return (await self.db.execute(_MEMBERS, {"client_id": client_id})).all()

    async def of_user(self, user_id: UUID) -> list[OwnClient]:
        """The clients of the person who calls; none while the account is banned."""
        rows = await self.db.execute(_OF_USER, {"user_id": user_id})
        return [OwnClient(row.client_id, row.client_name, row.role) for row in rows]

    async def trials_of(self, user_id: UUID) -> int:
        """How many trialing clients a person owns."""
        return int(await self.db.scalar(_TRIALS, {"user_id": user_id}) or 0)

    async def wait_for_turn(self, user_id: UUID) -> None:
        """One new client of a person at a time, until the transaction ends, so that the count below holds."""
        await self.db.execute(_ALONE, {"key": f"new-client:{user_id}"})

    async def is_member(self, client_id: UUID, email: str) -> bool:
        """Whether somebody with this address (lower case) belongs to the client."""
        return bool(await self.db.scalar(_IS_MEMBER, {"client_id": client_id, "email": email}))

    async def add(
        self, client_id: UUID, user_id: UUID, role: str, *, now: datetime, invited_by: UUID | None = None
    ) -> None:
        """A membership that holds from ``now`` (business time)."""
        await self.db.execute(
            insert(Membership).values(
                client_id=client_id, user_id=user_id, role=role, accepted_at=now, invited_by=invited_by
            )
        )

    async def role_of(self, client_id: UUID, user_id: UUID) -> str:
        """The role of a member, all memberships of the client locked until the transaction ends: two who each take
        the other's ownership away do not leave it without an owner. Raises NotFoundError."""
        members = await self._locked(client_id)
        return members[self._found(members, user_id)][1]

    async def set_role(self, client_id: UUID, user_id: UUID, role: str) -> None:
        """Change a member's role. Raises NotFoundError, and ConflictError for the last owner."""
        members = await self._locked(client_id)
        self._keep_an_owner(members, user_id, role)
        await self.db.execute(_SET_ROLE, {"id": members[user_id][0], "role": role})

    async def remove(self, client_id: UUID, user_id: UUID, now: datetime) -> None:
        """Take a membership away. Raises NotFoundError, and ConflictError for the last owner."""
        members = await self._locked(client_id)
        self._keep_an_owner(members, user_id, None)
        await self.db.execute(_REMOVE, {"id": members[user_id][0], "now": now})

    async def _locked(self, client_id: UUID) -> dict[UUID, tuple[UUID, str]]:
        rows = await self.db.execute(_LOCK_ALL, {"client_id": client_id})
        return {row.user_id: (row.id, row.role) for row in rows}

    @staticmethod
    def _found(members: dict[UUID, tuple[UUID, str]], user_id: UUID) -> UUID:
        if user_id not in members:
            raise NotFoundError(f"there is no member {user_id}")
        return user_id

    def _keep_an_owner(self, members: dict[UUID, tuple[UUID, str]], user_id: UUID, role: str | None) -> None:
        owners = {user for user, (_, held) in members.items() if held == "owner"}
        if self._found(members, user_id) in owners and role != "owner" and len(owners) == 1:
            raise ConflictError("a client needs an owner: make somebody else owner first")
