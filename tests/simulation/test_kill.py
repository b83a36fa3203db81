"""`kill -9` of a real worker at every dangerous instant: each message is accepted once, and the books agree."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from agency_os.engines.email import EmailEngine
from tests.factories.waiting import waiting_touches
from tests.support.world import World

WORKER = Path(__file__).parents[1] / "support" / "kill_worker.py"
ROUNDS = 10
PEOPLE = 3


async def killed_at(world: World, point: str) -> None:
    """Start a worker, wait until it says that it is at ``point``, and kill it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), point, env={**world.env, "PYTHONPATH": str(WORKER.parents[2])},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    if line != b"reached\n":
        _, said = await process.communicate()
        pytest.fail(said.decode(errors="replace")[-2000:])
    if point == "mid_request":
        await asyncio.sleep(0.4)  # the request lies at the provider, which takes a second
    os.kill(process.pid, signal.SIGKILL)
    await process.communicate()


async def states(world: World) -> dict[str, int]:
    async with world.services.infra.database.transaction(now=await world.now()) as db:
        return dict((await db.execute(text("SELECT state::text, count(*) FROM touches GROUP BY 1"))).all())


@pytest.mark.parametrize("point", ["after_claim", "mid_request", "before_record"])
async def test_a_worker_killed_ten_times_sends_nobody_anything_twice(world: World, point: str) -> None:
    await world.move(hours=3)
    if point == "mid_request":
        await world.faults({"provider": "resend", "operation": "*", "kind": "slow", "seconds": 1.0})
    for number in range(ROUNDS):
        await waiting_touches(world.services.infra.database, await world.now(), PEOPLE, name=f"{point}{number}")
        await killed_at(world, point)
        await asyncio.sleep(1.1)  # the dead worker's lease
        await world.send()
    agreement = await world.agreement()
    assert agreement.differences == ()
    assert await states(world) == {"sent": ROUNDS * PEOPLE}


@pytest.mark.parametrize("kind", ["accepted_then_timeout", "accepted_then_500"])
async def test_an_answer_that_was_lost_is_asked_for_under_the_same_key(world: World, kind: str) -> None:
    await world.move(hours=3)
    await waiting_touches(world.services.infra.database, await world.now(), 5, name="lost")
    await world.faults({"provider": "resend", "operation": "emails.batch", "kind": kind, "nth": 1, "seconds": 0.2})
    first = await world.send()
    assert first.counts["left open"] == 5
    again = await world.send()
    assert again.counts["sendings settled"] == 5
    assert (await world.agreement()).differences == ()
    assert await states(world) == {"sent": 5}


async def test_a_key_is_not_used_again_in_the_last_hour_of_its_window(world: World) -> None:
    await world.move(hours=3)
    await waiting_touches(world.services.infra.database, await world.now(), 4, name="late")
    await world.faults({"provider": "resend", "operation": "emails.batch", "kind": "accepted_then_500", "nth": 1})
    await world.send()
    await world.move(hours=23, minutes=30)
    await world.send()
    rows = [row for row in await world.control.oracle() if row["operation"] == "emails.batch"]
    assert len({row["request_id"] for row in rows}) == 1
    assert await states(world) == {"sent": 4}  # found by looking it up


async def test_what_cannot_be_found_is_unknown_and_never_sent_again(world: World) -> None:
    await world.move(hours=3)
    await waiting_touches(world.services.infra.database, await world.now(), 2, name="gone")
    await world.faults({"provider": "resend", "operation": "emails.batch", "kind": "500", "nth": 1})
    await world.send()
    await world.move(hours=23, minutes=30)
    await world.send()
    await world.send()
    assert await states(world) == {"unknown": 2}
    assert (await world.agreement()).differences == ()


async def test_a_lead_who_said_no_meanwhile_gets_no_repeat(world: World) -> None:
    await world.move(hours=3)
    agency = await waiting_touches(world.services.infra.database, await world.now(), 2, name="no")
    await world.faults({"provider": "resend", "operation": "emails.batch", "kind": "500", "nth": 1})
    await world.send()
    now = await world.now()
    async with world.services.infra.database.transaction(now=now) as db:
        await world.services.closer.unsubscribe(db, agency.touch_ids[0], now=now)
    await world.send()
    accepted = [row for row in await world.control.oracle() if row["accepted"] and row["touch"]]
    assert accepted == []


def test_the_lease_is_longer_than_a_call_may_take() -> None:
    from agency_os.engines import email
    from agency_os.kit.http import Timeouts

    assert email.LEASE.total_seconds() >= 1.5 * Timeouts().total
    assert EmailEngine.channel == "email"
