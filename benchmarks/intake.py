"""Webhook intake: signed Resend events to our API, and to a bare Starlette that inserts each, 32 at a time.

Both are processes of their own under uvicorn with uvloop, on a database each; one load generator serves both. After
every measurement all events are rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

import aiohttp
import asyncpg

from agency_os.kit.clock import SystemWallClock
from agency_os.kit.ids import new_ids
from agency_os.kit.signatures import sign_standard_webhook
from benchmarks.databases import Urls, filled
from benchmarks.harness import Limit, Pair, Reading
from benchmarks.processes import OURS, PYTHON, serving
from tests.factories.api import RESEND_SECRET, api_env, delivered
from tests.support.servers import Servers

EVENTS = 4_000
TOGETHER = 32

Event = tuple[bytes, Mapping[str, str]]


@asynccontextmanager
async def intake(servers: Servers, scale: float) -> AsyncIterator[Sequence[Pair]]:
    """The API as ``agency-os api`` serves it."""
    count = max(int(EVENTS * scale), 50)
    async with (
        filled(servers, _nothing) as source,
        source.copy() as our_database,
        source.copy() as peer_database,
        serving(*OURS, "api", env=api_env(our_database.app)) as ours,
        serving(*PYTHON, "benchmarks.bare_intake", env={"DATABASE_URL": peer_database.owner}) as peer,
    ):
        pair = Pair(
            "webhook intake", "Starlette and an insert", "event",
            _Side(ours, our_database, count).load, _Side(peer, peer_database, count).load, Limit(Reading.SPEED, 0.6),
        )  # fmt: skip
        yield [pair]


async def _nothing(_: Urls) -> None:
    """Nothing need be there before."""


@dataclass
class _Side:
    address: str
    database: Urls
    count: int
    stored: int = field(default=0)

    async def load(self) -> float:
        events = iter(_events(self.count))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=TOGETHER)) as session:
            begun = perf_counter()
            await asyncio.gather(*(self._post(session, events) for _ in range(TOGETHER)))
            seconds = perf_counter() - begun
        await self._check()
        return seconds / self.count

    async def _post(self, session: aiohttp.ClientSession, events: Iterator[Event]) -> None:
        for body, headers in events:
            async with session.post(f"{self.address}/webhooks/resend", data=body, headers=headers) as answer:
                if answer.status != 200:
                    raise AssertionError(f"{answer.status}: {await answer.text()}")
                await answer.read()

    async def _check(self) -> None:
        self.stored += self.count
        connection = await asyncpg.connect(self.database.owner)
        rows = await connection.fetchval("SELECT count(*) FROM inbound_events")
        await connection.close()
        if rows != self.stored:
            raise AssertionError(f"{rows} of {self.stored} events are rows")


def _events(count: int) -> list[Event]:
    """Events signed now."""
    now = SystemWallClock().now()
    made: list[Event] = []
    for event_id in new_ids(count):
        body = delivered(str(event_id))
        headers = sign_standard_webhook(body, message_id=f"msg_{event_id}", at=now, secret=RESEND_SECRET, prefix="svix")
        made.append((body, {**headers, "content-type": "application/json"}))
    return made
