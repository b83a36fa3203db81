"""Leases of look-ups under concurrency: one holder a key, and nobody waits for each other in a circle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from agency_os.db import Database
from agency_os.repositories.enrichment_request import EnrichmentRequestRepository, Settlement
from tests.conftest import DatabaseUrls
from tests.factories.outreach import MONDAY_NOON

WALL = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = [f"{n:04d}" for n in range(60)]


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database.connect(database_urls.app_dsn)
    yield database
    await database.close()


async def lease(database: Database, keys: list[str]) -> dict[str, int]:
    async with database.transaction(now=MONDAY_NOON) as db:
        leases = await EnrichmentRequestRepository(db).lease(
            "apollo", keys, now=MONDAY_NOON, wall=WALL, lease_until=WALL + timedelta(minutes=3), repeatable=False
        )
    return leases.ours


async def test_each_key_has_one_holder(database: Database) -> None:
    held = await asyncio.gather(*(lease(database, KEYS) for _ in range(8)))
    assert sorted(key for ours in held for key in ours) == KEYS


async def test_leasing_and_settling_in_any_order_never_deadlocks(database: Database) -> None:
    async def work(seed: int) -> int:
        random, done = Random(seed), 0  # noqa: S311 - a test's order
        for _ in range(12):
            keys = random.sample(KEYS, 40)
            ours = list((await lease(database, keys)).items())
            random.shuffle(ours)
            async with database.transaction(now=MONDAY_NOON) as db:
                await EnrichmentRequestRepository(db).settle(
                    "apollo", [Settlement(key, fence, "released") for key, fence in ours], now=MONDAY_NOON, wall=WALL
                )
            done += len(ours)
        return done

    assert sum(await asyncio.gather(*(work(seed) for seed in range(8)))) > 0
