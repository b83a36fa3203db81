from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import SystemRandom

import pytest

from agency_os.kit.clock import FakeWallClock
from agency_os.kit.retry import RateLimit, RetryPolicy, parse_retry_after, retry

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class TryAgainError(Exception):
    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after


class Failing:
    """Fails with the given errors in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def run(operation: Failing, wall: FakeWallClock, policy: RetryPolicy) -> str:
    return await retry(
        operation, is_safe=lambda e: isinstance(e, TryAgainError), wall=wall, random=SystemRandom(), policy=policy
    )


async def test_repeats_with_growing_waits_until_it_works() -> None:
    wall, operation = FakeWallClock(), Failing(TryAgainError(), TryAgainError(), TryAgainError())
    assert await run(operation, wall, RetryPolicy(attempts=4, first_wait=1)) == "done"
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(wall.sleeps)] == [True, True, True]


async def test_a_lambda_is_an_operation_too() -> None:
    operation = Failing(TryAgainError())
    result = await retry(
        lambda: operation(),
        is_safe=lambda _: True,
        wall=FakeWallClock(),
        random=SystemRandom(),
    )
    assert (result, operation.calls) == ("done", 2)


async def test_gives_up_with_the_last_error_after_the_last_attempt() -> None:
    last = TryAgainError()
    operation = Failing(TryAgainError(), last, TryAgainError())
    with pytest.raises(TryAgainError) as caught:
        await run(operation, FakeWallClock(), RetryPolicy(attempts=2))
    assert (caught.value, operation.calls) == (last, 2)


async def test_never_repeats_what_is_not_safe() -> None:
    operation = Failing(ValueError())
    with pytest.raises(ValueError, match=r"^$"):
        await run(operation, FakeWallClock(), RetryPolicy())
    assert operation.calls == 1


async def test_waits_as_long_as_the_provider_asks() -> None:
    wall = FakeWallClock()
    await run(Failing(TryAgainError(3.0)), wall, RetryPolicy())
    assert wall.sleeps == [3.0]


async def test_a_wait_longer_than_the_bound_is_left_to_the_caller() -> None:
    wall, operation = FakeWallClock(), Failing(TryAgainError(600.0))
    with pytest.raises(TryAgainError):
        await run(operation, wall, RetryPolicy(longest_wait=10))
    assert (operation.calls, wall.sleeps) == (1, [])


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2.0),
        (" 1.5 ", 1.5),
        ("-4", 0.0),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


async def test_rate_limit_spaces_requests_evenly() -> None:
    wall = FakeWallClock()
    limit = RateLimit(2, wall)
    for _ in range(5):
        await limit.acquire()
    assert wall.monotonic() == pytest.approx(2.0)


async def test_rate_limit_holds_for_tasks_at_once() -> None:
    wall = FakeWallClock()
    limit = RateLimit(10, wall)
    await asyncio.gather(*(limit.acquire() for _ in range(4)))
    assert wall.monotonic() == pytest.approx(0.3)


async def test_a_pause_holds_everything_back() -> None:
    wall = FakeWallClock()
    limit = RateLimit(100, wall)
    limit.pause(5)
    await limit.acquire()
    assert wall.monotonic() == pytest.approx(5.0)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        RateLimit(0, FakeWallClock())
