"""Enrichment against a real database and cache: paid once, within the credits, nothing lost when a worker dies."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from agency_os.kit.http import HttpResponse
from agency_os.orchestration.tasks.enrichment_tasks import clients_to_enrich
from tests.factories.enrichment import (
    HASHES,
    Person,
    add_new_leads,
    json_response,
    people,
)
from tests.factories.outreach import BEFORE, MONDAY_NOON, add_leads, add_ready_touches, make_agency
from tests.integration.tasks.conftest import Desk

LATER = timedelta(days=91)


async def test_a_lead_gets_what_apollo_knows_with_source_date_and_confidence(desk: Desk) -> None:
    await desk.set_up(people(1))
    await desk.enrich()
    lead = await desk.one(
        "SELECT status, status_reason, email, email_status, state, time_zone, field_sources, company_id FROM leads"
    )
    assert lead[:6] == ("enriched", None, "pat0@company0.example", "verified", "VIC", "Australia/Melbourne")
    assert lead.field_sources["email"] == {"source": "apollo", "as_of": "2026-11-23", "confidence": 0.95}
    assert lead.company_id is not None


async def test_a_missing_email_is_found_by_hunter(desk: Desk) -> None:
    await desk.set_up(people(1, in_apollo=False))
    await desk.enrich()
    lead = await desk.one("SELECT status, email, enrichment_source, enrichment_confidence FROM leads")
    assert tuple(lead) == ("enriched", "pat0@company0.example", "hunter+own data", 0.8)
    assert await desk.ledger() == {"apollo": 0, "hunter": 1}


async def test_a_lead_that_fails_validation_stays_new_with_its_reasons_and_is_left_for_90_days(desk: Desk) -> None:
    await desk.set_up(people(1, email=None))
    await desk.enrich()
    lead = await desk.one("SELECT status, status_reason, enriched_at FROM leads")
    assert tuple(lead) == ("new", "email is missing", MONDAY_NOON)
    assert await clients_to_enrich(desk.worker(), MONDAY_NOON + timedelta(days=89)) == []
    assert await clients_to_enrich(desk.worker(), MONDAY_NOON + timedelta(days=90)) == [desk.client_id]


@pytest.mark.parametrize(("confidence", "status"), [(0.69, "new"), (0.70, "enriched")])
async def test_the_threshold_is_0_70(desk: Desk, confidence: float, status: str) -> None:
    sources = {"company": {"source": "list", "as_of": "2026-11-01", "confidence": confidence}}
    await desk.set_up(people(1, in_apollo=False), leads={"field_sources": sources})
    await desk.enrich()
    assert (await desk.one("SELECT status FROM leads")).status == status


async def test_a_cache_hit_pays_nothing(desk: Desk) -> None:
    await desk.set_up(people(3))
    await desk.enrich()
    asked = list(desk.providers.asked["apollo"])
    await desk.set_up(desk.providers.people)  # another client, the same people
    assert (await desk.enrich())["leads enriched"] == 3
    assert desk.providers.asked["apollo"] == asked
    assert await desk.ledger() == {"apollo": 3, "hunter": 0}


async def test_what_was_paid_is_served_from_the_database_when_the_cache_is_flushed_until_90_days_have_passed(
    desk: Desk,
) -> None:
    await desk.set_up(people(3))
    await desk.enrich()
    desk.forget_cache()
    await desk.set_up(desk.providers.people)
    await desk.enrich(later=timedelta(days=89))
    assert desk.providers.charged["apollo"] == 3
    await desk.set_up(desk.providers.people)
    await desk.enrich(later=LATER)
    assert await desk.ledger() == desk.providers.charged == {"apollo": 6, "hunter": 0}


async def test_that_nobody_is_found_is_remembered_too(desk: Desk) -> None:
    await desk.set_up(people(1, in_apollo=False, email=None))
    await desk.enrich()
    await desk.set_up(desk.providers.people)
    await desk.enrich()
    assert desk.providers.asked == {"apollo": ["Number0"], "hunter": ["Number0"]}


async def test_who_objected_is_suppressed_everywhere_and_never_asked_about_again(desk: Desk) -> None:
    await desk.set_up(people(1, in_apollo=False, hunter=451), leads={"with_email": True})
    await desk.enrich()
    lead = await desk.one("SELECT status, status_reason FROM leads")
    assert tuple(lead) == ("new", "suppressed: the person asked not to be processed")
    digest = HASHES.of("email", "pat0@company0.example")
    found = await desk.rows("SELECT 1 FROM global_suppression WHERE channel = 'email' AND address_hash = :d", d=digest)
    assert len(found) == 1
    await desk.set_up(desk.providers.people, leads={"with_email": True})
    await desk.enrich(later=timedelta(days=400))
    assert desk.providers.asked["hunter"] == ["pat0@company0.example"]


async def test_an_objection_takes_back_what_was_to_go_to_the_person(desk: Desk) -> None:
    async with desk.database.transaction(now=BEFORE) as db:
        agency = await make_agency(db)
        await add_leads(db, agency, 1, email="pat0@company0.example")
        await add_ready_touches(db, agency)
    await desk.set_up(people(1, in_apollo=False, hunter=451), leads={"with_email": True})
    await desk.enrich()
    assert (await desk.one("SELECT state::text FROM touches")).state == "cancelled"


async def test_credits_never_go_below_0_and_the_rest_gets_the_reason(desk: Desk) -> None:
    await desk.set_up(people(5), credits_remaining=3)
    counts = await desk.enrich()
    assert (counts["leads enriched"], counts["leads without credit"]) == (3, 2)
    assert (await desk.one("SELECT credits_remaining FROM clients")).credits_remaining == 0
    reasons = await desk.rows("SELECT status_reason FROM leads WHERE status = 'new'")
    assert [row[0] for row in reasons] == ["no lead credits left until 2026-12-16"] * 2


async def test_many_workers_never_take_more_credits_than_there_are(desk: Desk) -> None:
    await desk.set_up(people(40), credits_remaining=25)
    await asyncio.gather(*(desk.enrich() for _ in range(4)))
    await desk.enrich()
    assert (await desk.one("SELECT count(*) FROM leads WHERE credit_period IS NOT NULL")).count == 25
    assert desk.providers.charged["apollo"] == 25


async def test_the_pool_is_filled_up_on_the_billing_day_and_the_rest_goes_on(desk: Desk) -> None:
    await desk.set_up(people(3), credits_remaining=1)
    await desk.enrich()
    assert (await desk.enrich(later=timedelta(days=22)))["leads enriched"] == 0
    assert (await desk.enrich(later=timedelta(days=23)))["leads enriched"] == 2
    assert (await desk.one("SELECT credits_remaining FROM clients")).credits_remaining == 1248


async def test_a_lead_tried_again_in_the_same_month_costs_no_second_credit(desk: Desk) -> None:
    await desk.set_up(people(1), credits_remaining=5)
    desk.providers.answer = lambda _: _limited()
    await desk.enrich()
    desk.providers.answer = None
    await desk.enrich()
    assert (await desk.one("SELECT credits_remaining FROM clients")).credits_remaining == 4


async def _limited() -> HttpResponse:
    return json_response(429, {"message": "slow down"})


@pytest.mark.parametrize(
    "client",
    [
        {"subscription_status": "past_due"},
        {"subscription_status": "paused"},
        {"subscription_status": "cancelled", "cancelled_at": BEFORE},
        {"stopped_at": BEFORE},
    ],
)
async def test_a_closed_gate_lets_no_request_out(desk: Desk, client: dict[str, Any]) -> None:
    await desk.set_up(people(2), **client)
    assert await clients_to_enrich(desk.worker(), MONDAY_NOON) == []
    await desk.enrich()
    assert desk.providers.asked == {"apollo": [], "hunter": []}


async def test_an_email_that_another_lead_has_makes_a_duplicate(desk: Desk) -> None:
    known = people(1)
    await desk.set_up(known, leads={"with_email": True, "status": "in_sequence"})
    async with desk.database.transaction(now=BEFORE) as db:
        (twin,) = await add_new_leads(db, desk.client_id, known)
    await desk.enrich()
    lead = await desk.one("SELECT status, status_reason, email FROM leads WHERE id = :id", id=twin)
    assert tuple(lead) == ("new", "duplicate of another lead", None)


async def test_of_two_new_leads_that_are_one_person_one_goes_on(desk: Desk) -> None:
    await desk.set_up(people(1))
    async with desk.database.transaction(now=BEFORE) as db:
        await add_new_leads(db, desk.client_id, desk.providers.people)
    counts = await desk.enrich()
    assert (counts["leads enriched"], counts["leads not good enough"]) == (1, 1)
    assert desk.providers.charged["apollo"] == 1


async def test_a_found_email_that_is_suppressed_is_not_kept(desk: Desk) -> None:
    await desk.set_up(people(1))
    await desk.rows(
        "INSERT INTO client_suppression (client_id, channel, address_hash, reason) VALUES (:c, 'email', :d, 'no')",
        c=desk.client_id,
        d=HASHES.of("email", "pat0@company0.example"),
    )
    await desk.enrich()
    lead = await desk.one("SELECT status, status_reason, email FROM leads")
    assert tuple(lead) == ("new", "suppressed", None)


async def test_an_address_that_hunter_calls_invalid_is_not_written_to(desk: Desk) -> None:
    await desk.set_up(people(1, in_apollo=False, hunter="invalid"), leads={"with_email": True})
    await desk.enrich()
    lead = await desk.one("SELECT status, email_status, status_reason FROM leads")
    assert tuple(lead) == ("new", "invalid", "email is trusted to 0.05 only, 0.70 is needed")


async def test_a_lead_changed_meanwhile_is_left_for_the_next_run(desk: Desk) -> None:
    await desk.set_up(people(1))

    async def edited(_: str) -> None:
        desk.providers.after = None
        async with desk.database.transaction(now=MONDAY_NOON + timedelta(seconds=1)) as db:
            await db.execute(text("UPDATE leads SET title = 'Founder'"))

    desk.providers.after = edited
    assert (await desk.enrich())["leads enriched"] == 0
    await desk.enrich()
    assert tuple(await desk.one("SELECT status, title FROM leads")) == ("enriched", "Owner")
    assert desk.providers.asked["apollo"] == ["Number0"]


async def test_a_batch_costs_at_most_13_cents_a_lead_and_the_ledger_agrees_with_the_providers(desk: Desk) -> None:
    known = people(60)
    known += [Person("Kim", f"Guess{n}", f"g{n}.example", f"kim@g{n}.example", "guessed", "valid") for n in range(20)]
    known += [Person("Lee", f"Find{n}", f"f{n}.example", f"lee@f{n}.example", in_apollo=False) for n in range(20)]
    await desk.set_up(known)
    assert (await desk.enrich())["leads enriched"] == 100
    settled = (await desk.one("SELECT sum(settled_aud) AS aud FROM cost_entries")).aud
    assert await desk.ledger() == desk.providers.charged
    assert settled == desk.providers.aud
    assert settled / 100 <= Decimal("0.13")


async def test_a_large_list_goes_by_batches_of_500_and_says_how_many_are_left(desk: Desk) -> None:
    await desk.set_up(people(501), leads={"with_email": True, "email_status": "verified"})
    counts = await desk.enrich()
    assert (counts["leads enriched"], counts["remaining"]) == (500, 1)
    assert (await desk.enrich())["remaining"] == 0
