"""Delivers the outbox to the product: in order within a lane, up to sixteen lanes at once, until each is taken.

Input: the outbox's rows, the product's address, the secrets. Promises: at least once; a parcel is noted as delivered
only after its success; a refusal is repeated after 0.2 s growing to 5 s of wall time while the process runs. Success is
2xx, for Postmark 200 alone; Postmark gives up for good at 403, as published.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress

import aiohttp

from agency_os_sandbox.clock import VirtualClock, stamp
from agency_os_sandbox.outbox import Outbox, Pending
from agency_os_sandbox.signers import SIGNERS
from agency_os_sandbox.signing import Attempt, Secrets

AT_ONCE = 16
FIRST_WAIT = 0.2
LONGEST_WAIT = 5.0
_LOG = logging.getLogger(__name__)
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


class Delivery:
    """The courier; ``wake`` tells it that rows were added or the clock was moved."""

    def __init__(self, outbox: Outbox, clock: VirtualClock, api_url: str, secrets: Secrets) -> None:
        self._outbox = outbox
        self._clock = clock
        self._api_url = api_url.rstrip("/")
        self._secrets = secrets
        self._lanes: dict[str, deque[Pending]] = {}
        self._waits: dict[str, float] = {}
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._row = 0
        self._due = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begin with what is on disk."""
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT, connector=aiohttp.TCPConnector(limit=AT_ONCE), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._tasks = [asyncio.create_task(self._work()) for _ in range(AT_ONCE)]
        for task in self._tasks:
            task.add_done_callback(_report_death)
        self.wake()

    async def stop(self) -> None:
        """Stop; what was not taken stays on disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def alive(self) -> bool:
        """Whether every worker works."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def wake(self) -> None:
        """Take in what has become due."""
        if not self._tasks:
            return
        now = self._clock.now
        last = self._outbox.last_row()
        for pending in self._outbox.due(now, self._row, self._due):
            self._take_in(pending)
        self._row = last
        self._due = stamp(now)

    def _take_in(self, pending: Pending) -> None:
        lane = self._lanes.get(pending.parcel.lane)
        if lane is None:
            self._lanes[pending.parcel.lane] = deque((pending,))
            self._ready.put_nowait(pending.parcel.lane)
        else:
            lane.append(pending)

    async def _work(self) -> None:
        while True:
            name = await self._ready.get()
            lane = self._lanes[name]
            if lane[0].reordered and len(lane) > 1:
                lane[0], lane[1] = lane[1], lane[0]
            pending = lane[0]
            status = await self._attempt(pending)
            if not self._settle(pending, status):
                wait = self._waits.get(name, FIRST_WAIT)
                self._waits[name] = min(LONGEST_WAIT, wait * 2)
                asyncio.get_running_loop().call_later(wait, self._ready.put_nowait, name)
                continue
            lane.remove(pending)
            self._waits.pop(name, None)
            if lane:
                self._ready.put_nowait(name)
            else:
                del self._lanes[name]

    async def _attempt(self, pending: Pending) -> int | None:
        """The status of the answer, or None without one."""
        parcel = pending.parcel
        body = parcel.body.encode()
        url = parcel.address if "://" in parcel.address else self._api_url + parcel.address
        headers = SIGNERS[parcel.provider](Attempt(url, parcel.event_id, body, self._clock.now), self._secrets)
        if self._session is None:
            return None
        with suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError):
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                return answer.status
        return None

    def _settle(self, pending: Pending, status: int | None) -> bool:
        """Note the attempt; whether the parcel is done with."""
        postmark = pending.parcel.provider == "postmark"
        if status is not None and (status == 200 or (not postmark and 200 < status < 300)):
            self._outbox.note(pending.n, "delivered", status)
            return True
        if postmark and status == 403:
            self._outbox.note(pending.n, "failed", status)
            return True
        self._outbox.note(pending.n, "pending", status)
        return False


def _report_death(task: asyncio.Task[None]) -> None:
    """A worker ends only when it is cancelled; anything else is said aloud, and shows in the health."""
    if not task.cancelled() and task.exception() is not None:
        _LOG.critical("a delivery worker died", exc_info=task.exception())
