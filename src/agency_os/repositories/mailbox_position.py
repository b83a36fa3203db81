"""How far each mailbox has been read, moved on only from where the reader began.

Of two readers that began at one position one moves it; what both read has one event id each, and is stored once.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from agency_os.domain.mailbox import MailboxPosition
from agency_os.repositories.base import Repository

_GET = text("""
    SELECT uid_validity, last_uid, caught_up_at, anew_since FROM mailbox_positions
    WHERE client_id = :client_id AND resource_id = :resource_id
""")
_BEGIN = text("""
    INSERT INTO mailbox_positions (resource_id, client_id, uid_validity, last_uid, caught_up_at, anew_since)
    VALUES (:resource_id, :client_id, :uid_validity, :last_uid, :caught_up_at, :anew_since)
    ON CONFLICT (resource_id) DO NOTHING
    RETURNING resource_id
""")
_MOVE = text("""
    UPDATE mailbox_positions SET
        uid_validity = :uid_validity, last_uid = :last_uid, caught_up_at = :caught_up_at, anew_since = :anew_since
    WHERE client_id = :client_id AND resource_id = :resource_id
        AND uid_validity = :was_validity AND last_uid = :was_uid AND caught_up_at = :was_caught_up_at
    RETURNING resource_id
""")


class MailboxPositionRepository(Repository):
    """The positions of every client's mailboxes (rows of ``resources``)."""

    async def get(self, client_id: UUID, resource_id: UUID) -> MailboxPosition | None:
        """Where the mailbox has been read to; None before the first reading."""
        row = (await self.db.execute(_GET, {"client_id": client_id, "resource_id": resource_id})).one_or_none()
        return None if row is None else MailboxPosition(*row)

    async def move(
        self, client_id: UUID, resource_id: UUID, *, before: MailboxPosition | None, after: MailboxPosition
    ) -> bool:
        """Go on to ``after``; False where the position is not ``before`` any more."""
        values = {
            "client_id": client_id,
            "resource_id": resource_id,
            "uid_validity": after.uid_validity,
            "last_uid": after.last_uid,
            "caught_up_at": after.caught_up_at,
            "anew_since": after.anew_since,
        }
        if before is None:
            return await self.db.scalar(_BEGIN, values) is not None
        was = {
            "was_validity": before.uid_validity,
            "was_uid": before.last_uid,
            "was_caught_up_at": before.caught_up_at,
        }
        return await self.db.scalar(_MOVE, {**values, **was}) is not None
