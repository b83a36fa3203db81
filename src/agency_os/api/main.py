"""The FastAPI application: routes, problem details, request ids, and its OpenAPI description."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute

from agency_os.api import errors
from agency_os.api.intake import Intake
from agency_os.api.limits import BodyLimit
from agency_os.api.openapi import DESCRIPTION, Api
from agency_os.api.routes import health, unsubscribe, v1, webhooks
from agency_os.kit.ids import new_id
from agency_os.wiring.web import Web

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Requests:
    """Gives every request an id that stands in its logs and its answer, and answers for what broke."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id().hex
        has_begun = False

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                if has_begun:
                    raise  # the server cuts the connection: half an answer must not look whole
                await errors.broken(scope["path"], error)(scope, receive, send_with_id)


def create_app(web: Web) -> FastAPI:
    """The application over ``web``, whose connections it closes when it ends."""
    intake = Intake(web.infra.database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await intake.aclose()
        await web.infra.aclose()

    app = _application(lifespan)
    app.state.web = web
    app.state.intake = intake
    return app


def describe() -> dict[str, Any]:
    """The OpenAPI document; needs no settings and no services."""
    return _application(None).openapi()


def _application(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None) -> Api:
    app = Api(
        title="Agency OS",
        version=version("agency-os"),
        description=DESCRIPTION,
        lifespan=lifespan,
        responses=errors.any_problem(),
        redirect_slashes=False,
        generate_unique_id_function=_name,
        docs_url=None,  # both pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(Requests)
    errors.install(app)
    for module in (health, webhooks, unsubscribe):
        app.include_router(module.router)
    app.include_router(v1.router)
    return app


def _name(route: APIRoute) -> str:
    return route.name
