"""A desk for the tests of enrichment: one client, its providers, and as many workers as a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy import text

from agency_os.db import Database
from agency_os.integrations.redis import Cache
from agency_os.kit.clock import FakeWallClock
from agency_os.orchestration.tasks.enrichment_tasks import enrich_client
from agency_os.wiring.services import Services
from tests.conftest import DatabaseUrls
from tests.factories.enrichment import (
    Person,
    Providers,
    add_new_leads,
    ledger,
    services,
)
from tests.factories.outreach import BEFORE, MONDAY_NOON, make_agency

LATER = timedelta(days=91)


class Desk:
    """One client, its providers and as many workers as a test wants."""

    def __init__(self, database: Database, redis_url: str) -> None:
        self.database = database
        self.redis_url = redis_url
        self.cache = Cache(redis_url)
        self.providers = Providers()
        self.wall = FakeWallClock()
        self.client_id = UUID(int=0)

    def worker(self, **options: Any) -> Services:
        return services(self.database, self.cache, self.providers, wall=self.wall, **options)

    async def set_up(self, known: list[Person], *, leads: dict[str, Any] | None = None, **client: Any) -> list[UUID]:
        self.providers.people = known
        async with self.database.transaction(now=BEFORE) as db:
            agency = await make_agency(db, **client)
            self.client_id = agency.client_id
            return await add_new_leads(db, agency.client_id, known, **(leads or {}))

    async def enrich(self, worker: Services | None = None, *, later: timedelta = timedelta(0)) -> dict[str, int]:
        return await enrich_client(worker or self.worker(), self.client_id, MONDAY_NOON + later)

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.database.transaction(now=MONDAY_NOON) as db:
            found: Any = await db.execute(text(query), values)
            return list(found.all()) if found.returns_rows else []

    async def one(self, query: str, **values: Any) -> Any:
        return (await self.rows(query, **values))[0]

    async def ledger(self) -> dict[str, Decimal]:
        async with self.database.transaction(now=MONDAY_NOON) as db:
            return await ledger(db)

    def forget_cache(self) -> None:
        with Redis.from_url(self.redis_url) as redis:
            redis.flushdb()


@pytest.fixture
async def desk(database_urls: DatabaseUrls, redis_url: str) -> AsyncIterator[Desk]:
    database = Database.connect(database_urls.app_dsn)
    desk = Desk(database, redis_url)
    yield desk
    await desk.cache.aclose()
    await database.close()
