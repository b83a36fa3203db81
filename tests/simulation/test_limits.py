"""Daily limits hold whatever happens to the cache, over midnight, and with many workers."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis
from sqlalchemy import text

from agency_os.orchestration.ticks import outreach_tick
from tests.factories.waiting import waiting_touches
from tests.support.world import START, World

_BY_DAY = text("""
    SELECT (t.sent_at AT TIME ZONE r.time_zone)::date AS day, count(*) FROM touches AS t
    JOIN resources AS r ON r.id = t.resource_id WHERE t.state = 'sent' AND t.kind = 'sequence'
    GROUP BY 1, t.resource_id ORDER BY 1
""")


async def sent_by_day(world: World) -> list[int]:
    async with world.services.infra.database.transaction(now=START) as db:
        return [row[1] for row in await db.execute(_BY_DAY)]


async def test_fifty_a_day_and_domain_hold_with_the_cache_flushed_in_between(world: World) -> None:
    await world.move(hours=2)
    await waiting_touches(world.services.infra.database, await world.now(), 120, name="limit")
    cache = Redis.from_url(world.env["REDIS_URL"])
    await world.send()
    await cache.flushdb()
    await asyncio.gather(*(outreach_tick(world.services) for _ in range(16)))
    assert await sent_by_day(world) == [50]
    await world.move(days=1)
    await world.send()
    await cache.flushdb()
    await world.send()
    await cache.aclose()
    assert await sent_by_day(world) == [50, 50]


async def test_the_evening_before_and_the_morning_after_are_two_days(world: World) -> None:
    await world.move(hours=8)  # 16:00 in Sydney
    await waiting_touches(world.services.infra.database, await world.now(), 60, name="night")
    await world.send()
    await world.move(hours=8)  # midnight: nobody is written to
    await world.send()
    assert await sent_by_day(world) == [50]
    await world.move(hours=10)
    await world.send()
    assert await sent_by_day(world) == [50, 10]
