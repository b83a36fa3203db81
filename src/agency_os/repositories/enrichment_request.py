"""Paid look-ups, one row per provider and key: leased and committed before the call, so that two askers pay once.

Leases run by the wall clock, answers by business time. A lease whose holder died is taken over where a repeat is
charged once; else it becomes ``unknown`` and is never asked again. A fence keeps a late holder from writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from agency_os.kit.ids import new_ids
from agency_os.repositories.base import Repository

# In the order of the keys, so that two askers never wait for each other; a row that stays as it is gets locked as well.
_LEASE = text("""
    INSERT INTO enrichment_requests AS r (id, provider, key, state, lease_until, requested_at)
    SELECT q.id, CAST(:provider AS text), q.key, 'leased', :lease_until, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[])) AS q (id, key)
    ORDER BY q.key
    ON CONFLICT (provider, key) DO UPDATE SET
        state = 'leased', lease_until = excluded.lease_until, fence = r.fence + 1, result = NULL, units = 0,
        requested_at = excluded.requested_at, finished_at = NULL, valid_until = NULL, answer_by = NULL
    WHERE r.state = 'released'
        OR (r.state = 'done' AND r.valid_until <= :now)
        OR (r.state = 'leased' AND CAST(:repeatable AS boolean) AND r.lease_until <= :wall)
    RETURNING r.key, r.fence
""")
_GIVE_UP = text("""
    UPDATE enrichment_requests SET
        state = CASE
            WHEN state = 'leased' AND CAST(:answer_by AS timestamptz) IS NOT NULL THEN 'waiting' ELSE 'unknown'
        END,
        answer_by = CASE WHEN state = 'leased' THEN CAST(:answer_by AS timestamptz) END, lease_until = NULL
    WHERE provider = :provider AND key = ANY (:keys)
        AND ((state = 'leased' AND lease_until <= :wall) OR (state = 'waiting' AND answer_by <= :now))
""")
_STATES = text("""
    SELECT key, state, result, valid_until FROM enrichment_requests WHERE provider = :provider AND key = ANY (:keys)
""").columns(result=JSONB)
_ANSWERED = text("""
    SELECT key, result, valid_until FROM enrichment_requests
    WHERE provider = :provider AND key = ANY (:keys) AND state = 'done' AND (valid_until IS NULL OR valid_until > :now)
""").columns(result=JSONB)
_WAITING = text("""
    SELECT key FROM enrichment_requests
    WHERE provider = :provider AND key = ANY (:keys) AND state = 'waiting' AND answer_by > :now
""")
# In the same order as the lease, or two workers wait for each other.
_LOCK = text("""
    SELECT id FROM enrichment_requests WHERE provider = :provider AND key = ANY (:keys)
    ORDER BY key FOR NO KEY UPDATE
""")
_SETTLE = text("""
    UPDATE enrichment_requests AS r SET
        state = q.state, result = q.result, units = q.units, valid_until = q.valid_until,
        answer_by = CASE WHEN q.state = 'waiting' THEN CAST(:answer_by AS timestamptz) END,
        finished_at = CASE WHEN q.state IN ('leased', 'waiting') THEN NULL ELSE CAST(:now AS timestamptz) END,
        lease_until = CASE WHEN q.state = 'leased' THEN CAST(:wall AS timestamptz) END
    FROM unnest(
        CAST(:keys AS text[]), CAST(:fences AS bigint[]), CAST(:states AS text[]), CAST(:results AS jsonb[]),
        CAST(:units AS numeric[]), CAST(:valid AS timestamptz[])
    ) AS q (key, fence, state, result, units, valid_until)
    WHERE r.provider = :provider AND r.key = q.key AND r.fence = q.fence AND r.state IN ('leased', 'unknown')
    RETURNING r.key
""")


# Whatever became of the request meanwhile, an answer is an answer; only one of an older lease is not, nor one that
# brings less than what is there: callbacks come in any order.
_ANSWER = text("""
    UPDATE enrichment_requests SET
        state = 'done', result = CAST(:result AS jsonb), units = :units, valid_until = :valid_until, finished_at = :now,
        lease_until = NULL, answer_by = NULL
    WHERE provider = :provider AND key = :key AND fence = :fence
        AND (state IN ('leased', 'waiting', 'unknown') OR (state = 'done' AND units <= CAST(:units AS numeric)))
    RETURNING id
