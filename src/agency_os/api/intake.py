"""Webhooks as rows: many requests at once share one transaction, and each is acknowledged only after its commit.

Providers send thousands of events within seconds after a batch. Whatever waits while a transaction is under way is
written together by the next one; a request that stands alone is written at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agency_os.db import Database
from agency_os.exceptions import UnavailableError
from agency_os.repositories.inbound_event import InboundEventRepository, NewEvent

MOST_TOGETHER = 500
MOST_BYTES = 64 * 1024 * 1024
"""Of bodies in one statement; a larger one goes alone."""
SECONDS = 10.0
"""What a transaction may take in wall time; providers give up after 15 s (Svix) and deliver again."""


@dataclass(slots=True)
class _Waiting:
    event: NewEvent
    now: datetime
    done: asyncio.Future[None]


class Intake:
    """Writes events in the order in which they came."""

    def __init__(self, database: Database, *, seconds: float = SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def store(self, event: NewEvent, *, now: datetime) -> None:
        """Return once the event is committed, now or by an earlier delivery. Raises UnavailableError."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(event, now, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def aclose(self) -> None:
        """Let what waits be written."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        while self._waiting:
            count = _fitting(self._waiting)
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            await self._store(batch)

    async def _store(self, batch: Sequence[_Waiting]) -> None:
        try:
            async with asyncio.timeout(self._seconds), self._database.transaction(now=batch[-1].now) as db:
                await InboundEventRepository(db).add([each.event for each in batch])
        except TimeoutError:
            _refuse(batch, UnavailableError(f"the database took longer than {self._seconds:g} s to store an event"))
        except UnavailableError as error:
            _refuse(batch, error)
        except Exception as error:  # noqa: BLE001  # handed to the request that waits
            if len(batch) == 1:
                _refuse(batch, error)
                return
            for each in batch:  # one that cannot be stored must not take the others with it
                await self._store([each])
        else:
            for each in batch:
                if not each.done.done():
                    each.done.set_result(None)


def _fitting(waiting: Sequence[_Waiting]) -> int:
    """How many from the front go into one transaction, at least one."""
    size = 0
    for count, each in enumerate(waiting[:MOST_TOGETHER]):
        size += len(each.event.body)
        if size > MOST_BYTES:
            return max(count, 1)
    return min(len(waiting), MOST_TOGETHER)


def _refuse(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        if not each.done.done():
            each.done.set_exception(error)
