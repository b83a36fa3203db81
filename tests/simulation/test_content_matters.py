"""The world acts on the bytes it gets: without the booking link nobody books, without the header nobody uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from agency_os.engines.content import ContentEngine
from agency_os.kit.ids import new_ids
from tests.factories.outreach import add_leads, make_agency
from tests.support.world import START, World

PEOPLE = 300
_STEP = text("""
    UPDATE sequence_steps SET subject_template = 'A question', body_template = :body WHERE client_id = :client_id
""")
_PAGE = text("UPDATE clients SET booking_url = :url WHERE id = :client_id")
_PLAN = text("""
    INSERT INTO touches (id, client_id, campaign_id, lead_id, channel, sequence_step_id, step, resource_id, due_at)
    SELECT q.id, l.client_id, l.campaign_id, l.id, 'email', s.id, 1, r.id, :due
    FROM unnest(CAST(:ids AS uuid[]), CAST(:leads AS uuid[]), CAST(:resources AS uuid[]))
        AS q (id, lead_id, resource_id)
    JOIN leads AS l ON l.id = q.lead_id
    JOIN sequence_steps AS s ON s.campaign_id = l.campaign_id AND s.step = 1
    JOIN resources AS r ON r.id = q.resource_id
""")
WITH_LINK = "Hi {{ first_name }}, more enquiries from Google without more ad spend? Pick a time: {{ booking_link }}"
WITHOUT_LINK = "Hi {{ first_name }}, more enquiries from Google without more ad spend? Write back if you like."


class WithoutHeader(ContentEngine):
    """Writes messages that lack the headers of RFC 8058."""

    def payload(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The message without them."""
        written = super().payload(row)
        return {**written, "headers": {k: v for k, v in written["headers"].items() if "Unsubscribe" not in k}}


async def live(world: World, body: str) -> dict[str, int]:
    """Send one message to everybody, let ten days pass, and count what people did."""
    await world.move(hours=2)
    now = await world.now()
    infra = world.services.infra
    async with infra.database.transaction(now=now - timedelta(days=7)) as db:
        agency = await make_agency(db, domains=6)
        leads = await add_leads(db, agency, PEOPLE)
        await db.execute(_STEP, {"body": body, "client_id": agency.client_id})
        await db.execute(_PAGE, {"url": f"{world.sandbox_url}/cal/book/ann", "client_id": agency.client_id})
        resources = [agency.resource_ids[n % 6] for n in range(PEOPLE)]
        await db.execute(_PLAN, {"ids": new_ids(PEOPLE), "leads": leads, "resources": resources, "due": now})
    await world.send()
    for _ in range(10):
        await world.move(days=1)
    found = await world.control.world()
    return dict(found["happenings"])


@pytest.fixture
def only_first_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """No automatic answer, whose link would bring bookings of its own."""
    from agency_os.repositories.conversation import ConversationRepository

    async def none(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(ConversationRepository, "plan_answer", none)


@pytest.mark.usefixtures("only_first_messages")
async def test_with_link_and_header_people_book_and_unsubscribe(world: World) -> None:
    done = await live(world, WITH_LINK)
    assert done["booked"] > 0
    assert done["unsubscribed"] > 0


@pytest.mark.usefixtures("only_first_messages")
async def test_without_the_link_nobody_books(world: World) -> None:
    done = await live(world, WITHOUT_LINK)
    assert done.get("booked", 0) == 0
    assert done["unsubscribed"] > 0
    async with world.services.infra.database.transaction(now=START) as db:
        assert await db.scalar(text("SELECT count(*) FROM meetings")) == 0


@pytest.mark.usefixtures("only_first_messages")
async def test_without_the_header_nobody_unsubscribes_by_it(world: World) -> None:
    infra = world.services.infra
    settings = infra.settings
    engine = WithoutHeader(infra.tokens, settings.runtime.public_url, settings.mail.reply_domain)
    world.services = replace(world.services, content=engine)
    done = await live(world, WITH_LINK)
    assert done.get("unsubscribed", 0) == 0
    assert done["booked"] > 0
