"""A client's senders: the rows of ``resources``, as its people see and change them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from agency_os.exceptions import ConflictError
from agency_os.kit.ids import new_id
from agency_os.models import Resource
from agency_os.repositories.base import TenantRepository

_INSERT = text("""
    INSERT INTO resources (
        id, client_id, kind, channel, address, sender_email, sender_name, provider, daily_limit, time_zone
    ) VALUES (
        :id, :client_id, CAST(:kind AS resource_kind), CAST(:channel AS channel_type), :address, :sender_email,
        :sender_name, :provider, :daily_limit, :time_zone
    )
    ON CONFLICT (kind, lower(address)) WHERE deleted_at IS NULL DO NOTHING
    RETURNING id
""")


class SenderRepository(TenantRepository):
    """One client's senders."""

    async def page(self, *, after: UUID | None, limit: int) -> list[Resource]:
        """Newest first."""
        return list(await self.db.scalars(self.newest(select(Resource), Resource, after, limit)))

    async def find(self, sender_id: UUID) -> Resource:
        """One sender. Raises NotFoundError."""
        return await self.get(Resource, sender_id)

    async def create(self, fields: Mapping[str, Any]) -> Resource:
        """A new sender; ``fields`` are columns. Raises ConflictError where the address is in use."""
        sender_id = await self.db.scalar(_INSERT, {"id": new_id(), "client_id": self.client_id, **fields})
        if sender_id is None:  # a limit belongs to the sender itself: it cannot stand in two clients, nor twice in one
            raise ConflictError(f"{fields['address']} is a sender already: each can be added once, to one client")
        return await self.get(Resource, sender_id)

    async def change(self, sender_id: UUID, fields: Mapping[str, Any]) -> Resource:
        """Set columns. Raises NotFoundError."""
        await self.get(Resource, sender_id)
        query = update(Resource).where(Resource.client_id == self.client_id, Resource.id == sender_id)
        await self.db.execute(query.values(**fields).execution_options(synchronize_session=False))
        return await self.get(Resource, sender_id)

    async def delete(self, sender_id: UUID, now: datetime) -> None:
        """Soft-delete. Raises NotFoundError."""
        await self.get(Resource, sender_id)
        query = update(Resource).where(Resource.client_id == self.client_id, Resource.id == sender_id)
        await self.db.execute(query.values(deleted_at=now).execution_options(synchronize_session=False))
