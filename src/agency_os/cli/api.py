"""`agency-os api`: serves the HTTP API until it is stopped."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Annotated

import typer
import uvicorn

from agency_os.api.main import create_app
from agency_os.config import load_settings
from agency_os.exceptions import UnavailableError
from agency_os.kit.logging import configure_logging
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.keys import confirm_suppression_key
from agency_os.wiring.web import build_web


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
) -> None:
    """Serve webhooks, the unsubscribe page and health."""
    settings = load_settings()
    configure_logging(settings.runtime.log_level, settings.runtime.log_format)
    listener = _listen(host, port)
    infra = build_infrastructure(settings)
    app = create_app(build_web(infra))
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        with suppress(UnavailableError):  # a database that is down is told by readiness
            runner.run(confirm_suppression_key(infra))
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio turns Nagle's algorithm off only where the protocol is named: else answers wait 40 ms for an ACK
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        raise UnavailableError(f"cannot listen on {host}:{port}: {error.strerror}; give another --port") from error
    return listener
