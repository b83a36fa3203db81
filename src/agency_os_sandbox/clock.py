"""The business clock's virtual time, kept on disk.

It stands still until it is moved, and moves forward only. Everything that the world says is dated by it. Times are
written as fixed-width UTC text, so that their order as text is their order in time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from agency_os_sandbox.store import Store


class ClockError(ValueError):
    """The clock was asked to go back, or was given a time without a zone."""


def stamp(moment: datetime) -> str:
    """Write an aware time as ``2026-11-02T09:00:00.000000Z``; sorts as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """Read ISO-8601 with a zone into aware UTC; raises ``ClockError`` otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ClockError(f"not an ISO-8601 time: {text!r}") from error
    if moment.tzinfo is None:
        raise ClockError(f"a time needs its zone, e.g. 2026-11-02T09:00:00Z, got {text!r}")
    # People act days and weeks after a message: the calendar's ends would not leave them room.
    if not 1970 < moment.year < 2200:
        raise ClockError(f"a time between 1971 and 2199 is needed, got {text!r}")
    return moment.astimezone(UTC)


def wall_now() -> datetime:
    """The machine's time: a first start without ``--start``, and the auth server, whose tokens live in real time."""
    return datetime.fromtimestamp(time.time(), UTC)


class VirtualClock:
    """Virtual time: ``now`` is aware UTC, ``advance`` persists within the caller's transaction."""

    def __init__(self, store: Store, start: datetime) -> None:
        self._store = store
        kept = store.get_meta("clock")
        if kept is None:
            kept = stamp(start)
            store.set_meta("clock", kept)
        self._now = parse(kept)

    @property
    def now(self) -> datetime:
        """The current virtual time, aware UTC."""
        return self._now

    def advance(self, moment: datetime) -> None:
        """Move forward to ``moment``; raises ``ClockError`` when that lies in the past."""
        if moment < self._now:
            raise ClockError(f"the clock moves forward only: it is {stamp(self._now)}, asked for {stamp(moment)}")
        self._store.set_meta("clock", stamp(moment))
        self._now = moment
