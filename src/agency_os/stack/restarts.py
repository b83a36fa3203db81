"""A service that ends by itself is started again, ever later and a few times only.

Inputs: the started process, the machine's clock, and who tells the user. Promise: whatever is done is said.
"""

from __future__ import annotations

from collections import deque

from agency_os.exceptions import StackError
from agency_os.kit.clock import WallClock
from agency_os.stack.process import ServiceProcess
from agency_os.stack.state import Say

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


async def keep(process: ServiceProcess, wall: WallClock, say: Say) -> StackError:
    """Start the service again whenever it ends; returns, as an error that says why, when it cannot be kept."""
    name = process.service.name
    restarts = Restarts(wall)
    ending = await process.wait()
    while (delay := restarts.next_delay()) is not None:
        say(f"{name} ended with {ending}: starting it again ({restarts.count} of {MOST})")
        await process.stop(at_once=True)
        await wall.sleep(delay)
        try:
            await process.start()
        except StackError as error:
            say(str(error))
            ending = "a failed start"
        else:
            say(f"{name} is up again")
            ending = await process.wait()
    minutes = f"{WINDOW_SECONDS / 60:.0f} minutes"
    return StackError(f"{name} ended {MOST + 1} times within {minutes}, at last with {ending}: see {process.log}")
