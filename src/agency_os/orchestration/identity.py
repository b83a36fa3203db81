"""Who a worker process is: a name that at most one living process bears.

Input: the state folder. Promise: as long as the process lives nobody else on this folder has its name, and after
``kill -9`` the next worker takes the same name at once, so that it knows what is left under it to be its predecessor's.
"""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from agency_os.exceptions import UnavailableError
from agency_os.kit.ids import new_id

MOST_WORKERS = 64


class WorkerSlot:
    """One of the numbered places for workers on a state folder, held by a lock that the kernel frees at its end."""

    def __init__(self, state: Path) -> None:
        """Take the first free place. Raises UnavailableError when the folder cannot be written or all are taken."""
        folder = state / "workers"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = _first_free(folder)
        except OSError as error:
            raise UnavailableError(f"the worker cannot use {folder}: {error.strerror}") from error
        self.name = self._read_name()

    def release(self) -> None:
        """Give the place back; its name stays for the next worker."""
        os.close(self._descriptor)

    def _read_name(self) -> str:
        # The number alone would not do: two state folders on one host may share a Prefect server.
        name = os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()
        if not name:
            name = f"{socket.gethostname()[:60].replace('/', '-').replace('%', '-')}-{new_id().hex[-12:]}"
            os.pwrite(self._descriptor, name.encode(), 0)
        return name


def _first_free(folder: Path) -> int:
    for number in range(MOST_WORKERS):
        descriptor = os.open(folder / f"worker-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return descriptor
    raise UnavailableError(f"all {MOST_WORKERS} worker places in {folder} are taken")
