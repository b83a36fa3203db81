"""What ends a running stack from outside its owner's code: a signal, or a service that cannot be kept.

Either cancels the task that owns the stack, and leaving the ``with`` turns that cancellation into a plain error.
Another signal, a second or more after the first, asks for haste while things are stopping.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from agency_os.exceptions import StackError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PATIENCE_SECONDS = 1.0
"""One request often comes twice: `timeout` and shells signal a process and then its group. Haste is asked for later."""


class StopRequestedError(StackError):
    """The user asked for a stop (Ctrl-C, SIGTERM, or the terminal was closed). ``number`` is the signal's."""

    code = "stop_requested"

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


class Interruption:
    """Entered by the task that owns the stack, which must run in the main thread's loop."""

    def __init__(self, hurry: Callable[[], None]) -> None:
        """``hurry`` is called for a signal that comes while the stack is stopping."""
        self.stopping = False
        self._hurry = hurry
        self._error: StackError | None = None
        self._owner: asyncio.Task[object] | None = None
        self._awaited: asyncio.Event | None = None
        self._signalled_at: float | None = None

    def __enter__(self) -> Interruption:
        self._owner = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            # Who starts us with `nohup` wants to outlive the terminal; Ctrl-C and SIGTERM always count, although a
            # background shell hands SIGINT down as ignored.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._on_signal, number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        if kind is asyncio.CancelledError and self._error is not None and self._owner is not None:
            self._owner.uncancel()
            raise self._error from None

    def interrupt(self, error: StackError) -> None:
        """End the owner's work with ``error``; the first one counts."""
        if self._error is None and self._owner is not None and not self.stopping:
            self._error = error
            self._owner.cancel()

    async def until_signalled(self) -> None:
        """Wait for a signal, which then cancels nothing."""
        self._awaited = asyncio.Event()
        try:
            await self._awaited.wait()
        finally:
            self._awaited = None

    def _on_signal(self, number: int) -> None:
        now = asyncio.get_running_loop().time()
        first = self._signalled_at = self._signalled_at or now
        if self.stopping:
            if now - first >= PATIENCE_SECONDS:
                self._hurry()
        elif self._awaited is not None:
            self._awaited.set()
        else:
            self.interrupt(StopRequestedError(number))


async def unhindered(work: asyncio.Task[None]) -> None:
    """Wait for the end of ``work`` whatever happens; a cancellation that came meanwhile is raised after it."""
    hindered: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            hindered = error
        except Exception:  # noqa: BLE001 - raised again from the task below
            break
    with suppress(asyncio.CancelledError):
        work.result()
    if hindered is not None:
        raise hindered
