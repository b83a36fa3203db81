"""A real PgBouncer in transaction mode before a test's database."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest


@asynccontextmanager
async def pooled(dsn: str, folder: Path, *, connections: int) -> AsyncIterator[str]:
    """``dsn`` by way of a PgBouncer that has so many connections to the server."""
    server, port = urlsplit(dsn), _free_port()
    users = folder / "users.txt"
    users.write_text(f'"{server.username}" "{server.password}"\n')
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"""
        [databases]
        * = host=127.0.0.1 port={server.port}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = scram-sha-256
        auth_file = {users}
        pool_mode = transaction
        default_pool_size = {connections}
        max_client_conn = 500
        ignore_startup_parameters = extra_float_digits
        logfile = {folder / "pgbouncer.log"}
    """.replace("        ", "")
    )
    process = _start(config, folder)
    try:
        await _until_up(port, process, folder / "pgbouncer.log")
        yield f"postgresql://{server.username}:{server.password}@127.0.0.1:{port}{server.path}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _start(config: Path, folder: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert program is not None
    prefix: list[str] = []
    if os.geteuid() == 0:  # PgBouncer refuses root
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")
        for path in folder.parents:
            if path.owner() == "root" and path.name.startswith(("pytest-", "popen-")):
                path.chmod(0o755)
        prefix = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    return subprocess.Popen([*prefix, program, "-q", str(config)])


async def _until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, f"pgbouncer ended, see {log}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    pytest.fail("pgbouncer does not listen")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
