"""Uploaded lists become leads, batch by batch, each in a transaction of its own that also prolongs the lease.

A run that is cut off is taken over when its lease has run out, and goes on behind the last stored row.
"""

from __future__ import annotations

import asyncio
import io
import zlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from agency_os.domain.calendars import latest_date
from agency_os.domain.consent import consent_from_json
from agency_os.domain.lead_import import ImportBatch, ImportOptions, LeadList
from agency_os.exceptions import InvalidInputError
from agency_os.repositories.import_file import ImportFileRepository, TakenImport
from agency_os.repositories.imports import ImportRepository
from agency_os.wiring.importing import ImportReport, store_batch

if TYPE_CHECKING:
    from agency_os.wiring.services import Services

LEASE: Final = timedelta(minutes=2)
"""Wall time that one batch may take before another worker goes on."""


async def imports_waiting(services: Services, now: datetime) -> list[UUID]:
    """Imports that nobody runs, the oldest first."""
    async with services.infra.database.transaction(now=now) as db:
        return await ImportFileRepository(db).waiting(services.infra.wall.now())


async def run_import(services: Services, import_id: UUID, now: datetime) -> dict[str, int]:
    """Run one import to its end, or until another worker has taken it over."""
    wall = services.infra.wall
    lease = wall.now() + LEASE
    async with services.infra.database.transaction(now=now) as db:
        taken = await ImportFileRepository(db).take(import_id, wall=wall.now(), lease=lease)
    if taken is None:
        return {}
    report = ImportReport(taken.id, {})
    try:
        leads = _list(taken, now)
        batches = leads.batches()
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            todo = _behind(batch, taken.done)
            held, lease = lease, wall.now() + LEASE
            async with services.infra.database.transaction(now=now) as db:
                if not await ImportFileRepository(db).prolong(taken.id, held=held, lease=lease):
                    return _counts(report)
                await store_batch(db, services.infra.hashes, report, taken.client_id, taken.campaign_id, todo)
    except InvalidInputError as error:
        async with services.infra.database.transaction(now=now) as db:
            await ImportFileRepository(db).fail(taken.id, str(error), now)
        return {"imports failed": 1}
    async with services.infra.database.transaction(now=now) as db:
        await ImportRepository(db, taken.client_id).finish(taken.id, now)
        await ImportFileRepository(db).empty(taken.id)
    return {**_counts(report), "imports finished": 1}


def _list(taken: TakenImport, now: datetime) -> LeadList:
    options = ImportOptions(taken.overrides, consent_from_json(taken.consent))
    return LeadList(io.BytesIO(zlib.decompress(taken.content)), options, latest_date(now))


def _behind(batch: ImportBatch, done: int) -> ImportBatch:
    """What of a batch is not stored yet."""
    return ImportBatch(
        tuple(each for each in batch.accepted if each.row > done),
        tuple(each for each in batch.left_out if each.row > done),
    )


def _counts(report: ImportReport) -> dict[str, int]:
    return {"rows imported": report.accepted, "rows left out": len(report.left_out)}
