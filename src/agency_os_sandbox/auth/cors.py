"""What lets a web page's own supabase-js call the server from another origin, as Supabase does.

Every origin may call, for the right to do something is the token in the request and never a cookie. Only what stands
below the protocol's prefix is opened: the mailbox beside it is for programs on this machine.
"""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_EXPOSED = ("X-Total-Count", "Link", "X-Supabase-Api-Version", "x-sb-error-code")


class Cors:
    """CORS for the paths below ``prefix``."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._prefix = f"{prefix}/"
        self._plain = app
        self._opened = CORSMiddleware(
            app, allow_origins=["*"], allow_methods=_METHODS, allow_headers=["*"], expose_headers=_EXPOSED, max_age=3600
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        opened = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        await (self._opened if opened else self._plain)(scope, receive, send)
