"""Bounded retries with jitter, ``Retry-After``, a limiter of requests per second; time and chance are injected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from agency_os.kit.clock import WallClock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long. Waits are in seconds of wall time.

    ``longest_wait`` bounds a single wait: when the provider asks for a longer one, the error is raised at once and the
    caller plans the repeat, instead of a worker sleeping on its lease.
    """

    attempts: int = 3
    first_wait: float = 0.5
    longest_wait: float = 10.0


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds that a ``Retry-After`` header asks for, by number or date (RFC 9110, 10.2.3); None if unreadable."""
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - now).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None


async def retry(
    operation: Callable[[], Awaitable[T]],
    *,
    is_safe: Callable[[BaseException], bool],
    wall: WallClock,
    random: Random,
    policy: RetryPolicy = RetryPolicy(),
    asked_wait: Callable[[BaseException], float | None] = lambda error: getattr(error, "retry_after", None),
) -> T:
    """The result of ``operation``, repeated after errors of which ``is_safe`` says that a repeat does no harm.

    Waits double from ``first_wait``, with jitter between half and whole; what ``asked_wait`` reads from the error comes
    first. The last error is raised unchanged.
    """

    def may_repeat(error: BaseException) -> bool:
        return is_safe(error) and (asked_wait(error) or 0.0) <= policy.longest_wait

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = asked_wait(error) if error else None
        if asked is not None:
            return asked
        ceiling = min(policy.longest_wait, policy.first_wait * float(2 ** (state.attempt_number - 1)))
        return ceiling * (0.5 + 0.5 * random.random())

    async def attempt() -> T:  # tenacity awaits only what it recognises as a coroutine function: a lambda is none
        return await operation()

    retrying = AsyncRetrying(
        stop=stop_after_attempt(policy.attempts),
        wait=wait,
        retry=retry_if_exception(may_repeat),
        sleep=wall.sleep,
        reraise=True,
    )
    return await retrying(attempt)


class RateLimit:
    """At most ``per_second`` requests a second from this process, evenly spaced, in the order of asking."""

    def __init__(self, per_second: float, wall: WallClock) -> None:
        if per_second <= 0:
            raise ValueError("a rate must be above 0 requests a second")
        self._spacing = 1.0 / per_second
        self._wall = wall
        self._next = float("-inf")

    async def acquire(self) -> None:
        """Wait until the next request may leave."""
        at = max(self._next, self._wall.monotonic())
        self._next = at + self._spacing  # taken before the first await, so that no two tasks get the same moment
        delay = at - self._wall.monotonic()
        if delay > 0:
            await self._wall.sleep(delay)

    def pause(self, seconds: float) -> None:
        """Let nothing leave for ``seconds`` from now, as a provider's ``Retry-After`` asks."""
        self._next = max(self._next, self._wall.monotonic() + seconds)
