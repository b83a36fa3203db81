"""Stops raced against claims: no deadlock, and no claim is left once the stop has committed (invariants 1, 11, 12).

Half of the people share a company with another one, so that a reply holds two leads while both are being claimed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text

from agency_os.db import AsyncSession, Database
from agency_os.engines.closer import CloserEngine
from agency_os.repositories.inbound_event import InboundEventRepository, NewEvent
from agency_os.repositories.stop import StopRepository
from agency_os.repositories.touch_planning import TouchPlanningRepository
from tests.conftest import DatabaseUrls
from tests.factories import events
from tests.factories.outreach import MONDAY_NOON, Outreach, add_ready_touches
from tests.factories.sending import HASHES, agency_with, claim, rows, start, states

CLAIMERS = 8
STOPPERS = 6
RACES = 120
AHEAD = STOPPERS // 2
"""Claimers wait for the stoppers when they are this many people ahead, so that both meet at the same rows."""
CLOSER = CloserEngine(events.TOKENS, HASHES, "reply.example")

Stop = Callable[[AsyncSession, Outreach, int], Awaitable[None]]


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database.connect(database_urls.app_dsn, pool_size=CLAIMERS + STOPPERS)
    yield database
    await database.close()


def address(number: int) -> str:
    return f"person{number}@company{number}.example"


async def read(db: AsyncSession, event: NewEvent) -> None:
    repository = InboundEventRepository(db)
    await repository.add([event])
    found = await db.execute(text("SELECT id FROM inbound_events WHERE event_id = :id"), {"id": event.event_id})
    received = await repository.lock(found.scalar_one())
    assert received is not None
    await repository.settle([await CLOSER.read(db, received, now=MONDAY_NOON)], MONDAY_NOON)


async def unsubscribe(db: AsyncSession, agency: Outreach, number: int) -> None:
    assert await CLOSER.unsubscribe(db, agency.touch_ids[number], now=MONDAY_NOON)


async def opt_out(db: AsyncSession, agency: Outreach, number: int) -> None:
    await read(db, events.reply(agency.touch_ids[number], address(number), "Please remove me from your list."))


async def reply(db: AsyncSession, agency: Outreach, number: int) -> None:
    await read(db, events.reply(agency.touch_ids[number], address(number), "Does this also work for a bakery?"))


async def bounce(db: AsyncSession, agency: Outreach, number: int) -> None:
    await read(db, events.hard_bounce(agency.touch_ids[number], address(number)))


async def complaint(db: AsyncSession, agency: Outreach, number: int) -> None:
    await read(db, events.mail_event(agency.touch_ids[number], address(number), "complained"))


async def meeting(db: AsyncSession, agency: Outreach, number: int) -> None:
    await read(db, events.booking(agency.touch_ids[number], address(number), "CREATED", MONDAY_NOON))


async def hold(db: AsyncSession, agency: Outreach, number: int) -> None:
    lead, until = agency.lead_ids[number], MONDAY_NOON + timedelta(days=3)
    await TouchPlanningRepository(db).take_back((), put_off=[lead], reason="held", until=until, now=MONDAY_NOON)
    await StopRepository(db).hold_lead(agency.client_id, lead, reason="held", until=until)


async def pair_up(database: Database, agency: Outreach, every: int) -> None:
    """Of every so many leads, the second works at the company of the first."""
    async with database.transaction(now=MONDAY_NOON) as db:
        for one, other in list(pairwise(zip(agency.lead_ids, agency.company_ids, strict=True)))[::every]:
            values = {"company": one[1], "lead": other[0]}
            await db.execute(text("UPDATE leads SET company_id = :company WHERE id = :lead"), values)


def front(agency: Outreach, leads: set[UUID]) -> int:
    """How far along the queue the last of ``leads`` stands."""
    return agency.lead_ids.index(max(leads)) + 1 if leads else 0


async def race(database: Database, agency: Outreach, stop: Stop, numbers: range) -> tuple[set[UUID], list[UUID]]:
    """Stop these leads while all are being claimed. Returns who was claimed, and what was claimed too late."""
    waiting, done = list(numbers), set[UUID]()
    claimed, late = set[UUID](), list[UUID]()

    async def stopping() -> None:
        while waiting:
            number = waiting.pop(0)
            async with database.transaction(now=MONDAY_NOON) as db:
                await stop(db, agency, number)
            done.add(agency.lead_ids[number])

    async def claiming(random: Random) -> None:
        while len(done) < len(numbers):
            await asyncio.sleep(random.random() * 0.01)
            if front(agency, claimed) > len(done) * numbers.step + AHEAD:
                continue
            stopped = frozenset(done)
            found = await claim(database, agency, limit=random.randint(1, 3))
            claimed.update(touch.lead_id for touch in found)
            late.extend(touch.id for touch in found if touch.lead_id in stopped)

    claimers = [claiming(Random(n)) for n in range(CLAIMERS)]  # noqa: S311  # a test's pace
    await asyncio.gather(*(stopping() for _ in range(STOPPERS)), *claimers)
    return claimed, late


@pytest.mark.parametrize("stop", [unsubscribe, opt_out, reply, bounce, complaint, meeting, hold])
async def test_no_claim_outlives_a_stop(database: Database, stop: Stop) -> None:
    agency = await agency_with(database, RACES, domains=8, daily_limit=1000)
    await pair_up(database, agency, 4)
    claimed, late = await race(database, agency, stop, range(RACES))
    assert late == []
    assert await rows(database, "SELECT id FROM touches WHERE state IN ('claimed', 'sending')") == []
    assert 0 < len(claimed) < RACES  # both sides won some of the races


@pytest.mark.parametrize("stop", [reply, meeting])
async def test_no_claim_of_a_colleague_outlives_a_reply_or_a_meeting(database: Database, stop: Stop) -> None:
    agency = await agency_with(database, RACES, domains=8, daily_limit=1000)
    await pair_up(database, agency, 2)
    claimed, late = await race(database, agency, stop, range(0, RACES, 2))
    assert late == []
    assert await rows(database, "SELECT id FROM touches WHERE state IN ('claimed', 'sending')") == []
    assert len(claimed & set(agency.lead_ids[1::2])) > 0


async def test_nothing_begins_to_be_sent_once_a_stop_has_committed(database: Database) -> None:
    agency = await agency_with(database, RACES, domains=8, daily_limit=1000)
    waiting, done = list(range(RACES)), set[UUID]()
    sent, late = set[UUID](), list[UUID]()

    async def stopping() -> None:
        while waiting:
            number = waiting.pop(0)
            async with database.transaction(now=MONDAY_NOON) as db:
                await unsubscribe(db, agency, number)
            done.add(agency.lead_ids[number])

    async def sending(random: Random) -> None:
        while len(done) < RACES:
            await asyncio.sleep(random.random() * 0.01)
            if front(agency, sent) > len(done) + AHEAD:
                continue
            claimed = await claim(database, agency, limit=3)
            await asyncio.sleep(random.random() * 0.02)
            stopped = frozenset(done)
            begun = await start(database, claimed) if claimed else None
            leads = {touch.lead_id for touch in begun.touches} if begun else set[UUID]()
            sent.update(leads)
            late.extend(leads & stopped)

    senders = [sending(Random(n)) for n in range(CLAIMERS)]  # noqa: S311  # a test's pace
    await asyncio.gather(*(stopping() for _ in range(STOPPERS)), *senders)
    assert late == []
    assert 0 < len(sent) < RACES


async def test_a_touch_that_turns_up_while_a_stop_is_being_written_waits_for_it_and_is_skipped(
    database: Database,
) -> None:
    agency = await agency_with(database, 1)
    async with database.transaction(now=MONDAY_NOON) as db:
        await unsubscribe(db, agency, 0)
        async with database.transaction(now=MONDAY_NOON) as other:  # the stop could not take this one back
            await add_ready_touches(other, agency, step=2)
        claiming = asyncio.create_task(claim(database, agency))
        await asyncio.wait([claiming], timeout=0.3)
        assert not claiming.done()
    assert await claiming == []
    assert await states(database) == {"cancelled": 1, "skipped": 1}


async def test_somebody_who_objects_from_another_known_address_is_left_in_peace_at_both(database: Database) -> None:
    agency = await agency_with(database, 3)
    claimed = await claim(database, agency)
    async with database.transaction(now=MONDAY_NOON) as db:
        await read(db, events.reply(agency.touch_ids[0], address(1), "Please remove me from your list."))
    begun = await start(database, claimed)
    assert begun is not None
    assert [touch.lead_id for touch in begun.touches] == [agency.lead_ids[2]]
