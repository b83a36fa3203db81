"""Allocator on a real database: each lead's sequence is planned once, within every sender's room (invariants 2, 6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from agency_os.db import Database
from agency_os.engines.allocator import Allocated, AllocatorEngine
from tests.conftest import DatabaseUrls
from tests.factories.outreach import BEFORE, MONDAY_NOON, Outreach, add_leads, make_agency
from tests.factories.sending import HASHES, rows

ENGINE = AllocatorEngine(HASHES)


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database.connect(database_urls.app_dsn, pool_size=16)
    yield database
    await database.close()


async def scored(database: Database, count: int, *, consent: bool = True, **agency: int) -> Outreach:
    async with database.transaction(now=BEFORE) as db:
        made = await make_agency(db, **agency)
        await add_leads(db, made, count, consent=consent, status="scored")
    return made


async def allocate(database: Database, agency: Outreach) -> Allocated:
    async with database.transaction(now=MONDAY_NOON) as db:
        return await ENGINE.allocate(db, client_id=agency.client_id, now=MONDAY_NOON)


async def test_sixteen_allocators_plan_each_step_of_each_lead_once(database: Database) -> None:
    agency = await scored(database, 60, domains=2, daily_limit=20)
    done = await asyncio.gather(*(allocate(database, agency) for _ in range(16)))
    assert sum(each.leads for each in done) == 60
    planned = await rows(database, "SELECT lead_id, array_agg(step ORDER BY step) FROM touches GROUP BY 1")
    assert [steps for _, steps in planned] == [[1, 2, 3, 4]] * 60


async def test_no_sender_is_given_more_than_its_day_holds_counting_what_was_planned_before(database: Database) -> None:
    agency = await scored(database, 50, domains=2, daily_limit=20)
    await allocate(database, agency)
    async with database.transaction(now=BEFORE) as db:
        await add_leads(db, agency, 50, status="scored")
    await allocate(database, agency)
    busiest = await rows(
        database,
        "SELECT count(*) FROM touches GROUP BY resource_id, (due_at AT TIME ZONE 'Australia/Sydney')::date"
        " ORDER BY 1 DESC LIMIT 1",
    )
    assert busiest == [(20,)]


async def test_all_steps_of_a_lead_go_out_from_one_sender(database: Database) -> None:
    agency = await scored(database, 30, domains=3)
    await allocate(database, agency)
    senders = await rows(database, "SELECT count(DISTINCT resource_id) FROM touches GROUP BY lead_id")
    assert senders == [(1,)] * 30


async def test_every_touch_is_due_in_the_sending_hours_at_the_leads_place(database: Database) -> None:
    agency = await scored(database, 30)
    await allocate(database, agency)
    outside = await rows(
        database,
        "SELECT due_at FROM touches WHERE extract(isodow FROM due_at AT TIME ZONE 'Australia/Sydney') > 5"
        " OR extract(hour FROM due_at AT TIME ZONE 'Australia/Sydney') NOT BETWEEN 9 AND 16",
    )
    assert outside == []


async def test_who_never_consented_or_is_suppressed_is_left_with_the_reason(database: Database) -> None:
    agency = await scored(database, 1, consent=False)
    async with database.transaction(now=BEFORE) as db:
        await add_leads(db, agency, 1, status="scored")
        await db.execute(
            text("INSERT INTO global_suppression (channel, address_hash, reason) VALUES ('email', :hash, 'bounce')"),
            {"hash": HASHES.of("email", "person1@company1.example")},
        )
    assert (await allocate(database, agency)).refused == 2
    assert await rows(database, "SELECT count(*) FROM touches") == [(0,)]
    reasons = await rows(database, "SELECT status_reason FROM leads ORDER BY email")
    assert [reason for (reason,) in reasons if reason is None] == []
