"""Which leads have an address that is suppressed, for their client or for all, and why (decision 9).

The reasons are for our own rules; a tenant is told "suppressed" and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from agency_os.kit.tokens import PersonHash
from agency_os.models import ClientSuppression
from agency_os.repositories.base import Repository, TenantRepository

_REASONS = text("""
    WITH q AS (
        SELECT * FROM unnest(CAST(:leads AS uuid[]), CAST(:channels AS text[]), CAST(:hashes AS bytea[]))
            AS q (lead_id, channel, hash)
    )
    SELECT q.lead_id, q.channel, s.reason FROM q
    JOIN global_suppression AS s ON s.channel = CAST(q.channel AS channel_type) AND s.address_hash = q.hash
    UNION ALL
    SELECT q.lead_id, q.channel, s.reason FROM q
    JOIN client_suppression AS s
        ON s.client_id = :client_id AND s.channel = CAST(q.channel AS channel_type) AND s.address_hash = q.hash
""")

Addresses = Mapping[UUID, Mapping[str, str]]
"""Lead to its addresses by channel."""


class SuppressionRepository(Repository):
    """Reads the suppressions of one client and of all."""

    def __init__(self, db: AsyncSession, hashes: PersonHash) -> None:
        super().__init__(db)
        self._hashes = hashes

    async def reasons(self, client_id: UUID, addresses: Addresses) -> dict[UUID, dict[str, list[str]]]:
        """Lead → channel → the reasons of its suppressions; leads without any are left out."""
        asked = [
            (lead, channel, self._hashes.of(channel, address))
            for lead, known in addresses.items()
            for channel, address in known.items()
            if address
        ]
        found: dict[UUID, dict[str, list[str]]] = {}
        if not asked:
            return found
        rows = await self.db.execute(
            _REASONS,
            {
                "client_id": client_id,
                "leads": [lead for lead, _, _ in asked],
                "channels": [channel for _, channel, _ in asked],
                "hashes": [digest for _, _, digest in asked],
            },
        )
        for row in rows:
            found.setdefault(row.lead_id, {}).setdefault(row.channel, []).append(row.reason)
        return found


def addresses_of(row: RowMapping) -> dict[str, str]:
    """The addresses in a lead's row, by channel."""
    known = {"email": row["email"], "sms": row["phone"], "voice": row["phone"], "linkedin": row["linkedin_url"]}
    return {channel: str(address) for channel, address in known.items() if address}


class SuppressionListRepository(TenantRepository):
    """One client's own suppressions, as its people read them; for the service, which names the client."""

    async def page(self, *, after: UUID | None, limit: int) -> Sequence[Any]:
        """Newest first: id, channel, reason, added_by, created_at. Never the hashes."""
        row = ClientSuppression
        query = select(row.id, row.channel, row.reason, row.added_by, row.created_at)
        return list(await self.db.execute(self.newest(query, row, after, limit)))
