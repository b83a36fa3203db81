"""A service that ends by itself is started again a few times, ever later, and then no more."""

from __future__ import annotations

from agency_os.kit.clock import FakeWallClock
from agency_os.stack.restarts import MOST, WINDOW_SECONDS, Restarts


def test_each_start_waits_twice_as_long_and_the_sixth_is_refused() -> None:
    restarts = Restarts(FakeWallClock())
    assert [restarts.next_delay() for _ in range(MOST + 1)] == [0.5, 1.0, 2.0, 4.0, 8.0, None]


def test_what_ran_for_long_may_end_again() -> None:
    wall = FakeWallClock()
    restarts = Restarts(wall)
    for _ in range(MOST):
        restarts.next_delay()
    wall.advance(WINDOW_SECONDS + 1)
    assert restarts.next_delay() == 0.5
    assert restarts.count == 1
