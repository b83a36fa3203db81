"""Whether an embedded service answers. Every check is one quick try and never raises."""

from __future__ import annotations

import asyncio

import asyncpg

from agency_os.exceptions import UnavailableError
from agency_os.kit.http import HttpRequest, Timeouts, Transport
from agency_os.stack.embedded import LOOPBACK

_QUICK = Timeouts(connect=1.0, read=3.0, total=4.0)


async def answers_http(transport: Transport, url: str) -> bool:
    """Whether a GET of ``url`` gives a 2xx."""
    try:
        response = await transport.send(HttpRequest("GET", url, {}, timeout=_QUICK))
    except UnavailableError:
        return False
    return 200 <= response.status < 300


async def answers_postgres(dsn: str) -> bool:
    """Whether a login succeeds."""
    try:
        connection = await asyncpg.connect(dsn, timeout=3)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close()
    return True


async def answers_cache(port: int, password: str) -> bool:
    """Whether the cache takes the password and answers a ping (the Redis protocol's inline commands)."""
    try:
        async with asyncio.timeout(3):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"AUTH {password}\r\nPING\r\n".encode())
                await writer.drain()
                return [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
