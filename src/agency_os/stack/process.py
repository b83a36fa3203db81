"""One service as a process: started in a group of its own, watched until healthy, stopped with all its children.

Its output goes to a log file in the state folder; a failure to start is reported with that log's last lines.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agency_os.exceptions import StackError
from agency_os.stack.state import StateFolder

_POLL_SECONDS = 0.05
_SHOWN_LINES = 12
_MAX_LOG_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """What to run and how to tell that it works.

    ``healthy`` answers whether it serves, and may raise nothing; ``before`` prepares its start (synchronously);
    the seconds are of wall time.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    healthy: Callable[[], Awaitable[bool]]
    before: Callable[[], None] | None = None
    start_seconds: float = 90.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0


class ServiceProcess:
    """One run of a service."""

    def __init__(self, service: Service, state: StateFolder) -> None:
        self.service = service
        self._state = state
        self.log = state.logs / f"{service.name}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Its process id, also after its end; None before its start."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start and return when it is healthy. Raises StackError, with its last log lines, when it is not in time."""
        service = self.service
        if service.before is not None:
            service.before()
        await self._spawn()
        try:
            async with asyncio.timeout(service.start_seconds):
                while not await service.healthy():
                    if not self.running:
                        raise StackError(f"{service.name} ended with {self._ending()} as it started{self._shown_log()}")
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise StackError(
                f"{service.name} is not healthy after {service.start_seconds:.0f} s{self._shown_log()}"
            ) from error

    async def wait(self) -> str:
        """Wait for its end; returns how it ended."""
        if self._process is not None:
            await self._process.wait()
        return self._ending()

    async def stop(self, *, at_once: bool = False) -> None:
        """Ask it to stop, wait, then kill what is left of its group. ``at_once`` kills without asking."""
        process = self._process
        if process is None:
            return
        if process.returncode is None and not at_once:
            with suppress(ProcessLookupError):
                process.send_signal(self.service.stop_signal)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self.service.stop_seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        self._state.forget_process(self.service.name)

    def kill(self) -> None:
        """Kill its whole group without waiting; :meth:`stop`, where it waits, then ends at once."""
        if self.running and self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _spawn(self) -> None:
        with suppress(OSError):
            if self.log.stat().st_size > _MAX_LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self.service.command,
                    env=dict(self.service.env),
                    cwd=self._state.path,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    process_group=0,
                )
            except OSError as error:
                raise StackError(f"{self.service.name} cannot be started: {error}") from error
        self._state.note_process(self.service.name, self._process.pid)

    def _ending(self) -> str:
        status = self._process.returncode if self._process is not None else None
        if status is not None and status < 0:
            return f"signal {signal.Signals(-status).name}"
        return f"status {status}"

    def _shown_log(self) -> str:
        lines = _last_lines(self.log)
        return f"; the end of {self.log}:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            return file.read().decode("utf-8", "replace").splitlines()[-_SHOWN_LINES:]
    except OSError:
        return []
