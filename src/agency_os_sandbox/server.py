"""The HTTP server: uvicorn with uvloop and httptools, its signals left to the caller, connections that can be dropped.

``request.state.abort`` closes a connection without a byte, as a provider does whose answer gets lost.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE_SECONDS = 2


class DroppableProtocol(HttpToolsProtocol):
    """Gives each request the means to drop its connection."""

    def on_message_begin(self) -> None:
        """Called by the parser at the start of a request."""
        super().on_message_begin()
        self.scope["state"]["abort"] = self.transport.abort


class SandboxServer(uvicorn.Server):
    """Stops when told, with requests that hang cut off after ``GRACE_SECONDS``."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone: whoever runs the server handles them, and the process ends with status 0."""
        yield

    def stop(self) -> None:
        """Finish what is being answered, then return from ``serve``."""
        self.should_exit = True


def server_config(app: Starlette) -> uvicorn.Config:
    """How the sandbox is served."""
    return uvicorn.Config(
        app, http=DroppableProtocol, loop="uvloop", ws="none", access_log=False, log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS, timeout_keep_alive=30, backlog=2048, server_header=False,
    )  # fmt: skip
