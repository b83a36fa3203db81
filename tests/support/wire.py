"""Transports for tests of our clients: one that answers from a script, one that speaks to an ASGI application in the
same process, and one that keeps what went over another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp

from agency_os.kit.http import Headers, HttpRequest, HttpResponse, Transport

Exchange = tuple[HttpRequest, HttpResponse]


def answer(status: int, body: object = None, **headers: str) -> HttpResponse:
    """An answer; ``body`` is JSON unless it is bytes, ``headers`` are named with ``_`` for ``-``."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, Headers({name.replace("_", "-"): value for name, value in headers.items()}), content)


class Script:
    """Answers in order, the last one for ever; an exception in the script is raised. Keeps the requests."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def aclose(self) -> None:
        """Nothing is open."""


class InProcess:
    """Speaks to an ASGI application without a socket; its lifespan is the caller's affair."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def send(self, request: HttpRequest) -> HttpResponse:
        parts = urlsplit(request.url)
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self._app(
            {
                "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method,
                "scheme": parts.scheme, "path": unquote(parts.path), "raw_path": parts.path.encode(), "root_path": "",
                "query_string": parts.query.encode(), "headers": _raw(request.headers.items()),
                "client": ("127.0.0.1", 1), "server": (parts.hostname, parts.port or 80), "state": {},
            },
            receive,
            send,
        )  # fmt: skip
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return HttpResponse(sent[0]["status"], Headers(pairs), body)

    async def aclose(self) -> None:
        """Nothing is open."""


class Recorder:
    """Passes everything on to another transport and keeps it."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.exchanges: list[Exchange] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        response = await self._inner.send(request)
        self.exchanges.append((request, response))
        return response

    async def aclose(self) -> None:
        """Close the other."""
        await self._inner.aclose()


def _raw(pairs: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
