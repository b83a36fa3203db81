"""Invariant 15: a webhook is acknowledged only after its row is committed; many deliveries end in one row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random
from typing import Any

import asyncpg
import httpx
import pytest

from agency_os.api.intake import Intake
from agency_os.db import Database
from agency_os.exceptions import UnavailableError
from agency_os.repositories.inbound_event import NewEvent
from agency_os.wiring.web import Web
from tests.conftest import DatabaseUrls
from tests.factories.api import (
    PrefectStandIn,
    api_settings,
    booking,
    cal_com_headers,
    delivered,
    inbound_mail,
    make_web,
    postmark_headers,
    resend_headers,
    serving,
)
from tests.factories.outreach import MONDAY_NOON

EVENT = NewEvent("resend", "msg_1", "email.delivered", b"{}", MONDAY_NOON)


@pytest.fixture
async def owner(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    yield connection
    await connection.close()


async def post_resend(client: httpx.AsyncClient, event_id: str = "msg_1", email: str = "e1") -> httpx.Response:
    body = delivered(email)
    return await client.post("/webhooks/resend", content=body, headers=resend_headers(body, event_id))


async def stored(owner: asyncpg.Connection) -> list[tuple[Any, ...]]:
    rows = await owner.fetch("SELECT provider, event_id, kind, state FROM inbound_events ORDER BY provider, event_id")
    return [tuple(row) for row in rows]


async def test_an_event_of_each_provider_is_a_row(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    answers = [
        await post_resend(client),
        await client.post("/webhooks/postmark", content=inbound_mail(), headers=postmark_headers()),
        await client.post("/webhooks/cal-com", content=booking(), headers=cal_com_headers(booking())),
    ]
    assert [each.status_code for each in answers] == [200] * 3
    assert await stored(owner) == [
        ("cal_com", "BOOKING_CREATED:b1:2026-11-23T01:58:00.000Z", "BOOKING_CREATED", "received"),
        ("postmark", "inbound:m1", "inbound", "received"),
        ("resend", "msg_1", "email.delivered", "received"),
    ]


async def test_the_bytes_and_both_times_are_kept(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    await post_resend(client)
    row = await owner.fetchrow("SELECT body, occurred_at, received_at FROM inbound_events")
    assert (row["body"], row["received_at"]) == (delivered(), MONDAY_NOON)
    assert row["occurred_at"].minute == 59


async def test_nothing_is_acknowledged_before_its_commit(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    lock = owner.transaction()
    await lock.start()
    await owner.execute("LOCK TABLE inbound_events IN EXCLUSIVE MODE")
    request = asyncio.create_task(post_resend(client))
    done, _ = await asyncio.wait([request], timeout=0.5)
    assert not done
    await lock.rollback()
    assert (await request).status_code == 200


async def test_prefect_is_nudged_once_the_row_can_be_seen(
    client: httpx.AsyncClient, owner: asyncpg.Connection, prefect: PrefectStandIn
) -> None:
    seen: asyncio.Queue[list[tuple[Any, ...]]] = asyncio.Queue()

    async def look() -> None:
        seen.put_nowait(await stored(owner))

    prefect.on_nudge = look
    await post_resend(client)
    assert len(await asyncio.wait_for(seen.get(), 10)) == 1


async def test_a_dead_prefect_costs_no_webhook(
    client: httpx.AsyncClient, owner: asyncpg.Connection, prefect: PrefectStandIn
) -> None:
    async def die() -> None:
        raise UnavailableError("Prefect is away")

    prefect.on_nudge = die
    assert (await post_resend(client)).status_code == 200
    assert len(await stored(owner)) == 1


async def test_five_deliveries_of_each_in_any_order_are_one_row_each(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    deliveries = [number for number in range(20) for _ in range(5)]
    Random(7).shuffle(deliveries)  # noqa: S311  # an order that repeats
    answers = await asyncio.gather(*(post_resend(client, f"msg_{number}", f"e{number}") for number in deliveries))
    assert {each.status_code for each in answers} == {200}
    assert len(await stored(owner)) == 20


async def test_a_later_delivery_changes_nothing(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    await post_resend(client)
    await owner.execute("UPDATE inbound_events SET state = 'processed', outcome = 'delivered'")
    again = await post_resend(client)
    assert (again.status_code, await stored(owner)) == (200, [("resend", "msg_1", "email.delivered", "processed")])


async def test_thousands_at_once_share_few_transactions(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    answers = await asyncio.gather(*(post_resend(client, f"msg_{n}", f"e{n}") for n in range(1000)))
    assert {each.status_code for each in answers} == {200}
    transactions = await owner.fetchval("SELECT count(DISTINCT xmin::text) FROM inbound_events")
    assert await owner.fetchval("SELECT count(*) FROM inbound_events") == 1000
    assert transactions <= 100


async def test_a_stranger_leaves_no_row(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    answers = [
        await client.post("/webhooks/resend", content=delivered(), headers=resend_headers(b"other")),
        await client.post("/webhooks/postmark", content=inbound_mail(), headers=postmark_headers(password="guess")),
        await client.post("/webhooks/cal-com", content=booking(), headers=cal_com_headers(b"other")),
    ]
    assert [each.status_code for each in answers] == [401] * 3
    assert await stored(owner) == []


async def test_a_database_that_is_away_is_503_so_that_the_provider_comes_again() -> None:
    async with serving(make_web(api_settings())) as client:
        found = await post_resend(client)
    assert (found.status_code, found.json()["code"]) == (503, "unavailable")
    assert found.headers["retry-after"] == "5"
    assert "127.0.0.1" not in found.text


async def test_a_database_that_hangs_is_told_within_the_time_limit(
    database: Database, owner: asyncpg.Connection
) -> None:
    intake = Intake(database, seconds=0.3)
    async with owner.transaction():
        await owner.execute("LOCK TABLE inbound_events IN EXCLUSIVE MODE")
        with pytest.raises(UnavailableError, match=r"longer than 0\.3 s"):
            await asyncio.wait_for(intake.store(EVENT, now=MONDAY_NOON), 3)
    await intake.store(EVENT, now=MONDAY_NOON)
    assert len(await stored(owner)) == 1


async def test_one_event_that_cannot_be_stored_takes_no_other_with_it(
    database: Database, owner: asyncpg.Connection
) -> None:
    intake = Intake(database)
    events = [replace(EVENT, event_id=f"msg_{n}", kind="\x00" if n == 3 else "email.sent") for n in range(8)]
    results = await asyncio.gather(*(intake.store(each, now=MONDAY_NOON) for each in events), return_exceptions=True)
    assert [n for n, result in enumerate(results) if result is not None] == [3]
    assert len(await stored(owner)) == 7


async def test_large_bodies_do_not_pile_up_in_one_statement(
    database: Database, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agency_os.api.intake.MOST_BYTES", 1000)
    intake = Intake(database)
    events = [replace(EVENT, event_id=f"msg_{n}", body=b"x" * 600) for n in range(6)]
    await asyncio.gather(*(intake.store(each, now=MONDAY_NOON) for each in events))
    assert await owner.fetchval("SELECT count(DISTINCT xmin::text) FROM inbound_events") == 6


async def test_a_sender_that_hangs_up_leaves_the_others_be(database: Database, owner: asyncpg.Connection) -> None:
    intake = Intake(database)
    waiting = [
        asyncio.create_task(intake.store(replace(EVENT, event_id=f"msg_{n}"), now=MONDAY_NOON)) for n in range(3)
    ]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting[1:])
    assert len(await stored(owner)) == 3


async def test_the_application_ends_only_after_what_waits_is_written(web: Web, owner: asyncpg.Connection) -> None:
    lock = owner.transaction()
    await lock.start()
    await owner.execute("LOCK TABLE inbound_events IN EXCLUSIVE MODE")
    server = serving(web)
    client = await server.__aenter__()
    request = asyncio.create_task(post_resend(client))
    await asyncio.sleep(0.2)
    ending = asyncio.create_task(server.__aexit__(None, None, None))
    done, _ = await asyncio.wait([ending], timeout=0.5)
    assert not done
    await lock.rollback()
    await ending
    assert (await request).status_code == 200
