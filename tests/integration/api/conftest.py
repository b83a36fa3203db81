"""An application over a real database and cache, and the database beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from agency_os.db import Database
from agency_os.wiring.web import Web
from tests.conftest import DatabaseUrls
from tests.factories.api import PrefectStandIn, api_settings, make_web, serving


@pytest.fixture
def prefect() -> PrefectStandIn:
    return PrefectStandIn()


@pytest.fixture
def web(database_urls: DatabaseUrls, redis_url: str, prefect: PrefectStandIn) -> Web:
    return make_web(api_settings(DATABASE_URL=database_urls.app_dsn, REDIS_URL=redis_url), prefect=prefect)


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(web) as client:
        yield client


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database.connect(database_urls.app_dsn)
    yield database
    await database.close()
