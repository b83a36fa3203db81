"""Servers of a benchmark as processes of their own, so that they and the load have a processor each."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

START_SECONDS = 60.0
PYTHON = (sys.executable, "-m")
OURS = (str(Path(sys.executable).parent / "agency-os"),)


@asynccontextmanager
async def serving(*command: str, env: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """Runs ``COMMAND --port PORT``; gives its address once it listens, and kills it in the end."""
    port = _free_port()
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: ASYNC220  # starting it is not measured
            [*command, "--port", str(port)],
            cwd=Path(__file__).parent.parent,
            env={**inherited, **(env or {})},
            stdout=log,
            stderr=log,
        )
        try:
            await _until_listening(process, port)
            yield f"http://127.0.0.1:{port}"
        except ChildProcessError as error:
            log.seek(0)
            raise RuntimeError(f"{error}\n{log.read().decode(errors='replace')[-2000:]}") from error
        finally:
            process.kill()
            process.wait()


async def _until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.poll() is not None or asyncio.get_running_loop().time() > deadline:
                raise ChildProcessError(f"the server on port {port} does not listen") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
