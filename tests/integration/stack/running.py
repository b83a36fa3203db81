"""A whole stack as a user runs it: an ordinary user, an empty folder, an empty home."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PROGRAM = Path(sys.executable).parent / "agency-os"
START_SECONDS = 120.0
STOP_SECONDS = 60.0
UP = "everything stays up until you press Ctrl-C"


class Stack:
    """`agency-os up` in ``folder``; its output is one growing text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".state"
        self._output = folder / "output"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """What the run now going on has said so far."""
        return self._output.read_text("utf-8")

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        assert self._process is not None
        return self._process.pid

    def start(self, *arguments: str) -> None:
        """Start it and return when it says that everything is up."""
        self.run(*arguments)
        self.until(UP, START_SECONDS)

    def run(self, *arguments: str, **settings: str) -> None:
        """Start it with settings in its environment."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*as_ordinary_user(), str(PROGRAM), "up", *arguments],
                cwd=self.folder,
                env={"HOME": str(self.folder / "home"), "PATH": os.defpath, **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def until(self, line: str, seconds: float = 30.0) -> None:
        """Wait until it has said ``line``."""
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while line not in self.output:
            assert self._process.poll() is None, f"it ended before it said {line!r}:\n{self.output}"
            assert time.monotonic() < deadline, f"it did not say {line!r}:\n{self.output}"
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> int:
        """Send the supervisor alone a signal; its exit status."""
        os.kill(self.pid, number)
        return self.wait()

    def refused(self, *arguments: str, **settings: str) -> tuple[int, list[str]]:
        """Start it where it must refuse: its exit status and the lines it said."""
        self.run(*arguments, **settings)
        return self.wait(), self.output.splitlines()

    def wait(self) -> int:
        """Its exit status."""
        assert self._process is not None
        return self._process.wait(STOP_SECONDS)

    def ports(self) -> dict[str, int]:
        """The ports by service."""
        found: dict[str, int] = json.loads((self.state / "ports.json").read_text())
        return found

    def service(self, name: str) -> int:
        """The process id of a service."""
        return int(json.loads((self.state / "processes.json").read_text())[name]["pid"])

    def processes(self) -> list[str]:
        """Every process that works in the folder, whoever its parent is."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(self.folder):
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
        return found

    def open_ports(self) -> list[str]:
        """The services whose port takes a connection."""
        return [name for name, port in self.ports().items() if _is_open(port)]


@contextmanager
def new_stack() -> Iterator[Stack]:
    """A stack that does not run yet; whatever runs at the end is killed and the folder removed."""
    folder = Path(tempfile.mkdtemp(prefix="agency-os-stack-"))
    (folder / "home").mkdir()
    for path in (folder, folder / "home"):
        if os.geteuid() == 0:
            shutil.chown(path, "nobody", "nogroup")
    stack = Stack(folder)
    try:
        yield stack
    finally:
        for line in stack.processes():
            with suppress(psutil.Error):
                psutil.Process(int(line.split()[0])).kill()
        shutil.rmtree(folder, ignore_errors=True)


def as_ordinary_user() -> list[str]:
    """The prefix that makes a command run as an ordinary user when we are root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
