"""Closer on a real database: any number of deliveries, in any order, end in the same state (invariant 15)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from agency_os.config import load_settings
from agency_os.db import Database
from agency_os.orchestration.tasks.reply_tasks import read_events
from agency_os.repositories.inbound_event import InboundEventRepository, NewEvent
from agency_os.repositories.touch_delivery import TouchDeliveryRepository
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.services import Services, build_services
from tests.conftest import DatabaseUrls
from tests.factories import events
from tests.factories.api import api_env
from tests.factories.outreach import MONDAY_NOON, Outreach, add_ready_touches
from tests.factories.sending import agency_with, claim, provider_ids, rows, start

ORDERS = 16
Story = Callable[[UUID, str], list[NewEvent]]


def after(minutes: int) -> Any:
    return MONDAY_NOON + timedelta(minutes=minutes)


@pytest.fixture
async def services(database_urls: DatabaseUrls, redis_url: str) -> AsyncIterator[Services]:
    services = build_services(build_infrastructure(load_settings(api_env(database_urls.app_dsn, redis_url))))
    yield services
    await services.aclose()


async def agency_that_wrote(database: Database, leads: int) -> Outreach:
    """The first message has gone to every lead, the second is ready. ``touch_ids`` are the first ones."""
    agency = await agency_with(database, leads)
    sending = await start(database, await claim(database, agency))
    assert sending is not None
    async with database.transaction(now=MONDAY_NOON) as db:
        await TouchDeliveryRepository(db).record_sent(
            sending, provider_ids(sending), provider="resend", now=MONDAY_NOON
        )
        await add_ready_touches(db, agency, step=2)
    del agency.touch_ids[leads:]
    return agency


def mails(touch: UUID, to: str) -> list[NewEvent]:
    return [events.mail_event(touch, to, kind, after(n)) for n, kind in enumerate(("sent", "delivered", "opened"), 1)]


def meeting(touch: UUID, to: str) -> list[NewEvent]:
    return [
        events.booking(touch, to, "CREATED", after(10)),
        events.booking(touch, to, "RESCHEDULED", after(20), uid="b2", replaces="b1"),
        events.booking(touch, to, "CANCELLED", after(30), uid="b2"),
    ]


def question(touch: UUID, to: str) -> NewEvent:
    return events.reply(touch, to, "Does this also work for a bakery?", after(5), number=1)


def wish(touch: UUID, to: str) -> NewEvent:
    return events.reply(touch, to, "Yes, I am interested. Let us book a meeting.", after(6), number=2)


def opt_out(touch: UUID, to: str) -> NewEvent:
    return events.reply(touch, to, "Please remove me from your list.", after(7), number=3)


def absence(touch: UUID, to: str) -> NewEvent:
    return events.reply(touch, to, "I am out of the office until 30 November 2026.", after(8), number=4)


def bounce(touch: UUID, to: str) -> NewEvent:
    return events.hard_bounce(touch, to, after(9))


def complaint(touch: UUID, to: str) -> NewEvent:
    return events.mail_event(touch, to, "complained", after(11))


STORIES: dict[str, Story] = {
    "everything": lambda t, to: [
        *mails(t, to), *meeting(t, to), question(t, to), wish(t, to), opt_out(t, to), bounce(t, to), complaint(t, to),
    ],
    "a meeting and a question": lambda t, to: [*mails(t, to), *meeting(t, to), question(t, to)],
    "a meeting and a bounce": lambda t, to: [*meeting(t, to), bounce(t, to)],
    "a wish and an opt-out": lambda t, to: [*mails(t, to), wish(t, to), opt_out(t, to)],
    "a wish and a bounce": lambda t, to: [wish(t, to), bounce(t, to)],
    "a wish and a complaint": lambda t, to: [wish(t, to), complaint(t, to), absence(t, to)],
    "an opt-out and a meeting": lambda t, to: [*meeting(t, to), opt_out(t, to)],
    "a bounce and a complaint": lambda t, to: [bounce(t, to), complaint(t, to)],
    "an absence and a question": lambda t, to: [absence(t, to), question(t, to)],
    "an absence and a meeting": lambda t, to: [absence(t, to), *meeting(t, to)],
}  # fmt: skip


async def deliver(services: Services, delivered: list[NewEvent]) -> None:
    async with services.infra.database.transaction(now=MONDAY_NOON) as db:
        await InboundEventRepository(db).add(delivered)
    counts = await read_events(services, after(40))
    assert "failed for now" not in counts


async def state_of(database: Database, agency: Outreach, number: int) -> dict[str, Any]:
    """What one lead has come to; ids, reasons and times of writing are left out."""
    lead = agency.lead_ids[number]
    queries = {
        "lead": "SELECT status::text, email_status::text, last_reply_at, meeting_booked_at FROM leads WHERE id = :lead",
        "touches": "SELECT kind::text, step, state::text FROM touches WHERE lead_id = :lead ORDER BY 1, 2",
        "consents": "SELECT withdrawn_at IS NOT NULL FROM consents WHERE lead_id = :lead",
        "holds": "SELECT DISTINCT reason, until FROM holds WHERE lead_id = :lead ORDER BY 1",
        "meetings": "SELECT split_part(provider_uid, '-', 1), status, starts_at, ends_at FROM meetings"
        " WHERE lead_id = :lead ORDER BY 1",
        "suppressed": "SELECT channel::text FROM client_suppression WHERE address_hash = :hash",
        "suppressed everywhere": "SELECT channel::text FROM global_suppression WHERE address_hash = :hash",
        "conversation": "SELECT needs_person FROM conversations WHERE lead_id = :lead",
        "activities": "SELECT action, count(*) FROM activities WHERE lead_id = :lead GROUP BY 1 ORDER BY 1",
    }
    digest = events.HASHES.of("email", address(number))
    found = {}
    for name, query in queries.items():
        values = {"hash": digest} if ":hash" in query else {"lead": lead}
        found[name] = await rows(database, query, **values)
    return found


def address(number: int) -> str:
    return f"person{number}@company{number}.example"


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
async def test_webhooks_in_any_order_and_five_times_each_end_in_the_same_state(
    services: Services, story: Story
) -> None:
    database = services.infra.database
    agency = await agency_that_wrote(database, ORDERS)
    orders = []
    for number, touch in enumerate(agency.touch_ids):
        told = story(touch, address(number))
        Random(number).shuffle(told)  # noqa: S311  # an order that repeats
        orders.append(told if number else story(touch, address(number)))
    for step in range(len(orders[0])):
        for again in range(5):
            await deliver(services, [told[max(step - again, 0)] for told in orders])
    expected = await state_of(database, agency, 0)
    for number in range(1, ORDERS):
        assert await state_of(database, agency, number) == expected, [event.kind for event in orders[number]]
    assert await rows(database, "SELECT id FROM inbound_events WHERE state <> 'processed'") == []


async def test_the_last_reply_stays_the_last_when_an_earlier_one_is_read_after_it(services: Services) -> None:
    database = services.infra.database
    agency = await agency_that_wrote(database, 1)
    touch, sender = agency.touch_ids[0], address(0)
    for received, event in (
        (after(1), events.reply(touch, sender, "Does this also work for a bakery?", after(9), number=1)),
        (after(2), events.reply(touch, sender, "And what does it cost?", after(3), number=2)),
    ):
        async with database.transaction(now=received) as db:
            await InboundEventRepository(db).add([event])
    await read_events(services, after(10))
    assert await rows(database, "SELECT last_reply_at FROM leads") == [(after(2),)]
