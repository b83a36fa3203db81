"""The control addresses: move the clock, see what is due, set faults and limits, read the oracle and the world.

For drivers and tests, never for the product. Promises: moving the clock answers after every event due by then was acted
out, events caused by events included, and its webhooks were queued; garbage gets 4xx with a line that says what to do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from agency_os_sandbox.bookings import Bookings
from agency_os_sandbox.clock import ClockError, VirtualClock, parse, stamp
from agency_os_sandbox.delivery import Delivery
from agency_os_sandbox.faults import FaultRuleError, Faults, Rule
from agency_os_sandbox.inbound import Inbound
from agency_os_sandbox.limits import Limits
from agency_os_sandbox.oracle import Oracle
from agency_os_sandbox.outbox import Outbox
from agency_os_sandbox.providers.resend_inbound import LetterError
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.life import Life
from agency_os_sandbox.world.memory import Memory

EVENTS_AT_ONCE = 100
_MAX_BODY = 1024 * 1024
_MOST_HOURS = 24 * 366
_MOST_PER_SECOND = 1_000_000
Handler = Callable[[Request], Awaitable[Response]]


class BadControlError(ValueError):
    """A control request that cannot be understood; ``status`` is its HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Parts:
    """What control looks at and sets."""

    seed: int
    store: Store
    clock: VirtualClock
    oracle: Oracle
    faults: Faults
    limits: Limits
    outbox: Outbox
    bookings: Bookings
    memory: Memory
    life: Life
    providers: tuple[str, ...]
    delivery: Delivery


class Control:
    """Serves ``/control/…``, ``/clock`` and ``/health``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._moving = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Every address."""
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "/health", self._health), ("GET", "/clock", self._now),
            ("POST", "/control/clock", self._move), ("GET", "/control/status", self._status),
            ("GET", "/control/oracle", self._read_oracle), ("GET", "/control/world", self._world),
            ("GET", "/control/faults", self._faults), ("PUT", "/control/faults", self._set_faults),
            ("GET", "/control/limits", self._limits), ("PUT", "/control/limits", self._set_limits),
            ("PUT", "/control/inbound", self._set_inbound), ("POST", "/control/inbound", self._receive),
        )  # fmt: skip
        return [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]

    async def advance(self, to: datetime) -> None:
        """Live until ``to``, in transactions of some events, so that requests are served in between.

        Raises ``BadControlError`` for a time in the past.
        """
        parts = self._parts
        async with self._moving:
            if to < parts.clock.now:
                raise BadControlError(f"the clock moves forward only: it is {stamp(parts.clock.now)}", 409)
            reached: datetime | None = parts.clock.now
            while reached is not None:
                with parts.store.transaction():
                    reached = parts.life.live(to, EVENTS_AT_ONCE)
                    parts.clock.advance(max(parts.clock.now, to if reached is None else reached))
                await asyncio.sleep(0)
        parts.delivery.wake()

    async def _health(self, _: Request) -> Response:
        alive = self._parts.delivery.alive
        return JSONResponse({"status": "ok" if alive else "the delivery has stopped"}, 200 if alive else 503)

    async def _now(self, _: Request) -> Response:
        return JSONResponse({"now": stamp(self._parts.clock.now)})

    async def _move(self, request: Request) -> Response:
        await self.advance(self._target(await _json(request)))
        return JSONResponse(self._standing())

    def _target(self, data: Any) -> datetime:
        match data:
            case {"to": str() as to}:
                return parse(to)
            case {"hours": int() | float() as hours} if not isinstance(hours, bool) and 0 <= hours <= _MOST_HOURS:
                return self._parts.clock.now + timedelta(hours=hours)
            case _:
                raise BadControlError('the clock is moved by {"to": "2026-03-02T09:00:00+11:00"} or by {"hours": 3}')

    async def _status(self, _: Request) -> Response:
        return JSONResponse(self._standing())

    def _standing(self) -> dict[str, Any]:
        parts = self._parts
        now = parts.clock.now
        counts = parts.outbox.counts(now)
        dues = [due for due in (parts.memory.next_due(), parts.outbox.next_due(now)) if due is not None]
        return {
            "now": stamp(now), "next_due": min(dues, default=None), "undelivered": counts.undelivered,
            "delivered": counts.delivered, "failed": counts.failed, "retrying": counts.retrying, "seed": parts.seed,
        }  # fmt: skip

    async def _read_oracle(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdecimal() and len(after) <= 18):
            raise BadControlError("after is the sequence number of the last row read, from 0")
        return PlainTextResponse("".join(self._parts.oracle.lines(int(after))), media_type="application/x-ndjson")

    async def _world(self, _: Request) -> Response:
        parts = self._parts
        return JSONResponse({"happenings": parts.memory.happenings(), "bookings": parts.bookings.counts()})

    async def _faults(self, _: Request) -> Response:
        return JSONResponse([rule.to_json() for rule in self._parts.faults.rules()])

    async def _set_faults(self, request: Request) -> Response:
        data = await _json(request)
        if not isinstance(data, list):
            raise BadControlError("faults are a list of rules; an empty list clears them")
        rules = [Rule.read(each) for each in data]
        known = ("*", *self._parts.providers)
        for rule in rules:
            if rule.provider not in known:
                raise BadControlError(f"provider is one of {', '.join(known)}, got {rule.provider!r}")
        self._parts.faults.replace(rules)
        return await self._faults(request)

    async def _limits(self, _: Request) -> Response:
        return JSONResponse(self._parts.limits.all(self._parts.providers))

    async def _set_limits(self, request: Request) -> Response:
        data = await _json(request)
        known = self._parts.providers
        if not isinstance(data, dict) or not all(name in known and _is_limit(value) for name, value in data.items()):
            names = ", ".join(known)
            raise BadControlError(f"limits are an object of requests per second, from 1, by provider ({names})")
        self._parts.limits.set(data)
        return await self._limits(request)

    async def _set_inbound(self, request: Request) -> Response:
        """Let people's letters reach the product by another provider from now on."""
        inbound = Inbound(self._parts.store)
        inbound.choose(await _json(request))
        return JSONResponse({"provider": inbound.provider})

    async def _receive(self, request: Request) -> Response:
        """Let Resend receive a letter, and tell the product of it."""
        parts, data = self._parts, await _json(request)
        with parts.store.transaction():
            parcel = Inbound(parts.store).receive(data, parts.clock.now)
            parts.outbox.put(parcel, parts.clock.now)
        parts.delivery.wake()
        return JSONResponse({"email_id": json.loads(parcel.body)["data"]["email_id"]}, 201)


def _is_limit(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_PER_SECOND


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except BadControlError as error:
            return JSONResponse({"error": str(error)}, error.status)
        except (ClockError, FaultRuleError, LetterError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return guarded


async def _json(request: Request) -> Any:
    body = await request.body()
    if len(body) > _MAX_BODY:
        raise BadControlError("the body is too long", 413)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadControlError("the body is not JSON") from error
