"""Freezing on a real database: fixed once, lawful, threaded, and pinned by whoever approved it (invariants 3, 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from agency_os.db import Database
from agency_os.domain.channels import Channel
from agency_os.domain.touch import payload_hash
from agency_os.engines.content import ContentEngine, Frozen
from agency_os.repositories.touch_delivery import TouchDeliveryRepository
from agency_os.repositories.touch_planning import PlannedTouch, TouchPlanningRepository
from tests.conftest import DatabaseUrls
from tests.factories.events import TOKENS
from tests.factories.outreach import BEFORE, MONDAY_NOON, Outreach, add_leads, make_agency
from tests.factories.sending import claim, provider_ids, rows, start, states

ENGINE = ContentEngine(TOKENS, "https://api.agency.example", "reply.example")


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database.connect(database_urls.app_dsn)
    yield database
    await database.close()


async def planned(database: Database, *steps: int) -> Outreach:
    """One lead with these steps due."""
    async with database.transaction(now=BEFORE) as db:
        agency = await make_agency(db)
        (lead,) = await add_leads(db, agency, 1)
        touches = [
            PlannedTouch(agency.campaign_id, lead, Channel.EMAIL, agency.step_ids[step - 1], step,
                         agency.resource_ids[0], MONDAY_NOON - timedelta(hours=1))
            for step in steps
        ]  # fmt: skip
        await TouchPlanningRepository(db).plan(agency.client_id, touches)
    return agency


async def freeze(database: Database, agency: Outreach) -> Frozen:
    async with database.transaction(now=MONDAY_NOON) as db:
        return await ENGINE.freeze_due(db, client_id=agency.client_id, now=MONDAY_NOON)


async def change(database: Database, statement: str) -> None:
    async with database.transaction(now=MONDAY_NOON) as db:
        await db.execute(text(statement))


async def message(database: Database, step: int = 1) -> dict[str, Any]:
    found = await rows(database, "SELECT payload FROM touches WHERE step = :step", step=step)
    return dict(found[0][0])


async def send_first(database: Database, agency: Outreach) -> None:
    await freeze(database, agency)
    sending = await start(database, await claim(database, agency))
    assert sending is not None
    async with database.transaction(now=MONDAY_NOON) as db:
        delivery = TouchDeliveryRepository(db)
        await delivery.record_sent(sending, provider_ids(sending), provider="resend", now=MONDAY_NOON)


async def test_a_frozen_message_names_its_sender_and_can_be_unsubscribed_from_by_one_click(database: Database) -> None:
    agency = await planned(database, 1)
    await freeze(database, agency)
    frozen = await message(database)
    link = frozen["headers"]["List-Unsubscribe"].strip("<>")
    touch = TOKENS.read(link.rpartition("/")[2], "unsubscribe")
    assert await rows(database, "SELECT id FROM touches") == [(touch,)]
    assert frozen["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link.startswith("https://")
    assert all(part in frozen["text"] for part in (link, "Harbour Marketing", "1 Example Street, Sydney NSW 2000"))


async def test_the_hash_is_of_the_bytes_that_are_stored(database: Database) -> None:
    agency = await planned(database, 1)
    await freeze(database, agency)
    ((stored, digest),) = await rows(database, "SELECT payload, payload_hash FROM touches")
    assert digest == payload_hash(stored)


async def test_what_is_frozen_stays_as_it_is_when_the_template_changes(database: Database) -> None:
    agency = await planned(database, 1)
    await freeze(database, agency)
    before = await message(database)
    await change(database, "UPDATE sequence_steps SET body_template = 'Something else'")
    assert (await freeze(database, agency)).ready == 0
    assert await message(database) == before


async def test_a_follow_up_waits_for_the_message_id_that_it_answers(database: Database) -> None:
    agency = await planned(database, 1, 2)
    await send_first(database, agency)
    await change(database, "UPDATE touches SET due_at = app.now() WHERE step = 2")
    assert (await freeze(database, agency)).ready == 0
    await change(database, "UPDATE touches SET rfc_message_id = '<first@mail.example>' WHERE step = 1")
    assert (await freeze(database, agency)).ready == 1
    assert (await message(database, 2))["headers"]["In-Reply-To"] == "<first@mail.example>"


async def test_nothing_goes_out_that_nobody_approved_nor_other_bytes_than_were_approved(database: Database) -> None:
    agency = await planned(database, 1)
    await change(database, "UPDATE campaigns SET permission_mode = 'manual'")
    assert (await freeze(database, agency)).awaiting_approval == 1
    await change(database, "UPDATE touches SET state = 'ready', approved_hash = 'of other bytes'")
    assert await claim(database, agency) == []
    assert await states(database) == {"awaiting_approval": 1}
    await change(database, "UPDATE touches SET state = 'ready', approved_hash = payload_hash")
    assert len(await claim(database, agency)) == 1


async def test_a_lead_whose_address_changed_gets_a_message_written_anew(database: Database) -> None:
    agency = await planned(database, 1)
    await freeze(database, agency)
    await change(database, "UPDATE leads SET email = 'new@company0.example'")
    assert await claim(database, agency) == []
    assert (await freeze(database, agency)).ready == 1
    assert [touch.payload["to"] for touch in await claim(database, agency)] == ["new@company0.example"]


async def test_without_a_postal_address_of_the_agency_nothing_is_written(database: Database) -> None:
    agency = await planned(database, 1)
    await change(database, "UPDATE clients SET postal_address = NULL")
    assert (await freeze(database, agency)).waiting == 1
    assert await states(database) == {"planned": 1}
