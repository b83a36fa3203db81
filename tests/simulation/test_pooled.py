"""API and workers behind a real PgBouncer in transaction mode, sixteen of each at once on five connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from agency_os.db import Database
from agency_os.orchestration.ticks import TickReport, outreach_tick
from tests.conftest import DatabaseUrls
from tests.factories.identity import make_account, make_key
from tests.factories.outreach import MONDAY_NOON, Outreach, add_leads, add_ready_touches, make_agency
from tests.support.pooler import pooled
from tests.support.world import World, simulated_world

pytestmark = [pytest.mark.needs("pgbouncer"), pytest.mark.timeout(300)]

AT_ONCE = 16
LEADS = 10
ROUNDS = 8


@pytest.fixture
async def world(tmp_path: Path, database_urls: DatabaseUrls, redis_url: str) -> AsyncIterator[World]:
    """A world whose every process of ours reaches the database by way of the pooler."""
    async with (
        pooled(database_urls.app_dsn, tmp_path, connections=5) as dsn,
        simulated_world(tmp_path, app_dsn=dsn, redis_url=redis_url) as made,
    ):
        yield made


@pytest.fixture
async def agencies(database_urls: DatabaseUrls) -> dict[str, Outreach]:
    """Sixteen clients with messages that are due, by the secret of a key of each."""
    database, owner = Database.connect(database_urls.app_dsn), await asyncpg.connect(database_urls.owner_dsn)
    user_id = await make_account(owner, "ann@agency.example")
    found: dict[str, Outreach] = {}
    for _ in range(AT_ONCE):
        async with database.transaction(now=MONDAY_NOON - timedelta(days=3)) as db:
            agency = await make_agency(db)
            await add_leads(db, agency, LEADS)
            await add_ready_touches(db, agency)
        found[await make_key(owner, agency.client_id, user_id, "campaigns:write", "campaigns:read")] = agency
    await database.close()
    await owner.close()
    return found


async def use(world: World, secret: str, agency: Outreach) -> list[int]:
    """A program that makes campaigns and reads them back; the answers' statuses."""
    url = f"{world.api_url}/api/v1/clients/{agency.client_id}/campaigns"
    statuses = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session:
        for number in range(ROUNDS):
            async with session.post(url, json={"name": f"{agency.client_id} {number}"}) as made:
                statuses.append(made.status)
            async with session.get(url, params={"limit": "200"}) as listed:
                statuses.append(listed.status)
                names = {each["name"] for each in (await listed.json())["items"]}
            own = {f"{agency.client_id} {n}" for n in range(number + 1)}
            assert {name for name in names if " " in name and "-" in name} == own
    return statuses


async def tick(world: World) -> TickReport:
    return await outreach_tick(world.services)


async def test_sixteen_programs_and_sixteen_workers_at_once_neither_fail_nor_meet(
    world: World, agencies: dict[str, Outreach], database_urls: DatabaseUrls
) -> None:
    await world.control.move_to(MONDAY_NOON)
    answers, reports = await asyncio.gather(
        asyncio.gather(*(use(world, secret, agency) for secret, agency in agencies.items())),
        asyncio.gather(*(tick(world) for _ in range(AT_ONCE))),
    )
    assert {status for each in answers for status in each} == {200, 201}
    assert [report.failures for report in reports if report.failures] == []
    await world.send()
    owner = await asyncpg.connect(database_urls.owner_dsn)
    states = await owner.fetch("SELECT state, count(*) FROM touches GROUP BY state")
    actors = await owner.fetch(
        "SELECT count(DISTINCT client_id) AS clients, count(DISTINCT actor) AS actors FROM audit_logs "
        "WHERE table_name = 'campaigns' AND actor LIKE 'api_key:%'"
    )
    await owner.close()
    assert {row["state"]: row["count"] for row in states} == {"sent": AT_ONCE * LEADS}
    assert [tuple(row) for row in actors] == [(AT_ONCE, AT_ONCE)]
    assert (await world.agreement()).differences == ()
