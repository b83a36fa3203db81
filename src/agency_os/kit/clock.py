"""The two clocks, both injected.

The *business clock* rules due times, key windows, webhook tolerances and every business timestamp; in virtual time it
is served over HTTP. The *wall clock* rules leases, polling, back-off, per-second rates and socket time-outs. Read the
business clock once per request, task or batch, before a transaction opens.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from agency_os.exceptions import InvalidInputError, SettingsError, UnavailableError
from agency_os.kit.http import USER_AGENT, HttpRequest, Timeouts, Transport


class BusinessClock(Protocol):
    """Says what time it is for the business."""

    async def now(self) -> datetime:
        """The business time, aware, in UTC."""
        ...


class WallClock(Protocol):
    """Says what time it really is, and waits."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of wall time."""
        ...


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant as aware UTC (digits beyond microseconds are dropped).

    Raises InvalidInputError when the text is no instant or names no offset.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInputError(f"not an ISO 8601 instant: {text[:40]!r}") from None
    return to_utc(moment)


def to_utc(moment: datetime) -> datetime:
    """``moment`` in UTC. Raises InvalidInputError when it has no offset, or leaves the calendar by the change."""
    if moment.utcoffset() is None:
        raise InvalidInputError("an instant needs an offset, such as 2026-11-23T04:30:00+00:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInputError("an instant must lie within the years 1 to 9999") from None


class SystemClock:
    """Business time is the machine's time."""

    async def now(self) -> datetime:
        """The machine's time in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """Business time that stands still until it is set."""

    def __init__(self, start: datetime) -> None:
        self._now = to_utc(start)

    async def now(self) -> datetime:
        """The time last set."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Make ``moment`` the time."""
        self._now = to_utc(moment)

    def advance(self, step: timedelta) -> None:
        """Move the time by ``step``."""
        self._now += step


class HttpClock:
    """Business time as served by an address that answers GET with ``{"now": "<ISO 8601>"}``."""

    def __init__(self, url: str, transport: Transport) -> None:
        self._url = url
        self._transport = transport

    async def now(self) -> datetime:
        """The served time. Raises UnavailableError when the clock does not answer, or answers something else."""
        response = await self._transport.send(
            HttpRequest(
                "GET",
                self._url,
                {"User-Agent": USER_AGENT, "Accept": "application/json"},
                timeout=Timeouts(total=10),
                is_free=True,
            )
        )
        try:
            return parse_instant(json.loads(response.body)["now"])
        except (ValueError, TypeError, KeyError, AttributeError, InvalidInputError):
            raise UnavailableError(
                f"the business clock at {self._url} answered {response.status} and no time; check BUSINESS_CLOCK"
            ) from None


def clock_from(setting: str, transport: Transport) -> BusinessClock:
    """The clock that the setting BUSINESS_CLOCK names: ``system`` or an http(s) address.

    Raises SettingsError for anything else.
    """
    if setting == "system":
        return SystemClock()
    if setting.startswith(("http://", "https://")):
        return HttpClock(setting, transport)
    raise SettingsError(f"BUSINESS_CLOCK must be 'system' or the http address of a clock, not {setting[:60]!r}")


class SystemWallClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The machine's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """The machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""
        await asyncio.sleep(seconds)


@dataclass
class FakeWallClock:
    """A wall clock for tests: sleeping moves it at once, and every sleep is noted in ``sleeps``."""

    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    sleeps: list[float] = field(default_factory=list)
    _elapsed: float = 0.0

    def now(self) -> datetime:
        """The start plus what has passed."""
        return self.start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """What has passed, in seconds."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Note the wait, let the time pass, and give other tasks a turn."""
        self.sleeps.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._elapsed += max(0.0, seconds)
