"""A TCP relay that a test lets look into, alter or cut what passes: a network that fails at a chosen moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

Tap = Callable[[bytes], bytes | None]
"""Sees a piece as it passes: gives what to pass on, None to cut both connections at once."""


def unchanged(piece: bytes) -> bytes | None:
    """Passes on everything."""
    return piece


@asynccontextmanager
async def relay(port: int, *, up: Tap = unchanged, down: Tap = unchanged) -> AsyncIterator[int]:
    """The port of a relay to ``port`` on the loopback; ``up`` sees the client's pieces, ``down`` the server's."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        pair = {writer, back}
        writers.update(pair)
        with suppress(OSError):
            await asyncio.gather(_pass(reader, back, up, pair), _pass(there, writer, down, pair))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _pass(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, tap: Tap, pair: set[asyncio.StreamWriter]
) -> None:
    while piece := await source.read(65536):
        told = tap(piece)
        if told is None:
            break
        target.write(told)
        await target.drain()
    for writer in pair:
        writer.close()
