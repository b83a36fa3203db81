"""Enrichment by batches: claim with credits, ask source by source, record. Safe to run twice and to be killed anywhere.

Every paid look-up is committed before it leaves and settled after it; nothing is called while a transaction is open.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from agency_os.domain.enrichment_batch import Batch
from agency_os.domain.subscription import Ability, statuses_that_allow
from agency_os.engines.scout import EnrichmentCounts, Step
from agency_os.exceptions import ConflictError
from agency_os.repositories.enrichment import EnrichmentRepository

if TYPE_CHECKING:
    from agency_os.wiring.services import Services


async def clients_to_enrich(services: Services, now: datetime) -> list[UUID]:
    """Clients whose subscription allows enrichment and that have leads due, the longest waiting first."""
    statuses = sorted(statuses_that_allow(Ability.ENRICH))
    async with services.infra.database.transaction(now=now) as db:
        return await EnrichmentRepository(db).clients(statuses, now)


async def enrich_client(services: Services, client_id: UUID, now: datetime) -> dict[str, int]:
    """Enrich one batch of one client; ``remaining`` leads are due beyond it."""
    scout, database = services.scout, services.infra.database
    async with database.transaction(now=now) as db:
        batch = await scout.claim(db, client_id=client_id, now=now)
    if batch is None:
        return {"remaining": 0}
    while (step := scout.next_step(batch)) is not None:
        await _take(services, batch, step, now)
    async with database.transaction(now=now) as db:
        await scout.suppress(db, batch, now)
    counts = await _record(services, batch, now)
    return {
        "leads enriched": counts.enriched,
        "leads not good enough": counts.not_good_enough,
        "leads put off": counts.put_off,
        "leads without credit": counts.without_credit,
        "remaining": counts.remaining,
    }


async def _take(services: Services, batch: Batch, step: Step, now: datetime) -> None:
    """One source for some leads: what is stored first, the rest paid for part by part."""
    scout, database = services.scout, services.infra.database
    await scout.recall(batch, step, now)
    async with database.transaction(now=now) as db:
        await scout.remember(db, batch, step, now)
    for keys in scout.parts(step):
        async with database.transaction(now=now) as db:
            asking = await scout.reserve(db, batch, step, keys, now)
        if asking is None:
            continue
        answers = await scout.deliver(batch, step, asking)
        async with database.transaction(now=now) as db:
            await scout.settle(db, batch, step, asking, answers, now)
    await scout.share(step)


async def _record(services: Services, batch: Batch, now: datetime) -> EnrichmentCounts:
    """Record, and once more where an address was taken at the same moment."""
    try:
        async with services.infra.database.transaction(now=now) as db:
            return await services.scout.record(db, batch, now)
    except ConflictError:
        async with services.infra.database.transaction(now=now) as db:
            return await services.scout.record(db, batch, now)
