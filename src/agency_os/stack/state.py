"""The state folder of one machine: its lock, the ports and secrets made once, and which processes were started.

Only one supervisor works from a folder. A lock whose process is dead is taken over, and what that process left
running is ended first, so that a start after `kill -9` goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import psutil

from agency_os.exceptions import StackError
from agency_os.stack.embedded import LOOPBACK

Say = Callable[[str], None]

_PORT_GRACE_SECONDS = 2.0
_ORPHAN_SECONDS = 10.0
_SECRET_NAMES = (
    "postgres",
    "application",
    "auth",
    "prefect",
    "cache",
    "token_secret",
    "suppression_key",
    "resend_webhook",
    "postmark_webhook",
    "cal_com_webhook",
    "webhooks",
)

_REMEDIES = {
    "ports.json": "remove it: other ports will be chosen",
    "processes.json": "remove it, after ending by hand what the last run may have left running",
    "secrets.json": "remove the whole folder and begin anew: without it the embedded database cannot be opened",
}
_PORTS = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, which could take one between choice and use."""


class StateFolder:
    """Reads and writes one state folder. Nothing here is a setting of the user; all of it can be made again."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"

    @contextmanager
    def hold(self, say: Say) -> Iterator[None]:
        """Hold the folder for this process; takes it over, and says so, when its last holder died.

        Raises StackError when another live process holds it, or it cannot be written.
        """
        self._make_folders()
        with self._open_lock() as lock:
            lock.seek(0)
            holder = lock.read().strip()
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StackError(
                    f"process {holder or 'of another user'} already runs Agency OS from {self.path}: stop it first, "
                    "or set AGENCY_OS_STATE to another folder"
                ) from error
            if holder:
                say(f"the last run (process {holder}) did not stop cleanly: taking over its lock and its state")
            self._write_lock(lock, str(os.getpid()))
            self._end_orphans(say)
            try:
                yield
            finally:
                self._write_lock(lock, "")

    def secrets(self, *, fresh: bool) -> dict[str, str]:
        """The secrets of the embedded parts, 64 hexadecimal digits each, made at first use in a file of mode 0600.

        Raises StackError when they are lost although there is a database (not ``fresh``) that was made with them.
        """
        kept: dict[str, str] = self._read("secrets.json", str)
        if not kept and not fresh:
            raise StackError(
                f"{self.path / 'secrets.json'} is missing: restore it from a copy, or {_REMEDIES['secrets.json']}"
            )
        missing = [name for name in _SECRET_NAMES if name not in kept]
        if missing:
            kept |= {name: secrets.token_hex(32) for name in missing}
            self._write("secrets.json", kept)
        return kept

    def port(self, name: str, say: Say, *, wanted: int | None = None) -> int:
        """The port of service ``name``: the same as last time where it is still free, else another, and says so.

        Raises StackError when ``wanted``, a port that it must have, is taken.
        """
        ports: dict[str, int] = self._read("ports.json", int)
        if wanted is not None:
            if not _is_free(wanted):
                raise StackError(f"port {wanted} is taken by another program: end that, or choose another port")
            self._write("ports.json", {**ports, name: wanted})
            return wanted
        known = ports.get(name)
        if known is not None and _is_free_soon(known):
            return known
        chosen = _free_port(avoid=set(ports.values()))
        if known is not None:
            say(f"port {known} of {name} is taken by another program: using {chosen}")
        self._write("ports.json", {**ports, name: chosen})
        return chosen

    def running_ports(self) -> dict[str, int]:
        """The ports of the embedded parts of the stack that runs from this folder, by service.

        Raises StackError when none runs from it.
        """
        running = self._read("processes.json", dict)
        if not running:
            raise StackError(f"nothing runs from {self.path}: start it with `agency-os up`")
        ports: dict[str, int] = self._read("ports.json", int)
        return {name: port for name, port in ports.items() if name in running}

    def addresses(self) -> dict[str, str]:
        """The addresses of those parts. Raises StackError as ``running_ports``."""
        return {name: f"http://{LOOPBACK}:{port}" for name, port in self.running_ports().items()}

    def note_process(self, name: str, pid: int) -> None:
        """Remember a started process, so that a later run can end it should this one be killed."""
        with suppress(psutil.NoSuchProcess):
            started = {"pid": pid, "created": psutil.Process(pid).create_time()}
            self._write("processes.json", {**self._read("processes.json", dict), name: started})

    def forget_process(self, name: str) -> None:
        """The process has ended."""
        noted = self._read("processes.json", dict)
        if noted.pop(name, None) is not None:
            self._write("processes.json", noted)

    def _end_orphans(self, say: Say) -> None:
        # The last started first: what writes to the database ends before it.
        for name, noted in reversed(self._read("processes.json", dict).items()):
            pid, created = noted.get("pid"), noted.get("created")
            if isinstance(pid, int) and isinstance(created, int | float) and end_group(pid, created):
                say(f"ended {name} (process {pid}), left over from the last run")
        self._write("processes.json", {})

    def _open_lock(self) -> TextIO:
        try:
            return (self.path / "lock").open("a+", encoding="ascii", errors="replace")
        except OSError as error:
            raise StackError(f"the state folder {self.path} cannot be written: {error.strerror}") from error

    def _make_folders(self) -> None:
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
        except OSError as error:
            raise StackError(f"the state folder {self.path} cannot be written: {error.strerror}") from error

    def _read(self, name: str, kind: type) -> dict[str, Any]:
        """The file's object, each value of ``kind``; empty when there is no file."""
        path = self.path / name
        try:
            content = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StackError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError:
            content = None
        if not isinstance(content, dict) or not all(isinstance(value, kind) for value in content.values()):
            raise StackError(f"{path} is damaged: restore it from a copy, or {_REMEDIES[name]}")
        return content

    def _write(self, name: str, content: dict[str, Any]) -> None:
        """Whole or not at all, readable by the user alone."""
        temporary = self.path / f"{name}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)

    @staticmethod
    def _write_lock(lock: Any, text: str) -> None:
        lock.seek(0)
        lock.truncate()
        lock.write(text)
        lock.flush()


def group_members(group: int) -> list[psutil.Process]:
    """The live processes of a process group."""
    members = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def end_group(leader: int, created: float) -> bool:
    """End a process that an earlier run started as the leader of its group, and the group; False if none is left.

    ``created`` (seconds since the epoch) tells the leader from a stranger that has got its number since.
    """
    with suppress(psutil.NoSuchProcess):
        if abs(psutil.Process(leader).create_time() - created) > 1:
            return False
    if not group_members(leader):
        return False
    with suppress(ProcessLookupError):
        os.kill(leader, signal.SIGINT)  # for PostgreSQL a fast and clean shutdown
        os.kill(leader, signal.SIGTERM)
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while group_members(leader) and time.monotonic() < deadline:
        time.sleep(0.05)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _is_free_soon(port: int) -> bool:
    """Whether the port is free or becomes so at once: a killed program's last threads may hold it for some moments."""
    deadline = time.monotonic() + _PORT_GRACE_SECONDS
    while not _is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _free_port(avoid: set[int]) -> int:
    for _ in range(1000):
        port = secrets.choice(_PORTS)
        if port not in avoid and _is_free(port):
            return port
    raise StackError(f"no free port found between {_PORTS.start} and {_PORTS.stop - 1} on {LOOPBACK}")
