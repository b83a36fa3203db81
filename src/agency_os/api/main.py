"""The FastAPI application: routes, problem details, request ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI

from agency_os.api import errors
from agency_os.api.intake import Intake
from agency_os.api.routes import health, unsubscribe, webhooks
from agency_os.kit.ids import new_id
from agency_os.wiring.web import Web

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class RequestId:
    """Gives every request an id that stands in its logs and its answer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id().hex

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


def create_app(web: Web) -> FastAPI:
    """The application over ``web``, whose connections it closes when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await web.infra.aclose()

    app = FastAPI(
        title="Agency OS",
        version=version("agency-os"),
        description="Webhooks of the providers, the unsubscribe page, health. Errors are problem details (RFC 9457).",
        lifespan=lifespan,
    )
    app.state.web = web
    app.state.intake = Intake(web.infra.database)
    app.add_middleware(RequestId)
    errors.install(app)
    for module in (health, webhooks, unsubscribe):
        app.include_router(module.router)
    return app
