"""Signals and lost services end the owner's work by a plain error, and never its cleaning up."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from agency_os.exceptions import StackError
from agency_os.stack.interruption import Interruption, StopRequestedError, unhindered


def _no_hurry() -> None:
    raise AssertionError("nothing was stopping")


async def _work_until(event: Callable[[Interruption], None]) -> None:
    with Interruption(_no_hurry) as interruption:
        asyncio.get_running_loop().call_later(0.05, event, interruption)
        await asyncio.sleep(5)


async def _wait_until(event: Callable[[Interruption], None]) -> None:
    with Interruption(_no_hurry) as interruption:
        asyncio.get_running_loop().call_later(0.05, event, interruption)
        await interruption.until_signalled()


@pytest.fixture
def terminal() -> Iterator[None]:
    """A terminal that can be closed, also where the tests themselves were started with ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_owners_work(number: signal.Signals) -> None:
    with pytest.raises(StopRequestedError, match=rf"^stopped by {number.name}$"):
        await _work_until(lambda _: os.kill(os.getpid(), number))


async def test_who_waits_for_the_signal_goes_on_after_it() -> None:
    await asyncio.wait_for(_wait_until(lambda _: os.kill(os.getpid(), signal.SIGTERM)), 5)


async def test_a_lost_service_ends_the_owners_work_even_while_he_waits_for_a_signal() -> None:
    with pytest.raises(StackError, match="worker is lost"):
        await _wait_until(lambda interruption: interruption.interrupt(StackError("worker is lost")))


async def test_a_later_signal_while_stopping_asks_for_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agency_os.stack.interruption.PATIENCE_SECONDS", 0.1)
    assert await _hurried_by_signals(pause=0.2)


async def test_the_same_request_twice_asks_for_no_haste() -> None:
    assert not await _hurried_by_signals(pause=0.05)


async def _hurried_by_signals(pause: float) -> bool:
    hurried = asyncio.Event()
    with Interruption(hurried.set) as interruption:
        interruption.stopping = True
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(pause)
    return hurried.is_set()


async def test_the_owners_own_error_is_not_replaced() -> None:
    with pytest.raises(ValueError, match="my own"), Interruption(_no_hurry):
        raise ValueError("my own")


async def test_afterwards_the_signals_are_as_before() -> None:
    with Interruption(_no_hurry):
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def test_cleaning_up_is_finished_although_it_is_cancelled() -> None:
    done = asyncio.Event()

    async def clean() -> None:
        await asyncio.sleep(0.1)
        done.set()

    waiting = asyncio.create_task(_finish(clean()))
    for _ in range(3):
        await asyncio.sleep(0.01)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done.is_set()


async def _finish(work: object) -> None:
    assert asyncio.iscoroutine(work)
    await unhindered(asyncio.create_task(work))


async def test_a_fault_of_cleaning_up_is_raised() -> None:
    async def fail() -> None:
        raise StackError("cannot clean")

    with pytest.raises(StackError, match="cannot clean"):
        await unhindered(asyncio.create_task(fail()))
