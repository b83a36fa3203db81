"""An agency's touches on their way: claimed, marked as sending, taken over, and what their rows say afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agency_os.db import Database
from agency_os.domain.channels import Channel
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.touch import ClaimedTouch, TouchRepository
from agency_os.repositories.touch_delivery import Sending, TouchDeliveryRepository
from tests.factories.outreach import MONDAY_NOON, PERSON_KEY, Outreach, add_leads, add_ready_touches, make_agency

HASHES = PersonHash(PERSON_KEY)
LEASE = MONDAY_NOON + timedelta(minutes=1)
AFTER_LEASE = LEASE + timedelta(seconds=1)
UNIT_COST = Decimal("0.0014")


async def agency_with(database: Database, leads: int, **kwargs: int) -> Outreach:
    """An agency a week old, with ``leads`` leads and a ready touch for each."""
    async with database.transaction(now=MONDAY_NOON - timedelta(days=7)) as db:
        agency = await make_agency(db, **kwargs)
        await add_leads(db, agency, leads)
        await add_ready_touches(db, agency)
    return agency


async def claim(
    database: Database, agency: Outreach, limit: int = 500, now: datetime = MONDAY_NOON
) -> list[ClaimedTouch]:
    """One worker's claim."""
    async with database.transaction(now=now) as db:
        return await TouchRepository(db, HASHES).claim(
            client_id=agency.client_id, channel=Channel.EMAIL, now=now, lease_until=LEASE, limit=limit
        )


async def start(database: Database, touches: Sequence[ClaimedTouch]) -> Sending | None:
    """Mark a chunk as sending."""
    async with database.transaction(now=MONDAY_NOON) as db:
        return await TouchDeliveryRepository(db).start_sending(
            touches, provider="resend", unit_cost=UNIT_COST, now=MONDAY_NOON, lease_until=LEASE
        )


async def take_over(database: Database, wall: datetime = AFTER_LEASE) -> list[Sending]:
    """One settler's round."""
    async with database.transaction(now=MONDAY_NOON) as db:
        return await TouchDeliveryRepository(db).take_over(wall=wall, lease_until=wall + timedelta(minutes=1))


async def expire_claims(database: Database, wall: datetime = AFTER_LEASE) -> int:
    """Return claims whose lease is over."""
    async with database.transaction(now=MONDAY_NOON) as db:
        return await TouchDeliveryRepository(db).expire_claims(wall=wall, now=MONDAY_NOON)


async def rows(database: Database, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """What a query finds."""
    async with database.transaction(now=MONDAY_NOON) as db:
        return [tuple(row) for row in await db.execute(text(query), values)]


async def states(database: Database) -> dict[str, int]:
    """How many touches are in each state."""
    return dict(await rows(database, "SELECT state::text, count(*) FROM touches GROUP BY 1"))


async def ledger(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that sending writes, to be compared before and after."""
    tables = {
        "touches": "id, state::text, attempt, fence, lease_until, provider_message_id, not_before, reason, batch_id",
        "resource_usage": "id, touch_id, attempt, released_at",
        "cost_entries": "id, touch_id, key, units, reserved_aud, settled_aud, settled_at",
        "activities": "id, touch_id, action",
        "messages": "id, touch_id",
        "conversations": "id, lead_id",
        "send_batches": "id, key",
    }
    return {
        table: await rows(database, f"SELECT {columns} FROM {table} ORDER BY id")  # noqa: S608  # literals above
        for table, columns in tables.items()
    }


def provider_ids(sending: Sending) -> list[str]:
    """An id of the provider for each message."""
    return [f"provider-{touch.id}" for touch in sending.touches]


def ids(touches: Sequence[ClaimedTouch]) -> list[UUID]:
    """Their ids."""
    return [touch.id for touch in touches]
