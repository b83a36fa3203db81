"""A service that ends by itself is started again a few times, ever later, and then no more."""

from __future__ import annotations

from pathlib import Path

from agency_os.kit.clock import FakeWallClock
from agency_os.stack.process import Service, ServiceProcess
from agency_os.stack.restarts import MOST, WINDOW_SECONDS, Restarts, keep
from agency_os.stack.state import StateFolder


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


def _process(folder: Path, script: str) -> ServiceProcess:
    async def healthy() -> bool:
        return True

    (folder / "logs").mkdir()
    return ServiceProcess(Service("part", ("/bin/sh", "-c", script), {}, healthy), StateFolder(folder))


async def test_what_ends_again_and_again_is_given_up_with_the_reason(tmp_path: Path) -> None:
    process, wall, said = _process(tmp_path, "exit 7"), FakeWallClock(), list[str]()
    await process.start()
    lost = await keep(process, wall, said.append)
    await process.stop()
    assert str(lost) == f"part ended 6 times within 5 minutes, at last with status 7: see {process.log}"
    assert (wall.sleeps, said.count("part is up again")) == ([0.5, 1.0, 2.0, 4.0, 8.0], 5)


async def test_each_end_is_said_with_how_it_ended(tmp_path: Path) -> None:
    process, said = _process(tmp_path, "kill -9 $$"), list[str]()
    await process.start()
    await keep(process, FakeWallClock(), said.append)
    await process.stop()
    assert said[:2] == ["part ended with signal SIGKILL: starting it again (1 of 5)", "part is up again"]
