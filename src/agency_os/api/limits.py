"""How long a body may be: refused by its declared length before a byte is read, else as soon as it is longer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from agency_os.api.errors import problem
from agency_os.exceptions import PayloadTooLargeError

JSON_BYTES: Final = 1024 * 1024
LIST_BYTES: Final = 50 * 1024 * 1024
_LIST: Final = re.compile(r"/api/v1/clients/[^/]+/imports/?")
_MOST_DIGITS: Final = 15

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class BodyLimit:
    """Refuses bodies of `/api/` over their limit with 413. Webhooks keep their own, by provider."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        limit = LIST_BYTES if _LIST.fullmatch(scope["path"]) else JSON_BYTES
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > _MOST_DIGITS or int(declared) > limit:
            error = PayloadTooLargeError
            answer = problem(scope["path"], error.status, error.code, _words(limit), headers={"Connection": "close"})
            await answer(scope, receive, send)
            return
        received = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise PayloadTooLargeError(_words(limit))
            return message

        await self._app(scope, counted, send)


def _words(limit: int) -> str:
    return f"the body may have at most {limit} bytes"
