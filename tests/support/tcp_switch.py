"""A TCP relay to a server on the loopback that can be switched off and on, as a server that goes away and returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class TcpSwitch:
    """Relays one port to another until it is switched off."""

    def __init__(self, target: str, port: int) -> None:
        self._target = urlsplit(target)
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def to(cls, target: str) -> AsyncIterator[TcpSwitch]:
        """A switch before the http address ``target``, on a free port, switched on."""
        probe = await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0)
        port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        switch = cls(target, port)
        await switch.on()
        try:
            yield switch
        finally:
            await switch.off()

    @property
    def url(self) -> str:
        """The address that stands for the target's."""
        return f"http://127.0.0.1:{self._port}{self._target.path}"

    async def on(self) -> None:
        """Relay."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self._port)

    async def off(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.close()
        await asyncio.sleep(0)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._open |= {writer, back}
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            self._open -= {writer, back}


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
    target.close()
