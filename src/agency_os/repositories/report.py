"""Counts of one campaign: the funnel, replies, meetings, money, and the ledger's side of the comparison with providers.

Everything is counted by the database; nothing here changes anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from agency_os.repositories.base import Repository

_LEADS = text("SELECT status::text, count(*) FROM leads WHERE client_id = :client_id AND deleted_at IS NULL GROUP BY 1")
_TIERS = text("""
    SELECT als_tier, count(*) FROM leads WHERE client_id = :client_id AND als_tier IS NOT NULL AND deleted_at IS NULL
    GROUP BY 1
""")
_REASONS = text("""
    SELECT status_reason, count(*) FROM leads
    WHERE client_id = :client_id AND status IN ('new', 'scored') AND status_reason IS NOT NULL AND deleted_at IS NULL
    GROUP BY 1
""")
_IMPORTS = text("""
    SELECT
        coalesce((
            SELECT sum(rows_read) FROM imports WHERE client_id = :client_id AND finished_at IS NOT NULL
                AND undone_at IS NULL
        ), 0) AS read,
        (SELECT count(*) FROM leads WHERE client_id = :client_id AND import_id IS NOT NULL) AS accepted
""")
_ENRICHED = text("SELECT count(*) FROM leads WHERE client_id = :client_id AND als_score IS NOT NULL")
_TOUCHES = text("""
    SELECT kind::text || ' ' || state::text, count(*) FROM touches WHERE client_id = :client_id GROUP BY 1
""")
_CONTACTED = text("SELECT count(DISTINCT lead_id) FROM touches WHERE client_id = :client_id AND state = 'sent'")
_ACTIVITIES = text("SELECT action, count(*) FROM activities WHERE client_id = :client_id GROUP BY 1")
_PEOPLE = text("""
    SELECT action, count(DISTINCT lead_id) FROM activities WHERE client_id = :client_id GROUP BY 1
""")
_MEETINGS = text("SELECT status, count(*) FROM meetings WHERE client_id = :client_id GROUP BY 1")
_WAITING = text("SELECT count(*) FROM conversations WHERE client_id = :client_id AND needs_person")
_COSTS = text("""
    SELECT provider, coalesce(sum(settled_aud), 0) FROM cost_entries WHERE client_id = :client_id GROUP BY 1
""")
_RESERVED = text("""
    SELECT coalesce(sum(reserved_aud), 0) FROM cost_entries WHERE client_id = :client_id AND settled_at IS NULL
""")
_ENRICHMENT = text("""
    SELECT (SELECT coalesce(sum(settled_aud), 0) FROM cost_entries WHERE client_id = :client_id AND touch_id IS NULL),
        (SELECT count(*) FROM leads WHERE client_id = :client_id AND enriched_at IS NOT NULL)
""")
_OPEN_SENDINGS = text("SELECT count(*) FROM touches WHERE state = 'sending'")
_EVENTS = text("SELECT state, count(*) FROM inbound_events GROUP BY 1")
_SENT = text("""
    SELECT t.id::text AS touch, c.key, trim_scale(c.units)::text AS units
    FROM touches AS t
    LEFT JOIN cost_entries AS c ON c.touch_id = t.id AND c.settled_at IS NOT NULL AND c.units > 0
    WHERE t.state = 'sent' AND t.provider = :provider
""")
_UNKNOWN = text("SELECT id::text FROM touches WHERE state = 'unknown' AND provider = :provider")
_LOOKUPS = text("""
    SELECT provider, coalesce(sum(units) FILTER (WHERE settled_at IS NOT NULL), 0) AS settled,
        coalesce(sum(units) FILTER (WHERE settled_at IS NULL), 0) AS open
    FROM cost_entries WHERE touch_id IS NULL GROUP BY 1
""")


class ReportRepository(Repository):
    """Counts by client; the ledger over all clients, as a provider's account is."""

    async def counts(self, client_id: UUID) -> dict[str, Any]:
        """Everything that a summary shows, by name."""
        one = {"client_id": client_id}
        read = (await self.db.execute(_IMPORTS, one)).one()
        return {
            "import": {
                "read": int(read.read),
                "accepted": int(read.accepted),
                "left_out": int(read.read - read.accepted),
            },
            "leads": await self._grouped(_LEADS, one),
            "tiers": await self._grouped(_TIERS, one),
            "reasons": await self._grouped(_REASONS, one),
            "scored": int(await self.db.scalar(_ENRICHED, one) or 0),
            "touches": await self._grouped(_TOUCHES, one),
            "contacted": int(await self.db.scalar(_CONTACTED, one) or 0),
            "activities": await self._grouped(_ACTIVITIES, one),
            "people": await self._grouped(_PEOPLE, one),
            "meetings": await self._grouped(_MEETINGS, one),
            "needs_person": int(await self.db.scalar(_WAITING, one) or 0),
            "events": await self._grouped(_EVENTS, {}),
        }

    async def costs(self, client_id: UUID) -> tuple[dict[str, Decimal], Decimal]:
        """A$ settled by provider, and A$ still reserved."""
        one = {"client_id": client_id}
        settled = {row[0]: Decimal(row[1]) for row in await self.db.execute(_COSTS, one)}
        return settled, Decimal(await self.db.scalar(_RESERVED, one) or 0)

    async def enrichment(self, client_id: UUID) -> tuple[Decimal, int]:
        """A$ settled for look-ups, and how many leads went through enrichment."""
        row = (await self.db.execute(_ENRICHMENT, {"client_id": client_id})).one()
        return Decimal(row[0]), int(row[1])

    async def sent(self, provider: str) -> Counter[tuple[str | None, str | None, str | None]]:
        """What the ledger says was sent through ``provider``: (touch, key, units), as a multiset."""
        found = await self.db.execute(_SENT, {"provider": provider})
        return Counter((row.touch, row.key, row.units) for row in found)

    async def unknown(self, provider: str) -> set[str]:
        """Touches of which nobody can say whether the provider accepted them."""
        return set((await self.db.execute(_UNKNOWN, {"provider": provider})).scalars())

    async def open_sendings(self) -> int:
        """Messages that left and of which nobody knows yet whether they were accepted: they are still being settled."""
        return int(await self.db.scalar(_OPEN_SENDINGS) or 0)

    async def lookup_units(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Units settled for look-ups, and units reserved for those of which nobody knows, by provider."""
        found = await self.db.execute(_LOOKUPS)
        return {row.provider: (Decimal(row.settled), Decimal(row.open)) for row in found}

    async def _grouped(self, query: TextClause, values: Mapping[str, Any]) -> dict[str, int]:
        return {str(row[0]): int(row[1]) for row in (await self.db.execute(query, values))}
