"""2,000 emails sent one by one, 20 at a time: our client of a provider beside bare aiohttp sending the same bytes.

Ours shapes, spaces, retries and reads every exchange; the peer posts prepared bodies and reads the answer's JSON.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter

import aiohttp

from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.resend import ResendClient
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.http import USER_AGENT, AiohttpTransport, Headers, HttpRequest, HttpResponse
from agency_os.kit.retry import RateLimit
from benchmarks.harness import Limit, Pair, Reading
from benchmarks.processes import PYTHON, serving
from tests.support.servers import Servers

SENDS = 2_000
AT_ONCE = 20
_UNBOUNDED = 1_000_000.0


@asynccontextmanager
async def client(_: Servers, scale: float) -> AsyncIterator[Sequence[Pair]]:
    """A provider that accepts everything, in a process of its own."""
    count = max(int(SENDS * scale), AT_ONCE)
    async with serving(*PYTHON, "benchmarks.noop_provider") as address:
        desk = _Desk(address, count)
        await desk.prepare()
        yield [Pair("client", "bare aiohttp", "send", desk.ours, desk.bare, Limit(Reading.SPEED, 0.5))]


class _Keeping:
    """Keeps requests instead of sending them."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return HttpResponse(200, Headers(), b'{"id": "1"}')

    async def aclose(self) -> None:
        """Nothing is open."""


class _Desk:
    def __init__(self, address: str, count: int) -> None:
        self._address = address
        self._emails = [_email(number) for number in range(count)]
        self._requests: list[HttpRequest] = []

    async def prepare(self) -> None:
        """The very requests that ours makes, for the peer."""
        keeping = _Keeping()
        await self._send_all(self._client(keeping))
        self._requests = keeping.requests

    async def ours(self) -> float:
        transport = AiohttpTransport(max_connections=AT_ONCE)
        try:
            return await self._send_all(self._client(transport))
        finally:
            await transport.aclose()

    async def bare(self) -> float:
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(connector=connector, headers={"User-Agent": USER_AGENT}) as session:

            async def send(number: int) -> None:
                request = self._requests[number]
                async with session.post(request.url, data=request.body, headers=request.headers) as answer:
                    _demand(json.loads(await answer.read())["id"])

            return await _timed(len(self._requests), send)

    async def _send_all(self, sender: ResendClient) -> float:
        async def send(number: int) -> None:
            _demand((await sender.send(self._emails[number], key=f"key-{number}")).ids)

        return await _timed(len(self._emails), send)

    def _client(self, transport: AiohttpTransport | _Keeping) -> ResendClient:
        wall = SystemWallClock()
        return ResendClient(Connection(transport, self._address, "re_key", RateLimit(_UNBOUNDED, wall), wall))


def _demand(sent: object) -> None:
    if not sent:
        raise AssertionError("a send was not accepted")


def _email(number: int) -> OutgoingEmail:
    return OutgoingEmail(
        sender="Ann Carter <ann@agency.example>",
        to=f"pat{number}@company.example",
        subject="More enquiries from the same budget?",
        text="Hello Pat,\n\nwould twenty minutes on Tuesday suit you?\n\nAnn\n" * 5,
        reply_to=f"reply+{number}@reply.example",
        headers={"List-Unsubscribe": f"<https://agency.example/u/{number}>"},
        tags={"touch": str(number)},
    )


async def _timed(count: int, send: Callable[[int], Awaitable[None]]) -> float:
    """Seconds for one of ``count`` sends, ``AT_ONCE`` at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await send(number)

    begun = perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return (perf_counter() - begun) / count
