"""The ledger of look-ups: A$ reserved before a paid call and settled after it, one entry per look-up and lease.

An entry that is never settled stands for a call of which nobody can say what it was charged. The entries of touches
are written by `touch_delivery`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from agency_os.kit.ids import new_ids
from agency_os.repositories.base import Repository

_RESERVE = text("""
    INSERT INTO cost_entries (id, client_id, provider, operation, key, units, reserved_aud, lead_id)
    SELECT q.id, :client_id, CAST(:provider AS text), q.operation, q.key, q.units,
        q.units * CAST(:unit_cost AS numeric), q.lead_id
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:operations AS text[]), CAST(:keys AS text[]), CAST(:units AS numeric[]),
        CAST(:leads AS uuid[])
    ) AS q (id, operation, key, units, lead_id)
""")
_SETTLE = text("""
    UPDATE cost_entries AS c SET
        units = q.units, settled_aud = q.units * CAST(:unit_cost AS numeric), settled_at = :now
    FROM unnest(CAST(:keys AS text[]), CAST(:units AS numeric[])) AS q (key, units)
    WHERE c.provider = :provider AND c.key = q.key AND c.touch_id IS NULL AND c.settled_at IS NULL
""")


_RAISE = text("""
    UPDATE cost_entries SET
        units = :units, settled_aud = :units * CAST(:unit_cost AS numeric), settled_at = coalesce(settled_at, :now)
    WHERE provider = :provider AND key = :key AND touch_id IS NULL AND (settled_at IS NULL OR units < :units)
""")


@dataclass(frozen=True, slots=True)
class Reservation:
    """One look-up that is about to be paid: ``units`` of the provider at most, for one lead."""

    key: str
    operation: str
    units: Decimal
    lead_id: UUID


class CostEntryRepository(Repository):
    """Reserves and settles look-ups of one ``provider`` at ``unit_cost`` A$."""

    async def reserve(
        self, client_id: UUID, reservations: Sequence[Reservation], *, provider: str, unit_cost: Decimal
    ) -> None:
        """Book the most that each look-up can cost."""
        if reservations:
            await self.db.execute(
                _RESERVE,
                {
                    "client_id": client_id,
                    "provider": provider,
                    "unit_cost": unit_cost,
                    "ids": new_ids(len(reservations)),
                    "operations": [each.operation for each in reservations],
                    "keys": [each.key for each in reservations],
                    "units": [each.units for each in reservations],
                    "leads": [each.lead_id for each in reservations],
                },
            )

    async def settle(self, units: Mapping[str, Decimal], *, provider: str, unit_cost: Decimal, now: datetime) -> None:
        """Book what each look-up was charged; 0 gives the reservation back. What is settled stays as it is."""
        if units:
            values = {"provider": provider, "unit_cost": unit_cost, "now": now}
            await self.db.execute(_SETTLE, {**values, "keys": list(units), "units": list(units.values())})

    async def settle_up(self, key: str, units: Decimal, *, provider: str, unit_cost: Decimal, now: datetime) -> None:
        """Book what a look-up was charged, also where less was booked before: its answers come in any order."""
        values = {"provider": provider, "key": key, "units": units, "unit_cost": unit_cost, "now": now}
        await self.db.execute(_RAISE, values)

    async def release(self, keys: Collection[str], *, provider: str, now: datetime) -> None:
        """Give reservations back whose call was never charged."""
        await self.settle(dict.fromkeys(keys, Decimal(0)), provider=provider, unit_cost=Decimal(0), now=now)
