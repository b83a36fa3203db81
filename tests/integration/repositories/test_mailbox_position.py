"""A mailbox's position: stored with what was read, moved by one reader only, and never into another tenant."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from agency_os.db import Database
from agency_os.domain.mailbox import MailboxPosition
from agency_os.repositories.mailbox_position import MailboxPositionRepository
from tests.factories.outreach import MONDAY_NOON, Outreach, make_agency

WALL = datetime(2026, 1, 1, tzinfo=UTC)
BEGUN = MailboxPosition(2**32 - 1, 2**32 - 2, WALL)


@pytest.fixture
async def agency(database: Database) -> Outreach:
    async with database.transaction(now=MONDAY_NOON) as db:
        return await make_agency(db)


async def get(database: Database, agency: Outreach) -> MailboxPosition | None:
    async with database.transaction(now=MONDAY_NOON) as db:
        return await MailboxPositionRepository(db).get(agency.client_id, agency.resource_ids[0])


async def move(database: Database, agency: Outreach, before: MailboxPosition | None, after: MailboxPosition) -> bool:
    async with database.transaction(now=MONDAY_NOON) as db:
        repository = MailboxPositionRepository(db)
        return await repository.move(agency.client_id, agency.resource_ids[0], before=before, after=after)


async def test_a_position_is_begun_and_moved(database: Database, agency: Outreach) -> None:
    assert await get(database, agency) is None
    assert await move(database, agency, None, BEGUN)
    assert await get(database, agency) == BEGUN
    anew = MailboxPosition(5, 0, WALL + timedelta(minutes=1), WALL)
    assert await move(database, agency, BEGUN, anew)
    assert await get(database, agency) == anew


async def test_only_one_of_many_readers_moves_it(database: Database, agency: Outreach) -> None:
    begun = await asyncio.gather(*(move(database, agency, None, BEGUN) for _ in range(8)))
    assert begun.count(True) == 1
    afters = [replace(BEGUN, last_uid=number, caught_up_at=WALL + timedelta(seconds=number)) for number in range(8)]
    moved = await asyncio.gather(*(move(database, agency, BEGUN, after) for after in afters))
    assert moved.count(True) == 1
    assert await get(database, agency) == afters[moved.index(True)]
    assert not await move(database, agency, BEGUN, afters[0])


async def test_it_belongs_to_a_sender_of_the_client(database: Database, agency: Outreach) -> None:
    async with database.transaction(now=MONDAY_NOON) as db:
        other = await make_agency(db)
    assert await move(database, agency, None, BEGUN)
    stranger = replace(agency, client_id=other.client_id)
    assert await get(database, stranger) is None
    assert not await move(database, stranger, BEGUN, replace(BEGUN, last_uid=1))
    with pytest.raises(IntegrityError):
        await move(database, replace(other, client_id=agency.client_id), None, BEGUN)
    assert await get(database, agency) == BEGUN
