"""One pass of the sealer, in a transaction of its own. Safe to run twice, and by many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agency_os.repositories.audit import MOST, AuditRepository

if TYPE_CHECKING:
    from agency_os.wiring.infrastructure import Infrastructure


async def seal_once(infra: Infrastructure, *, everything: bool = False, most: int = MOST) -> int | None:
    """Put what waits under a seal, at most ``most`` entries; how many were, None while another sealer is at work."""
    async with infra.database.transaction(now=infra.wall.now()) as db:
        return await AuditRepository(db).seal(everything=everything, most=most)
