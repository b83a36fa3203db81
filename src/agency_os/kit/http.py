"""HTTP for our own clients: a request, a response, and the ``Transport`` that carries them.

A transport says of a failure whether the request can have left: NotSentError (nothing left) or NoAnswerError (it may
have arrived). It never follows redirects, never asks again by itself, bounds the answer's size, and refuses to work
while a database transaction is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Protocol

import aiohttp

from agency_os.exceptions import UnavailableError
from agency_os.kit.transaction import refuse_if_open

USER_AGENT = f"agency-os/{version('agency-os')}"
"""Sent with every request; Resend refuses requests without one (resend.com/docs, error 1010)."""

MAX_BODY_BYTES = 10 * 1024 * 1024
KEPT_SECONDS = 3.0
"""How long an idle connection is kept."""


class NotSentError(UnavailableError):
    """The connection could not be made: nothing left, so the request may be repeated."""

    code = "not_sent"


class NoAnswerError(UnavailableError):
    """The request may have left and no whole answer came: it may have had its effect."""

    code = "no_answer"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of wall time: to connect, between two pieces of the answer, and in all."""

    connect: float = 5.0
    read: float = 20.0
    total: float = 30.0


class Headers(Mapping[str, str]):
    """Headers by name, whatever its case. Of a repeated header the values are joined by a comma (RFC 9110, 5.2)."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
            key = name.lower()
            self._values[key] = f"{self._values[key]}, {value}" if key in self._values else value

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._values)})"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. Headers, query and body stay out of the repr: they carry keys and personal data."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout: Timeouts = Timeouts()
    is_free: bool = False
    """It reads, costs nothing and changes nothing: asked once more where a connection that was kept turns out dead."""

    @property
    def target(self) -> str:
        """The address without its query, fit for logs."""
        return self.url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One whole answer."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


class Transport(Protocol):
    """Carries requests."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer, whatever its status.

        Raises NotSentError, NoAnswerError, and OpenTransactionError while a database transaction is open.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class AiohttpTransport:
    """One pool of connections for all providers, made at first use in the running loop."""

    def __init__(self, *, max_connections: int = 100, max_body: int = MAX_BODY_BYTES) -> None:
        self._max_connections = max_connections
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """See Transport."""
        refuse_if_open()
        try:
            return await self._sent(request)
        except NoAnswerError as error:
            if not (request.is_free and isinstance(error.__cause__, aiohttp.ServerDisconnectedError)):
                raise
            return await self._sent(request)

    async def _sent(self, request: HttpRequest) -> HttpResponse:
        limits = request.timeout
        timeout = aiohttp.ClientTimeout(total=limits.total, connect=limits.connect, sock_read=limits.read)
        try:
            async with self._opened().request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                body = await self._read(response, request)
                pairs = [(name, value) for name, value in response.headers.items()]
                return HttpResponse(response.status, Headers(pairs), body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NotSentError(f"{request.target} cannot be reached ({type(error).__name__})") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswerError(f"{request.target} gave no whole answer ({type(error).__name__})") from error

    async def aclose(self) -> None:
        """See Transport."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Servers drop a kept connection after five seconds and more: whoever uses it just then hears nothing.
                connector=aiohttp.TCPConnector(limit=self._max_connections, keepalive_timeout=KEPT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
            # aiohttp asks a GET again by itself when a kept connection drops; a look-up that was lost may have been
            # charged, and whoever asks again must know that.
            self._session._retry_connection = False
        return self._session

    async def _read(self, response: aiohttp.ClientResponse, request: HttpRequest) -> bytes:
        body = bytearray()
        async for piece in response.content.iter_chunked(64 * 1024):
            body += piece
            if len(body) > self._max_body:
                raise NoAnswerError(f"{request.target} answered more than {self._max_body} bytes")
        return bytes(body)
