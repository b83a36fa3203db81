"""What the allocator reads: scored leads of active campaigns, their steps, senders and the load of the coming days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text

from agency_os.domain.allocation import Candidate, SenderLoad, Step
from agency_os.domain.als import AlsTier
from agency_os.domain.calendars import place_of
from agency_os.domain.channels import Channel
from agency_os.domain.states import State
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.base import Repository
from agency_os.repositories.suppression import SuppressionRepository, addresses_of

_CLIENTS = text("""
    SELECT DISTINCT l.client_id FROM leads AS l
    JOIN campaigns AS g ON g.id = l.campaign_id AND g.status = 'active' AND g.deleted_at IS NULL
    JOIN clients AS c ON c.id = l.client_id AND c.deleted_at IS NULL AND c.stopped_at IS NULL
    WHERE l.status = 'scored' AND l.als_tier <> 'dead' AND l.status_reason IS NULL AND l.deleted_at IS NULL
        AND c.subscription_status = ANY (CAST(:statuses AS subscription_status[]))
    ORDER BY l.client_id
""")
_LOCK_CLIENT = text("SELECT id FROM clients WHERE id = :client_id FOR NO KEY UPDATE")
_CANDIDATES = text("""
    SELECT
        l.id, l.campaign_id, l.als_tier, l.state, l.time_zone, l.email, l.phone, l.linkedin_url,
        g.allocation_email, g.allocation_sms, g.allocation_linkedin, g.allocation_voice, g.allocation_mail,
        EXISTS (
            SELECT FROM consents AS k WHERE k.client_id = l.client_id AND k.lead_id = l.id AND k.withdrawn_at IS NULL
        ) AS has_consent
    FROM leads AS l
    JOIN campaigns AS g ON g.id = l.campaign_id AND g.status = 'active' AND g.deleted_at IS NULL
    WHERE l.client_id = :client_id AND l.status = 'scored' AND l.als_tier <> 'dead' AND l.status_reason IS NULL
        AND l.deleted_at IS NULL
    ORDER BY l.als_score DESC, l.id LIMIT :limit
    FOR NO KEY UPDATE OF l
""")
_STEPS = text("""
    SELECT campaign_id, id, step, channel, day_offset FROM sequence_steps
    WHERE client_id = :client_id AND campaign_id = ANY (:campaigns) AND deleted_at IS NULL
    ORDER BY campaign_id, step, channel
""")
_SENDERS = text("""
    SELECT id, channel, daily_limit FROM resources
    WHERE client_id = :client_id AND deleted_at IS NULL AND paused_at IS NULL AND daily_limit > 0
    ORDER BY id
""")
_LOAD = text("""
    SELECT t.resource_id, (greatest(t.due_at, t.not_before) AT TIME ZONE r.time_zone)::date AS day, count(*) AS planned
    FROM touches AS t JOIN resources AS r ON r.id = t.resource_id
    WHERE t.client_id = :client_id AND t.due_at >= CAST(:since AS timestamptz)
        AND t.state NOT IN ('skipped', 'cancelled', 'failed')
    GROUP BY 1, 2
""")
_IN_SEQUENCE = text("""
    UPDATE leads SET status = 'in_sequence', status_reason = NULL WHERE id = ANY (:ids) AND status = 'scored'
""")
_REFUSED = text("""
    UPDATE leads AS l SET status_reason = q.reason
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS q (id, reason)
    WHERE l.id = q.id AND l.status = 'scored'
""")


@dataclass(frozen=True, slots=True)
class Allocatable:
    """A lead with the channel shares (percent) of its campaign."""

    lead: Candidate
    shares: Mapping[Channel, int]


class AllocationRepository(Repository):
    """Reads candidates under a lock on the client, so that two allocators never count the same room twice."""

    def __init__(self, db: object, hashes: PersonHash) -> None:
        super().__init__(db)  # type: ignore[arg-type]  # narrowed by the base
        self._hashes = hashes

    async def clients(self, statuses: Sequence[str]) -> list[UUID]:
        """Clients in one of ``statuses`` with leads that wait for a plan."""
        return list((await self.db.execute(_CLIENTS, {"statuses": list(statuses)})).scalars())

    async def candidates(self, client_id: UUID, limit: int) -> list[Allocatable]:
        """Lock the client and up to ``limit`` of its waiting leads, the best first."""
        await self.db.execute(_LOCK_CLIENT, {"client_id": client_id})
        rows = (await self.db.execute(_CANDIDATES, {"client_id": client_id, "limit": limit})).mappings().all()
        addresses = {row["id"]: addresses_of(row) for row in rows}
        suppressed = await SuppressionRepository(self.db, self._hashes).reasons(client_id, addresses)
        return [
            Allocatable(
                Candidate(
                    id=row["id"],
                    campaign_id=row["campaign_id"],
                    tier=AlsTier(row["als_tier"]),
                    place=place_of(State(row["state"]) if row["state"] else None, row["time_zone"]),
                    name=row["email"] or row["linkedin_url"] or row["phone"] or "",
                    addresses={Channel(channel): address for channel, address in addresses[row["id"]].items()},
                    has_consent=row["has_consent"],
                    suppressed=frozenset(Channel(channel) for channel in suppressed.get(row["id"], ())),
                ),
                {channel: row[f"allocation_{channel}"] for channel in Channel},
            )
            for row in rows
        ]

    async def steps(self, client_id: UUID, campaigns: Sequence[UUID]) -> dict[UUID, list[Step]]:
        """The live steps of each campaign, in order."""
        found: dict[UUID, list[Step]] = {}
        for row in await self.db.execute(_STEPS, {"client_id": client_id, "campaigns": list(campaigns)}):
            step = Step(row.id, row.step, Channel(row.channel), row.day_offset)
            found.setdefault(row.campaign_id, []).append(step)
        return found

    async def senders(self, client_id: UUID) -> list[SenderLoad]:
        """The client's senders that may send."""
        found = await self.db.execute(_SENDERS, {"client_id": client_id})
        return [SenderLoad(row.id, Channel(row.channel), row.daily_limit) for row in found]

    async def load(self, client_id: UUID, since: datetime) -> dict[tuple[UUID, date], int]:
        """Messages planned or sent per sender and local day from ``since`` on."""
        found = await self.db.execute(_LOAD, {"client_id": client_id, "since": since})
        return {(row.resource_id, row.day): row.planned for row in found}

    async def mark(self, planned: Sequence[UUID], refused: Mapping[UUID, str]) -> None:
        """Put planned leads in sequence, and note why the others are not."""
        if planned:
            await self.db.execute(_IN_SEQUENCE, {"ids": list(planned)})
        if refused:
            await self.db.execute(_REFUSED, {"ids": list(refused), "reasons": list(refused.values())})
