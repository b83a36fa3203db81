"""How often a service that ended by itself is started again, and after how long."""

from __future__ import annotations

from collections import deque

from agency_os.kit.clock import WallClock

MOST = 5
WINDOW_SECONDS = 300.0
_FIRST_DELAY = 0.5


class Restarts:
    """At most five starts within five minutes of wall time, each after twice the pause of the one before."""

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._starts: deque[float] = deque()

    @property
    def count(self) -> int:
        """The starts of the last five minutes, the one now asked for among them."""
        return len(self._starts)

    def next_delay(self) -> float | None:
        """Seconds to wait before the next start, or None when it has ended too often."""
        now = self._wall.monotonic()
        while self._starts and now - self._starts[0] > WINDOW_SECONDS:
            self._starts.popleft()
        if len(self._starts) >= MOST:
            return None
        self._starts.append(now)
        return float(_FIRST_DELAY * 2 ** (len(self._starts) - 1))