""")
_ASKED = text("SELECT id FROM enrichment_requests WHERE provider = :provider AND key = :key AND fence = :fence")


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A provider's answer as JSON, served until ``valid_until`` (business time; None is for ever)."""

    result: Mapping[str, Any]
    valid_until: datetime | None


@dataclass(slots=True)
class Leases:
    """What became of asking for leases: ``ours`` key → fence, to be paid by us; ``answered`` meanwhile by others;
    ``busy`` with others; ``waiting`` for a callback; ``unknown`` for good."""

    ours: dict[str, int] = field(default_factory=dict)
    answered: dict[str, StoredAnswer] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a leased look-up ended. ``state``: done, released, unknown, waiting for a callback, or leased: cut short, to
    be repeated."""

    key: str
    fence: int
    state: str
    result: str | None = None
    units: Decimal = Decimal(0)
    valid_until: datetime | None = None


class EnrichmentRequestRepository(Repository):
    """Leases and answers of one provider's look-ups, over all clients."""

    async def answered(self, provider: str, keys: Sequence[str], now: datetime) -> dict[str, StoredAnswer]:
        """The answers still valid at ``now``, by key."""
        rows = await self.db.execute(_ANSWERED, {"provider": provider, "keys": list(keys), "now": now})
        return {row.key: StoredAnswer(row.result, row.valid_until) for row in rows}

    async def waiting(self, provider: str, keys: Sequence[str], now: datetime) -> set[str]:
        """The keys whose answer is on its way, and not overdue."""
        rows = await self.db.execute(_WAITING, {"provider": provider, "keys": list(keys), "now": now})
        return set(rows.scalars())

    async def lease(
        self,
        provider: str,
        keys: Sequence[str],
        *,
        now: datetime,
        wall: datetime,
        lease_until: datetime,
        repeatable: bool,
        answer_by: datetime | None = None,
    ) -> Leases:
        """Take the lease of each key that nobody holds and nobody has answered; see `Leases` for the others.

        ``answer_by``: a look-up whose asker has died may still be answered by a callback until then (business time).
        """
        values = {"provider": provider, "wall": wall}
        rows = await self.db.execute(
            _LEASE,
            {
                **values,
                "ids": new_ids(len(keys)),
                "keys": list(keys),
                "now": now,
                "lease_until": lease_until,
                "repeatable": repeatable,
            },
        )
        leases = Leases(ours={row.key: row.fence for row in rows})
        others = [key for key in keys if key not in leases.ours]
        if others:
            await self.db.execute(_GIVE_UP, {**values, "keys": others, "now": now, "answer_by": answer_by})
            for row in await self.db.execute(_STATES, {"provider": provider, "keys": others}):
                if row.state == "done":
                    leases.answered[row.key] = StoredAnswer(row.result, row.valid_until)
                else:
                    others_of = {"unknown": leases.unknown, "waiting": leases.waiting}
                    others_of.get(row.state, leases.busy).add(row.key)
        return leases

    async def settle(
        self,
        provider: str,
        settlements: Sequence[Settlement],
        *,
        now: datetime,
        wall: datetime,
        answer_by: datetime | None = None,
    ) -> set[str]:
        """Write how look-ups ended, only where the fence is still ours; those that wait do so until ``answer_by``
        (business time). Returns the keys written."""
        if not settlements:
            return set()
        await self.db.execute(_LOCK, {"provider": provider, "keys": [each.key for each in settlements]})
        rows = await self.db.execute(
            _SETTLE,
            {
                "provider": provider,
                "now": now,
                "wall": wall,
                "answer_by": answer_by,
                "keys": [each.key for each in settlements],
                "fences": [each.fence for each in settlements],
                "states": [each.state for each in settlements],
                "results": [each.result for each in settlements],
                "units": [each.units for each in settlements],
                "valid": [each.valid_until for each in settlements],
            },
        )
        return set(rows.scalars())

    async def answer(
        self, provider: str, key: str, fence: int, result: str, units: Decimal, *, valid_until: datetime, now: datetime
    ) -> bool:
        """Store what a callback brought, and its price, for the lease of this ``fence``; a dearer answer is kept.

        False where there is no such look-up, or a later lease has taken its place.
        """
        values = {"provider": provider, "key": key, "fence": fence, "result": result, "units": units}
        if await self.db.scalar(_ANSWER, {**values, "valid_until": valid_until, "now": now}) is not None:
            return True
        return await self.db.scalar(_ASKED, values) is not None
