"""The claim against a real database: limits, suppression, fences, 16 workers at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from agency_os.db import Database
from tests.factories.outreach import MONDAY_NOON
from tests.factories.sending import HASHES, agency_with, claim, states


async def test_due_touches_are_claimed_with_a_fence_and_one_use_of_quota_each(database: Database) -> None:
    agency = await agency_with(database, 20)
    claimed = await claim(database, agency)
    assert [touch.id for touch in claimed] == agency.touch_ids
    assert {touch.fence for touch in claimed} == {1}
    async with database.transaction(now=MONDAY_NOON) as db:
        assert await db.scalar(text("SELECT count(*) FROM resource_usage WHERE released_at IS NULL")) == 20


async def test_sixteen_workers_claim_each_touch_once_and_never_over_the_limit(database: Database) -> None:
    agency = await agency_with(database, 240, domains=3)
    claims = await asyncio.gather(*(claim(database, agency, limit=7) for _ in range(16) for _ in range(4)))
    ids = [touch.id for claimed in claims for touch in claimed]
    assert len(ids) == len(set(ids)) == 150
    async with database.transaction(now=MONDAY_NOON) as db:
        used = await db.execute(text("SELECT count(*) FROM resource_usage GROUP BY resource_id"))
        assert list(used.scalars()) == [50, 50, 50]


async def test_what_is_over_the_limit_waits_until_the_next_day_and_does_not_block_the_queue(database: Database) -> None:
    agency = await agency_with(database, 60)
    assert len(await claim(database, agency)) == 50
    assert await claim(database, agency) == []
    async with database.transaction(now=MONDAY_NOON) as db:
        waiting = (
            await db.execute(text("SELECT DISTINCT reason, not_before FROM touches WHERE state = 'ready'"))
        ).all()
    assert waiting == [("its sender's daily limit is reached", MONDAY_NOON + timedelta(hours=20))]


async def test_a_suppressed_address_is_skipped_for_good(database: Database) -> None:
    agency = await agency_with(database, 3)
    async with database.transaction(now=MONDAY_NOON) as db:
        await db.execute(
            text("INSERT INTO global_suppression (channel, address_hash, reason) VALUES ('email', :hash, 'complaint')"),
            {"hash": HASHES.of("email", "Person1@company1.example")},
        )
    claimed: list[UUID] = [touch.lead_id for touch in await claim(database, agency)]
    assert claimed == [agency.lead_ids[0], agency.lead_ids[2]]
    assert await states(database) == {"claimed": 2, "skipped": 1}


async def test_sixteen_workers_at_the_senders_midnight_use_each_days_limit_once(database: Database) -> None:
    """Midnight in UTC is eleven in the morning in Sydney, in the middle of the sending hours."""
    agency = await agency_with(database, 160)
    async with database.transaction(now=MONDAY_NOON) as db:
        await db.execute(text("UPDATE resources SET time_zone = 'UTC'"))
    midnight = MONDAY_NOON.replace(hour=0)
    moments = [midnight - timedelta(minutes=1), midnight + timedelta(minutes=1)] * 8
    for _ in range(8):
        await asyncio.gather(*(claim(database, agency, limit=9, now=moment) for moment in moments))
    async with database.transaction(now=MONDAY_NOON) as db:
        used = await db.execute(text("SELECT used_on::text, count(*) FROM resource_usage GROUP BY 1 ORDER BY 1"))
        assert [tuple(row) for row in used] == [("2026-11-22", 50), ("2026-11-23", 50)]
