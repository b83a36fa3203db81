"""An application with an auth server's keys, a client with an owner, and a session of each role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import httpx
import pytest

from agency_os.wiring.web import Web
from tests.conftest import DatabaseUrls
from tests.factories.api import api_settings, make_web, serving
from tests.factories.identity import AuthStandIn, make_client, make_member
from tests.integration.api.v1.world import World, make_world


@dataclass
class Session:
    """A caller in one client: requests go below `/api/v1/clients/{client_id}` unless their path begins with `/api/`."""

    http: httpx.AsyncClient
    client_id: UUID
    user_id: UUID
    headers: dict[str, str]

    async def call(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """One request."""
        url = path if path.startswith("/api/") else f"/api/v1/clients/{self.client_id}{path}"
        return await self.http.request(method, url, json=body, headers={**self.headers, **(headers or {})})


@pytest.fixture
def prefect() -> AuthStandIn:
    return AuthStandIn()


@pytest.fixture
def web(database_urls: DatabaseUrls, redis_url: str, prefect: AuthStandIn) -> Web:
    return make_web(api_settings(DATABASE_URL=database_urls.app_dsn, REDIS_URL=redis_url), prefect=prefect)


@pytest.fixture
async def http(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(web) as client:
        yield client


@pytest.fixture
async def owner_db(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def owner(http: httpx.AsyncClient, prefect: AuthStandIn, owner_db: asyncpg.Connection) -> Session:
    """The owner of a client that may send."""
    client_id = await make_client(owner_db)
    user_id = await make_member(owner_db, client_id, email="ada@agency.example")
    return Session(http, client_id, user_id, prefect.signer.bearer(user_id))


@pytest.fixture
async def world(http: httpx.AsyncClient, owner_db: asyncpg.Connection, prefect: AuthStandIn) -> World:
    """Two clients and every kind of caller."""
    return await make_world(http, owner_db, prefect)


async def colleague(owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn, role: str) -> Session:
    """A person with ``role`` in the same client."""
    user_id = await make_member(owner_db, owner.client_id, role)
    return Session(owner.http, owner.client_id, user_id, prefect.signer.bearer(user_id))
