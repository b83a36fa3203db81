"""Billing on a real database: what Stripe says of a subscription, in any order, ends in the same state."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from agency_os.config import load_settings
from agency_os.domain.subscription import Ability, SubscriptionStatus, allows
from agency_os.domain.tiers import Tier
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.stripe import Checkout, StripeClient
from agency_os.kit.clock import FakeWallClock, FixedClock
from agency_os.kit.retry import RateLimit
from agency_os.orchestration.tasks.reply_tasks import read_events
from agency_os.repositories.client import ClientRepository
from agency_os.repositories.inbound_event import InboundEventRepository, NewEvent
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.services import Services, build_services
from agency_os.wiring.web import build_web
from agency_os_sandbox.app import Options, Sandbox
from agency_os_sandbox.providers.stripe_life import fails, mends, pays
from tests.conftest import DatabaseUrls
from tests.factories.api import api_env, serving
from tests.factories.outreach import MONDAY_NOON
from tests.factories.sandbox import MONDAY_NINE, SECRETS, SEED
from tests.support.wire import InProcess

ORDERS = 12
START = int(MONDAY_NOON.timestamp())
DAY = 86_400
SECRET = "whsec_billing"


@pytest.fixture
async def services(database_urls: DatabaseUrls, redis_url: str) -> AsyncIterator[Services]:
    services = build_services(build_infrastructure(load_settings(api_env(database_urls.app_dsn, redis_url))))
    yield services
    await services.aclose()


@pytest.fixture
async def client_id(services: Services) -> UUID:
    return await make_client(services)


async def make_client(services: Services, name: str = "Harbour") -> UUID:
    async with services.infra.database.transaction(now=MONDAY_NOON) as db:
        return await ClientRepository(db).create(tier=Tier.IGNITION, now=MONDAY_NOON, name=name)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def event(kind: str, about: dict[str, Any], after: int, previous: dict[str, Any] | None = None) -> NewEvent:
    """An event made ``after`` seconds."""
    data = {"object": about} if previous is None else {"object": about, "previous_attributes": previous}
    body = {"object": "event", "type": kind, "created": START + after, "data": data}
    digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()[:24]
    content = json.dumps({"id": f"evt_{digest}", **body}).encode()
    return NewEvent("stripe", f"evt_{digest}", kind, content, at(after))


def subscription(status: str, *, number: int = 1, made: int = 0, month: int = 0, **fields: Any) -> dict[str, Any]:
    period = {"current_period_start": START + made + month * 30 * DAY}
    period["current_period_end"] = period["current_period_start"] + 30 * DAY
    return {
        "id": f"sub_{number}", "object": "subscription", "customer": "cus_1", "status": status,
        "created": START + made, "items": {"data": [period]}, "metadata": {}, **fields,
    }  # fmt: skip


def changed(status: str, after: int, was: str | None = None, **fields: Any) -> NewEvent:
    previous = None if was is None else {"status": was}
    return event("customer.subscription.updated", subscription(status, **fields), after, previous)


def created(status: str, **fields: Any) -> NewEvent:
    return event("customer.subscription.created", subscription(status, **fields), fields.get("made", 0))


def ended(after: int, **fields: Any) -> NewEvent:
    return event("customer.subscription.deleted", subscription("canceled", ended_at=START + after, **fields), after)


def checkout(client_id: object, after: int = 1) -> NewEvent:
    session = {"customer": "cus_1", "subscription": "sub_1", "metadata": {"client_id": str(client_id)}}
    return event("checkout.session.completed", session, after)


def invoice(kind: str, after: int) -> NewEvent:
    details = {"subscription_details": {"subscription": "sub_1", "metadata": {}}}
    return event(f"invoice.{kind}", {"id": "in_1", "customer": "cus_1", "parent": details}, after)


BEGUN = [created("incomplete"), changed("active", 0, "incomplete"), invoice("paid", 0)]
FAILED = [invoice("payment_failed", 30 * DAY), changed("past_due", 30 * DAY, "active", month=1)]
STORIES: dict[str, tuple[list[NewEvent], str, str, int | None]] = {
    "begun": (BEGUN, "active", "sub_1", 0),
    "failed": ([*BEGUN, *FAILED], "past_due", "sub_1", 1),
    "mended": ([*BEGUN, *FAILED, changed("active", 33 * DAY, "past_due", month=1)], "active", "sub_1", 1),
    "unpaid": ([*BEGUN, *FAILED, changed("unpaid", 40 * DAY, "past_due", month=1)], "past_due", "sub_1", 1),
    "paused": ([created("trialing"), changed("paused", 14 * DAY, "trialing")], "paused", "sub_1", 0),
    "ended": ([*BEGUN, *FAILED, ended(40 * DAY, month=1), invoice("paid", 41 * DAY)], "cancelled", "sub_1", 1),
    "ended, and a late word": ([*BEGUN, ended(5 * DAY), changed("active", 6 * DAY)], "cancelled", "sub_1", 0),
    "two words in one second": ([*BEGUN, changed("active", 9), changed("past_due", 9, "active")],
                                "past_due", "sub_1", 0),
    "another one after the end": ([*BEGUN, ended(5 * DAY), created("active", number=2, made=9 * DAY)],
                                  "active", "sub_2", None),
    "another one before the end": ([*BEGUN, created("active", number=2, made=4 * DAY), ended(5 * DAY)],
                                   "active", "sub_2", None),
    "another one that never began": (
        [*BEGUN, created("incomplete", number=2, made=9 * DAY),
         changed("incomplete_expired", 10 * DAY, "incomplete", number=2, made=9 * DAY)],
        "active", "sub_1", 0,
    ),
    "never begun": ([created("incomplete"), changed("incomplete_expired", DAY, "incomplete")], "trialing", "", None),
}  # fmt: skip


async def deliver(services: Services, *events: NewEvent) -> None:
    """Take in and read one after the other."""
    for each in events:
        async with services.infra.database.transaction(now=MONDAY_NOON) as db:
            await InboundEventRepository(db).add([each])
        while (counts := await read_events(services, MONDAY_NOON)) != {"remaining": 0}:
            assert "failed for now" not in counts


async def rows(services: Services, query: str, **values: Any) -> list[Any]:
    async with services.infra.database.transaction(now=MONDAY_NOON) as db:
        return list(await db.execute(text(query), values))


async def state_of(services: Services, client_id: UUID) -> Any:
    (row,) = await rows(
        services,
        "SELECT subscription_status::text AS status, stripe_customer_id AS customer, stripe_subscription_id AS"
        " subscription, subscription_period_start AS start, subscription_period_end AS until, cancelled_at,"
        " subscription_version AS version FROM clients WHERE id = :id",
        id=client_id,
    )
    return row


def anew(events: list[NewEvent], number: int) -> list[NewEvent]:
    """The same story of another customer."""
    renamed = ((b"evt_", b"evt_%d_" % number), (b"cus_", b"cus_%d_" % number), (b"sub_", b"sub_%d_" % number))
    found = []
    for each in events:
        body = each.body
        for old, new in renamed:
            body = body.replace(old, new)
        found.append(NewEvent(each.provider, json.loads(body)["id"], each.kind, body, each.occurred_at))
    return found


@pytest.mark.parametrize("story", STORIES)
async def test_any_order_ends_in_the_same_state(services: Services, story: str) -> None:
    told, status, subscription_id, month = STORIES[story]
    random, seen = Random(story), set()  # noqa: S311  # an order, nothing secret
    for number in range(ORDERS):
        client_id = await make_client(services)
        events = anew([*told, checkout(client_id)], number)
        order = events if number == 0 else random.sample(events, len(events))
        await deliver(services, *order, order[0])
        row = await state_of(services, client_id)
        names = [str(each).replace(f"_{number}_", "_") for each in (row.customer, row.subscription)]
        seen.add((row.status, *names, row.start, row.until, row.cancelled_at))
    ((found, customer, subscribed, start, until, cancelled_at),) = seen
    assert (found, customer, subscribed) == (status, "cus_1", subscription_id or "None")
    assert (cancelled_at is not None) == (status == "cancelled")
    if month is not None:
        assert (start, until) == (at(month * 30 * DAY), at((month + 1) * 30 * DAY))


async def test_an_end_closes_the_gates_and_leaves_thirty_days_to_read(services: Services, client_id: UUID) -> None:
    await deliver(services, checkout(client_id), *BEGUN, ended(5 * DAY))
    row = await state_of(services, client_id)
    status = SubscriptionStatus(row.status)
    assert row.cancelled_at == at(5 * DAY)
    for days, ability, expected in ((6, Ability.SEND, False), (34, Ability.READ, True), (36, Ability.READ, False)):
        assert allows(status, ability, now=at(days * DAY), cancelled_at=row.cancelled_at) is expected


async def test_the_trail_tells_of_every_change(services: Services, client_id: UUID) -> None:
    await deliver(services, checkout(client_id), *BEGUN, *FAILED, FAILED[1])
    found = await rows(
        services,
        "SELECT l.actor, l.fields, v.values ->> 'subscription_status' AS status FROM audit_logs AS l"
        " JOIN audit_values AS v ON v.audit_id = l.id WHERE l.row_id = :id AND l.verb = 'update' ORDER BY l.id",
        id=client_id,
    )
    assert [row.status for row in found if "subscription_status" in row.fields] == ["active", "past_due"]
    assert {row.actor for row in found} == {"service_role"}


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (invoice("paid", 0), "invoice_paid"),
        (created("active"), "subscription"),
        (checkout("a friend"), "checkout"),
        (checkout(UUID(int=9)), "checkout"),
        (NewEvent("stripe", "evt_x", "customer.subscription.updated", b'{"id": "evt_x", "type": "customer.subscription.'
                  b'updated", "created": 1, "data": {"object": {}}}', MONDAY_NOON), "unreadable: "),
    ],
    ids=["an invoice", "a subscription", "no reference", "an unknown reference", "unreadable"],
)  # fmt: skip
async def test_what_names_no_client_waits_for_a_person(
    services: Services, client_id: UUID, told: NewEvent, outcome: str
) -> None:
    await deliver(services, told)
    (row,) = await rows(services, "SELECT state, outcome, client_id FROM inbound_events")
    assert (row.state, row.outcome[: len(outcome)], row.client_id) == ("unmatched", outcome, None)
    assert (await state_of(services, client_id)).version is None


async def test_what_came_before_its_checkout_is_read_again(services: Services, client_id: UUID) -> None:
    await deliver(services, invoice("paid", 0), created("active"), invoice("paid", 1), checkout(client_id, 2))
    found = await rows(services, "SELECT state, client_id FROM inbound_events ORDER BY occurred_at")
    assert {tuple(row) for row in found} == {("processed", client_id)}
    assert (await state_of(services, client_id)).status == "active"


async def test_an_unknown_type_is_kept_and_asks_for_nobody(services: Services, client_id: UUID) -> None:
    await deliver(services, event("charge.dispute.funds_withdrawn", {"customer": "cus_1"}, 0))
    (row,) = await rows(services, "SELECT state, outcome FROM inbound_events")
    assert tuple(row) == ("processed", "charge.dispute.funds_withdrawn")


async def test_the_metadata_names_the_client_without_any_checkout(services: Services, client_id: UUID) -> None:
    other = await make_client(services, "Other")
    await deliver(services, created("active", metadata={"client_id": str(client_id)}))
    states = [(await state_of(services, each)).status for each in (client_id, other)]
    assert states == ["active", "trialing"]


async def test_a_strangers_checkout_makes_nobody_another_customer(services: Services, client_id: UUID) -> None:
    await deliver(services, checkout(client_id), *BEGUN)
    stranger = {"customer": "cus_2", "subscription": "sub_9", "client_reference_id": str(client_id)}
    await deliver(services, event("checkout.session.completed", stranger, 50))
    assert (await state_of(services, client_id)).customer == "cus_1"
    (row,) = await rows(services, "SELECT outcome FROM inbound_events WHERE state = 'unmatched'")
    assert row.outcome == "checkout"


async def test_nobody_takes_a_client_over_by_a_payment_links_reference(services: Services, client_id: UUID) -> None:
    """Who opens a payment link may type any client's id behind it."""
    stranger = {"customer": "cus_9", "subscription": None, "client_reference_id": str(client_id)}
    await deliver(services, event("checkout.session.completed", stranger, 1))
    row = await state_of(services, client_id)
    assert (row.customer, row.status) == (None, "trialing")


