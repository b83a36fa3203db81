"""Webhooks as rows: many requests at once share one transaction, and each is acknowledged only after its commit.

Providers send thousands of events within seconds after a batch. Whatever waits while a transaction is under way is
written together by the next one; a request that stands alone is written at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from agency_os.db import Database
from agency_os.repositories.inbound_event import InboundEventRepository, NewEvent

MOST_TOGETHER = 500


@dataclass(slots=True)
class _Waiting:
    event: NewEvent
    now: datetime
    done: asyncio.Future[None]


class Intake:
    """Writes events in the order in which they came."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def store(self, event: NewEvent, *, now: datetime) -> None:
        """Return once the event is committed, now or by an earlier delivery. Raises UnavailableError."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(event, now, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            try:
                async with self._database.transaction(now=batch[-1].now) as db:
                    await InboundEventRepository(db).add([each.event for each in batch])
            except Exception as error:  # noqa: BLE001  # handed to every request that waits for this batch
                for each in batch:
                    if not each.done.done():
                        each.done.set_exception(error)
            else:
                for each in batch:
                    if not each.done.done():
                        each.done.set_result(None)
