"""The fixtures themselves: every test gets a migrated database of its own and an empty cache."""

from __future__ import annotations

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.conftest import DatabaseUrls


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_test_sees_no_rows_of_another(database_urls: DatabaseUrls, attempt: int) -> None:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    await connection.execute("CREATE TABLE left_behind AS SELECT 1")  # fails when the database is not fresh
    migrated = await connection.fetchval("SELECT to_regclass('public.leads') IS NOT NULL")
    await connection.close()
    assert migrated


async def test_the_application_login_is_no_superuser(database_urls: DatabaseUrls) -> None:
    connection = await asyncpg.connect(database_urls.app_dsn)
    row = await connection.fetchrow(
        "SELECT current_user AS login, rolsuper, rolinherit, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    await connection.close()
    assert row is not None
    assert tuple(row) == ("agency_os_app", False, False, False)


@pytest.mark.parametrize("attempt", [1, 2])
async def test_the_cache_is_empty(redis_url: str, attempt: int) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0
        await client.set("left", "behind")