async def test_a_client_that_was_deleted_is_nobodys(services: Services, client_id: UUID) -> None:
    await deliver(services, checkout(client_id), *BEGUN)
    await rows(
        services, "UPDATE clients SET deleted_at = :now WHERE id = :id RETURNING id", now=MONDAY_NOON, id=client_id
    )
    await deliver(services, *FAILED)
    row = await state_of(services, client_id)
    assert row.status == "active"


def agency_that(wanted: Callable[[str], bool]) -> UUID:
    return next(who for number in range(10_000) if wanted(str(who := UUID(int=number))))


async def test_a_subscription_lives_through_the_sandbox(services: Services, tmp_path: Path) -> None:
    """Our client asks for the page, somebody pays, a month later the card fails and is mended; the webhooks come in any
    order."""
    who = agency_that(lambda each: pays(SEED, each) and fails(SEED, each, 1) and mends(SEED, each, 1))
    async with services.infra.database.transaction(now=MONDAY_NOON) as db:
        await db.execute(text("INSERT INTO clients (id, name) VALUES (:id, 'Harbour')"), {"id": who})
    sandbox = Sandbox(Options(tmp_path, "http://127.0.0.1:9", SECRETS, SEED, MONDAY_NINE))
    wall = FakeWallClock()
    stripe = StripeClient(
        Connection(InProcess(sandbox.app), "http://s.example/stripe", "sk_x", RateLimit(1000, wall), wall)
    )
    wanted = Checkout(who, "price_ignition", "https://app.example/a", "https://app.example/b")
    await stripe.create_checkout(wanted, key="checkout:1")
    for days, status in ((1, "active"), (32, "past_due"), (36, "active")):
        await sandbox.control.advance(MONDAY_NINE + timedelta(days=days))
        told = [
            NewEvent("stripe", row["event_id"], row["event"], row["body"].encode(), MONDAY_NOON)
            for row in sandbox.store.all("SELECT * FROM outbox WHERE provider = 'stripe'")
        ]
        await deliver(services, *Random(days).sample(told, len(told)))  # noqa: S311  # as above
        row = await state_of(services, who)
        found = await stripe.subscription(row.subscription)
        assert found is not None
        assert (row.status, found.state) == (status, status)
        assert (row.customer, row.start, row.until) == (found.customer_id, found.period_start, found.period_end)
    assert await rows(services, "SELECT id FROM inbound_events WHERE state <> 'processed'") == []
    sandbox.store.close()


async def test_a_signed_webhook_is_stored_once_and_acts(
    services: Services, client_id: UUID, database_urls: DatabaseUrls, redis_url: str
) -> None:
    env = api_env(database_urls.app_dsn, redis_url) | {"STRIPE_API_KEY": "sk_x", "STRIPE_WEBHOOK_SECRET": SECRET}
    web = build_web(build_infrastructure(load_settings(env), clock=FixedClock(MONDAY_NOON)))
    body = created("active", metadata={"client_id": str(client_id)}).body
    signature = hmac.new(SECRET.encode(), f"{START}.".encode() + body, hashlib.sha256).hexdigest()
    async with serving(web) as api:
        headers = {"Stripe-Signature": f"t={START},v1={signature}"}
        answers = [await api.post("/webhooks/stripe", content=body, headers=headers) for _ in range(2)]
        forged = await api.post("/webhooks/stripe", content=body + b" ", headers=headers)
    await web.infra.aclose()
    assert ([each.status_code for each in answers], forged.status_code) == ([200, 200], 401)
    assert await read_events(services, MONDAY_NOON) == {"subscription active": 1, "remaining": 0}
    assert (await state_of(services, client_id)).status == "active"
