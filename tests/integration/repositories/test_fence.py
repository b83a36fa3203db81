"""Fences and leases: a worker that wakes late changes nothing; one settler alone goes on for it (invariant 5)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from agency_os.db import Database
from agency_os.repositories.touch_delivery import Sending, TouchDeliveryRepository
from tests.factories.outreach import MONDAY_NOON
from tests.factories.sending import (
    AFTER_LEASE,
    LEASE,
    UNIT_COST,
    agency_with,
    claim,
    expire_claims,
    ids,
    ledger,
    provider_ids,
    rows,
    start,
    states,
    take_over,
)

Late = Callable[[TouchDeliveryRepository, Sending], Awaitable[Any]]


async def sent(delivery: TouchDeliveryRepository, sending: Sending) -> Any:
    return await delivery.record_sent(sending, provider_ids(sending), provider="resend", now=MONDAY_NOON)


async def refused(delivery: TouchDeliveryRepository, sending: Sending) -> Any:
    await delivery.record_refused(sending, reason="quota", heals=True, not_before=LEASE, now=MONDAY_NOON)


async def failed(delivery: TouchDeliveryRepository, sending: Sending) -> Any:
    await delivery.record_refused(sending, reason="invalid", heals=False, not_before=LEASE, now=MONDAY_NOON)


async def split(delivery: TouchDeliveryRepository, sending: Sending) -> Any:
    return await delivery.split(
        sending, provider="resend", unit_cost=UNIT_COST, now=MONDAY_NOON, lease_until=AFTER_LEASE
    )


async def left_open(delivery: TouchDeliveryRepository, sending: Sending) -> Any:
    await delivery.leave_open(sending, lease_until=MONDAY_NOON)


async def unknown(delivery: TouchDeliveryRepository, sending: Sending) -> Any:
    await delivery.record_unknown(sending, reason="not found")


@pytest.mark.parametrize("late", [sent, refused, failed, split, left_open, unknown])
async def test_a_worker_whose_sending_was_taken_over_changes_nothing(database: Database, late: Late) -> None:
    agency = await agency_with(database, 3)
    sending = await start(database, await claim(database, agency))
    assert sending is not None
    assert len(await take_over(database)) == 1
    before = await ledger(database)
    async with database.transaction(now=MONDAY_NOON) as db:
        assert not await late(TouchDeliveryRepository(db), sending)
    assert await ledger(database) == before


async def test_a_claim_that_expired_cannot_start_sending(database: Database) -> None:
    agency = await agency_with(database, 3)
    claimed = await claim(database, agency)
    assert await expire_claims(database) == 3
    again = await claim(database, agency)
    before = await ledger(database)
    assert await start(database, claimed) is None
    assert await ledger(database) == before
    assert [touch.fence for touch in again] == [3, 3, 3]  # claimed, returned, claimed


async def test_of_a_chunk_only_what_is_still_ours_starts_sending(database: Database) -> None:
    agency = await agency_with(database, 3)
    claimed = await claim(database, agency)
    async with database.transaction(now=MONDAY_NOON) as db:
        await TouchDeliveryRepository(db).expire_claims(wall=AFTER_LEASE, now=MONDAY_NOON, limit=1)
    sending = await start(database, claimed)
    assert sending is not None
    assert ids(sending.touches) == ids(claimed)[1:]
    assert await states(database) == {"ready": 1, "sending": 2}


async def test_a_live_claim_and_a_live_sending_are_left_alone(database: Database) -> None:
    agency = await agency_with(database, 4)
    claimed = await claim(database, agency)
    await start(database, claimed[:2])
    assert await expire_claims(database, LEASE) == 0
    assert await take_over(database, LEASE) == []


async def test_an_expired_claim_gives_its_quota_back_and_takes_it_once_when_claimed_again(database: Database) -> None:
    agency = await agency_with(database, 50)
    await claim(database, agency)
    await expire_claims(database)
    used = "SELECT count(*) FROM resource_usage WHERE released_at IS NULL"
    assert await rows(database, used) == [(0,)]
    assert len(await claim(database, agency)) == 50
    assert await rows(database, used) == [(50,)]


async def test_sixteen_settlers_take_each_sending_over_once_and_whole(database: Database) -> None:
    agency = await agency_with(database, 120, domains=3)
    claimed = await claim(database, agency)
    chunks = [claimed[n : n + 10] for n in range(0, 100, 10)] + [[touch] for touch in claimed[100:]]
    begun = [await start(database, chunk) for chunk in chunks]
    taken = [each for found in await asyncio.gather(*(take_over(database) for _ in range(16))) for each in found]
    assert Counter(each.key for each in taken) == Counter(each.key for each in begun if each is not None)
    assert {each.key: ids(each.touches) for each in taken} == {each.key: ids(each.touches) for each in begun if each}


async def test_sixteen_settlers_return_each_claim_once(database: Database) -> None:
    agency = await agency_with(database, 120, domains=3)
    await claim(database, agency)
    assert sum(await asyncio.gather(*(expire_claims(database) for _ in range(16)))) == 120
    assert {fence for (fence,) in await rows(database, "SELECT fence FROM touches")} == {2}


async def test_a_settler_and_the_worker_that_wakes_up_record_one_acceptance(database: Database) -> None:
    agency = await agency_with(database, 20)
    begun = [await start(database, [touch]) for touch in await claim(database, agency)]

    async def record(sending: Sending) -> int:
        async with database.transaction(now=MONDAY_NOON) as db:
            return len(await sent(TouchDeliveryRepository(db), sending))

    async def settle() -> int:
        return sum([await record(sending) for sending in await take_over(database)])

    recorded = await asyncio.gather(settle(), *(record(each) for each in begun if each is not None), settle())
    assert sum(recorded) == 20
    assert await rows(database, "SELECT count(*) FROM activities WHERE action = 'sent'") == [(20,)]


async def test_an_attempt_rises_only_on_a_definite_refusal(database: Database) -> None:
    agency = await agency_with(database, 1)
    first = await start(database, await claim(database, agency))
    assert first is not None
    (again,) = await take_over(database)
    assert again.key == first.key
    async with database.transaction(now=MONDAY_NOON) as db:
        await refused(TouchDeliveryRepository(db), again)
    second = await start(database, await claim(database, agency, now=LEASE))
    assert second is not None
    assert (first.touches[0].attempt, second.touches[0].attempt) == (1, 2)
    assert second.key != first.key


async def test_the_fifth_refusal_is_final_and_holds_no_quota(database: Database) -> None:
    agency = await agency_with(database, 1)
    for number in range(5):
        sending = await start(database, await claim(database, agency, now=MONDAY_NOON + number * timedelta(minutes=2)))
        assert sending is not None
        async with database.transaction(now=MONDAY_NOON) as db:
            await refused(TouchDeliveryRepository(db), sending)
    assert await states(database) == {"failed": 1}
    assert await rows(database, "SELECT count(*) FROM resource_usage WHERE released_at IS NULL") == [(0,)]
