"""The auth server put together: one ASGI application over one database, and the database's pool.

Input: the state folder and the login `supabase_auth_admin`. Promise: whatever comes in is answered as Supabase Auth
answers it; a request that is wrong is a 4xx, and a database that is away is a 500 which the next request may not get.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import asyncpg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from agency_os_sandbox.auth.admin import Admin
from agency_os_sandbox.auth.context import Context
from agency_os_sandbox.auth.cors import Cors
from agency_os_sandbox.auth.errors import AuthError, error_response
from agency_os_sandbox.auth.keys import KeyRing
from agency_os_sandbox.auth.onetime import OneTime
from agency_os_sandbox.auth.public import Public
from agency_os_sandbox.clock import wall_now

PREFIX = "/auth/v1"
DATABASE_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_POOL_SIZE = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthOptions:
    """How to run. ``url`` is where the server is reached, without a slash; ``site_url`` where links of mails lead.

    ``service_key`` None takes the one kept in ``state``; ``now`` is wall time, for a login is no business of the
    virtual clock.
    """

    state: Path
    database_url: str = field(repr=False)
    url: str
    site_url: str = "http://127.0.0.1:3000"
    service_key: str | None = field(default=None, repr=False)
    now: Callable[[], datetime] = wall_now


class AuthServer:
    """One server; ``app`` is served, its lifespan opens and closes the pool; ``failures`` is what a database raises."""

    failures = DATABASE_FAILURES

    def __init__(self, options: AuthOptions) -> None:
        """Raises StateError when the keys cannot be read or made."""
        self._database_url = options.database_url
        keys = KeyRing.open(options.state, f"{options.url}{PREFIX}", options.service_key)
        self.context = Context(keys, options.site_url, options.now)
        one_time = OneTime(self.context, f"{options.url}{PREFIX}")
        routes = [*Public(self.context).routes(), *one_time.routes(), *Admin(self.context).routes()]
        self.app = Starlette(
            routes=[Mount(PREFIX, routes=routes), Route("/control/mails", self.context.mailbox.show)],
            middleware=[Middleware(Cors, prefix=PREFIX)],
            exception_handlers={
                AuthError: _refused,
                HTTPException: _unknown,
                **dict.fromkeys(DATABASE_FAILURES, _failed),
            },
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.connect()
        try:
            yield
        finally:
            await self.close()

    async def connect(self) -> None:
        """Open the pool, where it is not open. Raises what asyncpg raises when the database does not let us in."""
        if self.context.pool is None:
            self.context.pool = await asyncpg.create_pool(
                self._database_url, min_size=1, max_size=_POOL_SIZE, statement_cache_size=0, timeout=10,
                command_timeout=30, init=_prepare,
            )  # fmt: skip

    async def close(self) -> None:
        """Close the pool."""
        pool, self.context.pool = self.context.pool, None
        if pool is not None:
            await pool.close()


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, AuthError)  # noqa: S101 - registered for it alone
    return error_response(request, error)


async def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    code = "not_found" if status == 404 else "bad_method" if status == 405 else "validation_failed"
    return error_response(request, AuthError(status, code, f"{request.method} {request.url.path} is not served"))


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("the database failed: %s", type(error).__name__)
    return error_response(request, AuthError(500, "unexpected_failure", "Database error: try again"))
