"""The embedded auth server over a database of the test's own: in this process without a socket, or served by HTTP.

Wall time is the test's own, so that an hour or ten seconds pass at once. The login's password is the application's
of the test servers: a login belongs to the whole server, which other tests use beside this one.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from agency_os.db.bootstrap import AUTH_LOGIN, bootstrap, is_ready_for_auth
from agency_os.kit.http import HttpRequest, HttpResponse
from agency_os_sandbox.auth.app import PREFIX, AuthOptions, AuthServer
from agency_os_sandbox.server import SandboxServer, server_config
from tests.conftest import DatabaseUrls
from tests.support.wire import InProcess, Recorder

URL = "http://127.0.0.1:9"
PASSWORD = "correct horse battery"
SERVICE_KEY = "sb_secret_of-the-tests"


async def auth_dsn(urls: DatabaseUrls) -> str:
    """The DSN of the auth server's login on a test's database, which is prepared for it where it is not."""
    parts = urlsplit(urls.app_dsn)
    password = parts.password or ""
    dsn = urlunsplit(parts._replace(netloc=f"{AUTH_LOGIN}:{password}@{parts.hostname}:{parts.port}"))
    if not await is_ready_for_auth(dsn):
        await bootstrap(urls.owner_dsn, app_password=password, auth_password=password)
    return dsn


class Auth:
    """A client of one auth server, and its clock."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.moment = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
        self.folder = folder
        self.dsn = dsn
        self.server = AuthServer(AuthOptions(folder, dsn, URL, service_key=SERVICE_KEY, now=lambda: self.moment))
        self.recorder = Recorder(InProcess(self.server.app))

    def wait(self, **span: float) -> None:
        """Let wall time pass."""
        self.moment += timedelta(**span)

    async def raw(
        self, method: str, path: str, body: object = None, token: str | None = None, **headers: str
    ) -> HttpResponse:
        """One request; ``body`` is JSON unless it is bytes, ``headers`` are named with ``_`` for ``-``."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        media = {} if body is None or isinstance(body, bytes) else {"content-type": "application/json"}
        named = {"apikey": "anon", **media, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if token is not None:
            named["authorization"] = f"Bearer {token}"
        return await self.recorder.send(HttpRequest(method, f"{URL}{path}", named, content))

    async def call(
        self, method: str, path: str, body: object = None, token: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Status and JSON of an answer below `/auth/v1`; None for an answer without a body."""
        response = await self.raw(method, f"{PREFIX}{path}", body, token, **headers)
        return response.status, json.loads(response.body) if response.body else None

    async def sign_up(self, email: str = "ada@agency.example", **data: Any) -> dict[str, Any]:
        """A new account's session."""
        status, session = await self.call("POST", "/signup", {"email": email, "password": PASSWORD, "data": data})
        assert status == 200, session
        return dict(session)

    async def log_in(self, email: str = "ada@agency.example", password: str = PASSWORD) -> tuple[int, Any]:
        """The password grant."""
        return await self.call("POST", "/token?grant_type=password", {"email": email, "password": password})

    async def refresh(self, token: str) -> tuple[int, Any]:
        """The refresh grant."""
        return await self.call("POST", "/token?grant_type=refresh_token", {"refresh_token": token})

    async def mails(self, to: str) -> list[dict[str, Any]]:
        """What the mailbox holds for an address."""
        return list(json.loads((await self.raw("GET", f"/control/mails?to={to}")).body))


@asynccontextmanager
async def auth_in_process(folder: Path, urls: DatabaseUrls) -> AsyncIterator[Auth]:
    """An auth server that is called without a socket."""
    auth = Auth(folder, await auth_dsn(urls))
    await auth.server.connect()
    try:
        yield auth
    finally:
        await auth.server.close()


@asynccontextmanager
async def served_auth(folder: Path, urls: DatabaseUrls, service_key: str = SERVICE_KEY) -> AsyncIterator[str]:
    """The address of an auth server that listens on the loopback, in real wall time."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        auth = AuthServer(AuthOptions(folder, await auth_dsn(urls), url, service_key=service_key))
        server = SandboxServer(server_config(auth.app))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(0.01)
                assert not serving.done(), "the auth server did not start"
            yield url
        finally:
            server.stop()
            await serving
