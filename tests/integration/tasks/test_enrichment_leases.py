"""Leases of paid look-ups: one asker pays, a killed or late one neither pays twice nor settles what is not its own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from agency_os.kit.http import HttpResponse, NoAnswerError
from agency_os.orchestration.tasks.enrichment_tasks import enrich_client
from tests.factories.enrichment import (
    KilledError,
    Person,
    json_response,
    no_answer,
    people,
)
from tests.factories.outreach import MONDAY_NOON
from tests.integration.tasks.conftest import Desk

LATER = timedelta(days=91)


async def test_two_workers_at_once_pay_once(desk: Desk) -> None:
    known = people(60, email_status="guessed")
    await desk.set_up(known)
    first = desk.client_id
    await desk.set_up(known)

    async def until_done(client_id: UUID) -> None:
        for _ in range(20):
            await enrich_client(desk.worker(), client_id, MONDAY_NOON)

    await asyncio.gather(*(until_done(client) for client in (first, desk.client_id, first, desk.client_id)))
    assert (await desk.one("SELECT count(*) FROM leads WHERE status = 'enriched'")).count == 120
    assert len(desk.providers.asked["apollo"]) == len(desk.providers.asked["hunter"]) == 60
    assert await desk.ledger() == desk.providers.charged == {"apollo": 60, "hunter": 30}


async def test_who_finds_a_lease_taken_leaves_the_lead_for_the_next_run(desk: Desk) -> None:
    await desk.set_up(people(1))
    first = desk.client_id
    await desk.set_up(desk.providers.people)
    other: list[dict[str, int]] = []

    async def meanwhile(path: str) -> HttpResponse | None:
        desk.providers.answer = None
        if "apollo" in path:
            other.append(await enrich_client(desk.worker(), first, MONDAY_NOON))
        return None

    desk.providers.answer = meanwhile
    assert (await desk.enrich())["leads enriched"] == 1
    assert other[0]["leads put off"] == 1
    assert (await enrich_client(desk.worker(), first, MONDAY_NOON))["leads enriched"] == 1
    assert desk.providers.asked["apollo"] == ["Number0"]


async def test_a_worker_killed_after_apollo_answered_causes_no_second_call_and_leaves_its_reservation_open(
    desk: Desk,
) -> None:
    await desk.set_up(people(1))

    async def die(path: str) -> None:
        if "apollo" in path:
            raise KilledError

    desk.providers.after = die
    with pytest.raises(KilledError):
        await desk.enrich()
    desk.providers.after = None
    assert (await desk.enrich())["leads put off"] == 1
    desk.wall.advance(2000)
    assert (await desk.enrich())["leads enriched"] == 1  # Hunter finds the email all the same
    assert desk.providers.asked["apollo"] == ["Number0"]
    entry = await desk.one("SELECT units, reserved_aud, settled_at FROM cost_entries WHERE provider = 'apollo'")
    assert tuple(entry) == (1, Decimal("0.02"), None)
    assert (await desk.one("SELECT state FROM enrichment_requests WHERE provider = 'apollo'")).state == "unknown"


async def test_a_worker_killed_while_asking_hunter_is_taken_over_and_paid_once(desk: Desk) -> None:
    await desk.set_up(people(1, in_apollo=False))

    async def die(path: str) -> None:
        if "hunter" in path:
            raise KilledError

    desk.providers.after = die
    with pytest.raises(KilledError):
        await desk.enrich()
    desk.providers.after = None
    desk.wall.advance(600)
    assert (await desk.enrich())["leads enriched"] == 1
    assert await desk.ledger() == desk.providers.charged == {"apollo": 0, "hunter": 1}
    assert (await desk.one("SELECT count(*) FROM cost_entries WHERE settled_at IS NULL")).count == 0


async def test_a_late_answer_settles_nothing_while_another_worker_has_taken_over(desk: Desk) -> None:
    await desk.set_up(people(1, in_apollo=False))
    asked, taken_over, settled_late = asyncio.Event(), asyncio.Event(), asyncio.Event()
    calls = 0

    async def overtaken(path: str) -> None:
        nonlocal calls
        if "hunter" not in path:
            return
        calls += 1
        if calls == 1:
            desk.wall.advance(600)
            asked.set()
            await taken_over.wait()
        else:
            taken_over.set()
            await settled_late.wait()

    desk.providers.after = overtaken
    late = asyncio.create_task(desk.enrich())
    await asked.wait()
    other = asyncio.create_task(desk.enrich())
    await late
    settled_late.set()
    await other
    row = await desk.one("SELECT state, fence FROM enrichment_requests WHERE provider = 'hunter'")
    assert tuple(row) == ("done", 2)
    assert await desk.ledger() == desk.providers.charged == {"apollo": 0, "hunter": 1}


async def test_no_answer_of_apollo_is_never_asked_again_and_the_lead_goes_on(desk: Desk) -> None:
    await desk.set_up(people(1))
    desk.providers.answer = no_answer
    assert (await desk.enrich())["leads enriched"] == 1
    desk.providers.answer = None
    await desk.set_up(desk.providers.people)
    await desk.enrich(later=timedelta(days=120))
    assert desk.providers.asked["apollo"] == []
    assert (await desk.one("SELECT count(*) FROM cost_entries WHERE settled_at IS NULL")).count == 1


async def test_no_answer_of_hunter_is_asked_again_by_the_next_run_and_booked_once(desk: Desk) -> None:
    await desk.set_up(people(1, in_apollo=False))

    async def lost(path: str) -> None:
        if "hunter" in path:
            raise NoAnswerError("the connection broke")

    desk.providers.after = lost
    assert (await desk.enrich())["leads put off"] == 1
    assert (await desk.one("SELECT count(*) FROM cost_entries WHERE settled_at IS NULL")).count == 1
    desk.providers.after = None
    assert (await desk.enrich())["leads enriched"] == 1
    assert await desk.ledger() == desk.providers.charged == {"apollo": 0, "hunter": 1}


async def test_no_verdict_on_one_person_holds_up_no_other(desk: Desk) -> None:
    known = people(3, in_apollo=False)
    known[1].hunter = 222
    await desk.set_up(known, leads={"with_email": True})
    counts = await desk.enrich()
    assert (counts["leads enriched"], counts["leads put off"], counts["remaining"]) == (2, 1, 0)
    reason = (await desk.one("SELECT status_reason FROM leads WHERE status = 'new'")).status_reason
    assert reason.startswith("hunter: ")


async def test_a_limit_leaves_the_leads_due_and_books_nothing(desk: Desk) -> None:
    await desk.set_up(people(25))
    calls: list[str] = []

    async def too_fast(path: str) -> HttpResponse | None:
        calls.append(path)
        return json_response(429, {"message": "slow down"})

    desk.providers.answer = too_fast
    counts = await desk.enrich()
    assert (counts["leads put off"], counts["remaining"], len(calls)) == (25, 0, 3)  # one call, tried three times
    assert (await desk.one("SELECT sum(settled_aud), count(settled_at) - count(*) FROM cost_entries"))[:] == (0, 0)
    desk.providers.answer = None
    assert (await desk.enrich())["leads enriched"] == 25
    assert await desk.ledger() == desk.providers.charged


async def test_one_person_that_apollo_refuses_does_not_spoil_the_other_nine(desk: Desk) -> None:
    await desk.set_up(people(10))
    bodies = 0

    async def refuse_the_first(path: str) -> HttpResponse | None:
        nonlocal bodies
        if "apollo" not in path:
            return None
        bodies += 1
        return json_response(422, {"error": "bad", "error_code": "X"}) if bodies <= 2 else None

    desk.providers.answer = refuse_the_first
    assert (await desk.enrich())["leads enriched"] == 10
    assert await desk.ledger() == {"apollo": 9, "hunter": 1}


async def test_what_a_lost_answer_may_have_cost_stays_reserved_though_the_next_one_is_a_refusal(desk: Desk) -> None:
    await desk.set_up(people(1, email_status="guessed"))

    async def lost(path: str) -> None:
        if "hunter" in path:
            raise NoAnswerError("the connection broke")

    async def refused(path: str) -> HttpResponse | None:
        return json_response(400, {"errors": [{"id": "wrong_params"}]}) if "hunter" in path else None

    desk.providers.after = lost
    assert (await desk.enrich())["leads put off"] == 1
    desk.providers.after, desk.providers.answer = None, refused
    desk.wall.advance(600)
    await desk.enrich()
    open_units = await desk.one(
        "SELECT sum(units) AS units FROM cost_entries WHERE provider = 'hunter' AND settled_at IS NULL"
    )
    assert open_units.units == desk.providers.charged["hunter"] == Decimal("0.5")


async def test_once_an_answer_comes_what_was_reserved_for_lost_ones_is_given_back(desk: Desk) -> None:
    await desk.set_up(people(1, email_status="guessed"))

    async def lost(path: str) -> None:
        if "hunter" in path:
            raise NoAnswerError("the connection broke")

    desk.providers.after = lost
    for _ in range(2):
        await desk.enrich()
        desk.wall.advance(600)
    desk.providers.after = None
    assert (await desk.enrich())["leads enriched"] == 1
    entries = await desk.rows("SELECT units, settled_at IS NULL AS open FROM cost_entries WHERE provider = 'hunter'")
    assert sorted((entry.units, entry.open) for entry in entries) == [(0, False), (0, False), (Decimal("0.5"), False)]


async def test_an_outage_of_apollo_costs_no_lead_its_look_up_but_the_first_ten(desk: Desk) -> None:
    await desk.set_up(people(60))

    async def away(path: str) -> HttpResponse | None:
        return json_response(503, {"error": "down"}) if "apollo" in path else None

    desk.providers.answer = away
    counts = await desk.enrich()
    assert counts["leads put off"] == 50
    assert (await desk.one("SELECT count(*) FROM enrichment_requests WHERE provider = 'apollo'")).count == 10


async def test_who_never_gets_a_verdict_goes_on_without_one(desk: Desk) -> None:
    await desk.set_up(people(1, email_status="guessed", hunter=222))
    for _ in range(4):
        assert (await desk.enrich())["leads put off"] == 1
    assert (await desk.enrich())["leads put off"] == 0


async def test_apollos_answer_about_somebody_else_is_not_taken(desk: Desk) -> None:
    """Jo Smith is asked for and Pat Smith of the same firm is answered: her address is never written to as Jo's."""
    await desk.set_up([Person("Jo", "Smith", "smith.example", in_apollo=False)])

    async def another(path: str) -> HttpResponse | None:
        if "apollo" not in path:
            return None
        match = {"first_name": "Pat", "last_name": "Smith", "email": "pat@smith.example", "email_status": "verified"}
        return json_response(200, {"credits_consumed": 1, "matches": [match]})

    desk.providers.answer = another
    await desk.enrich()
    assert (await desk.one("SELECT email FROM leads")).email is None
