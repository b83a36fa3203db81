"""Clay's answers come later, by callback: a lead waits for its own, and nothing is paid twice, whatever dies."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agency_os.engines.answers import ANSWERED, AnswerEngine
from agency_os.kit.http import HttpResponse, NoAnswerError
from agency_os.kit.ids import new_id
from agency_os.orchestration.tasks.enrichment_tasks import enrich_client
from agency_os.repositories.inbound_event import ReceivedEvent, SettledEvent
from agency_os.wiring.services import Services
from tests.factories.enrichment import KilledError, Person, add_new_leads, clay_source, json_response, people
from tests.factories.outreach import MONDAY_NOON
from tests.integration.tasks.conftest import Desk

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UNKNOWN: dict[str, Any] = {"in_apollo": False, "email": None}
"""People of whom neither Apollo nor Hunter knows an address: seven are a batch of which one may go to Clay."""


def worker(desk: Desk) -> Services:
    return desk.worker(clay=clay_source(desk.providers, desk.wall))


async def enrich(desk: Desk, later: timedelta = timedelta(0)) -> dict[str, int]:
    return await desk.enrich(worker(desk), later=later)


async def call_back(desk: Desk, row: dict[str, Any], later: timedelta = HOUR, **found: Any) -> SettledEvent:
    """The table calls back for a row that it was handed."""
    now = MONDAY_NOON + later
    body = json.dumps({"id": row["id"], **found}).encode()
    event = ReceivedEvent(new_id(), "clay", "e", "row", body, now, now, 0)
    async with desk.database.transaction(now=now) as db:
        return await AnswerEngine(clay_source(desk.providers, desk.wall)).read(db, event, now=now)


async def email_of(desk: Desk, last_name: str) -> tuple[str, str | None]:
    row = await desk.one("SELECT status, email FROM leads WHERE last_name = :name", name=last_name)
    return row.status, row.email


async def test_a_lead_waits_for_its_answer_and_is_enriched_by_it_at_no_further_cost(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))
    assert (await enrich(desk))["leads put off"] == 1
    (row,) = desk.providers.rows
    assert (await enrich(desk, HOUR))["leads put off"] == 1
    settled = await call_back(desk, row, email="pat@found.example", email_status="valid", title="Owner")
    assert (settled.outcome, settled.state) == (ANSWERED, "processed")
    assert (await enrich(desk, 2 * HOUR))["leads enriched"] == 1
    assert await email_of(desk, row["last_name"]) == ("enriched", "pat@found.example")
    assert len(desk.providers.rows) == 1
    entry = await desk.one("SELECT units, settled_aud FROM cost_entries WHERE provider = 'clay'")
    assert tuple(entry) == (4, Decimal("0.308"))


async def test_an_answer_without_anything_costs_nothing_and_leaves_the_lead_with_its_reasons(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))
    await enrich(desk)
    await call_back(desk, desk.providers.rows[0])
    assert (await enrich(desk, 2 * HOUR))["leads not good enough"] == 1
    assert len(desk.providers.rows) == 1
    entry = await desk.one("SELECT units, settled_aud FROM cost_entries WHERE provider = 'clay'")
    assert tuple(entry) == (0, 0)  # what finds nothing costs nothing


async def test_without_an_answer_within_a_day_the_lead_goes_on_and_is_never_asked_about_again(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))
    await enrich(desk)
    assert (await enrich(desk, DAY - HOUR))["leads put off"] == 1
    assert (await enrich(desk, DAY + HOUR))["leads not good enough"] == 1
    assert len(desk.providers.rows) == 1
    entry = await desk.one("SELECT units, settled_at FROM cost_entries WHERE provider = 'clay'")
    assert tuple(entry) == (4, None)  # nobody can say what it was charged


async def test_a_late_answer_is_kept_for_whoever_asks_next(desk: Desk) -> None:
    known = people(7, **UNKNOWN)
    await desk.set_up(known)
    await enrich(desk)
    row = desk.providers.rows[0]
    await enrich(desk, DAY + HOUR)
    settled = await call_back(desk, row, DAY + 2 * HOUR, email="pat@found.example", email_status="valid")
    assert settled.outcome == ANSWERED
    await desk.set_up([person for person in known if person.last == row["last_name"]])
    assert (await enrich(desk, DAY + 3 * HOUR))["leads enriched"] == 1
    assert len(desk.providers.rows) == 1


async def test_two_clients_who_ask_about_one_person_pay_once(desk: Desk) -> None:
    known = people(7, **UNKNOWN)
    await desk.set_up(known)
    first = desk.client_id
    await enrich(desk)
    row = desk.providers.rows[0]
    await desk.set_up([*(person for person in known if person.last == row["last_name"]), *_strangers(6)])
    await enrich(desk, HOUR)
    await call_back(desk, row, 2 * HOUR, email="pat@found.example", email_status="valid")
    for client in (first, desk.client_id):
        await enrich_client(worker(desk), client, MONDAY_NOON + 3 * HOUR)
    found = await desk.rows("SELECT status FROM leads WHERE last_name = :name", name=row["last_name"])
    assert [each.status for each in found] == ["enriched", "enriched"]
    assert [each["last_name"] for each in desk.providers.rows].count(row["last_name"]) == 1


def _strangers(count: int) -> list[Person]:
    return [Person("Sam", f"Other{n}", f"other{n}.example", in_apollo=False) for n in range(count)]


async def test_a_worker_killed_after_the_hand_over_loses_neither_the_answer_nor_the_cost(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))

    async def die(path: str) -> None:
        if "clay" in path:
            raise KilledError

    desk.providers.after = die
    with pytest.raises(KilledError):
        await enrich(desk)
    desk.providers.after = None
    await call_back(desk, desk.providers.rows[0], email="pat@found.example", email_status="valid")
    assert (await enrich(desk, 2 * HOUR))["leads enriched"] == 1
    assert len(desk.providers.rows) == 1
    entry = await desk.one("SELECT units, settled_at IS NOT NULL AS settled FROM cost_entries WHERE provider = 'clay'")
    assert tuple(entry) == (4, True)


async def test_the_same_callback_again_changes_nothing(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))
    await enrich(desk)
    for later in (HOUR, 2 * HOUR):
        await call_back(desk, desk.providers.rows[0], later, email="pat@found.example", email_status="valid")
    await enrich(desk, 3 * HOUR)
    entries = await desk.rows("SELECT units FROM cost_entries WHERE provider = 'clay'")
    assert [each.units for each in entries] == [4]


@pytest.mark.parametrize("own", ["mine", "a" * 64 + ".1", "a" * 64 + ".0", ""])
async def test_a_callback_that_names_no_look_up_of_ours_waits_for_a_person(desk: Desk, own: str) -> None:
    settled = await call_back(desk, {"id": own}, email="pat@found.example")
    assert settled.state == "unmatched"


async def test_while_clay_is_away_only_those_wait_who_need_it(desk: Desk) -> None:
    """Of twenty, seven may go: three because they fail, four because a phone would open more channels to them."""
    failing, good = people(3, **UNKNOWN), people(20)[3:]
    await desk.set_up([*failing, *good])

    async def away(path: str) -> HttpResponse | None:
        return json_response(402, {"message": "No credits left"}) if "clay" in path else None

    desk.providers.answer = away
    counts = await enrich(desk)
    assert (counts["leads put off"], counts["leads enriched"]) == (3, 17)
    assert (await desk.ledger()).get("clay", Decimal(0)) == 0


async def test_a_row_whose_fate_is_unknown_may_still_be_answered(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))

    async def lost(path: str) -> None:
        if "clay" in path:
            raise NoAnswerError("the connection broke")

    desk.providers.after = lost
    assert (await enrich(desk))["leads put off"] == 1
    desk.providers.after = None
    await call_back(desk, desk.providers.rows[0], email="pat@found.example", email_status="valid")
    assert (await enrich(desk, 2 * HOUR))["leads enriched"] == 1
    assert (len(desk.providers.rows), (await desk.ledger())["clay"]) == (1, Decimal(4))


async def test_a_killed_workers_row_is_waited_for_by_the_next_run(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))

    async def die(path: str) -> None:
        if "clay" in path:
            raise KilledError

    desk.providers.after = die
    with pytest.raises(KilledError):
        await enrich(desk)
    desk.providers.after = None
    desk.wall.advance(3600)
    assert (await enrich(desk, HOUR))["leads put off"] == 1
    await call_back(desk, desk.providers.rows[0], 2 * HOUR, email="pat@found.example", email_status="valid")
    assert (await enrich(desk, 3 * HOUR))["leads enriched"] == 1
    assert len(desk.providers.rows) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_callbacks_of_a_row_that_was_run_again_end_alike_in_any_order(desk: Desk, order: tuple[int, int]) -> None:
    found: list[dict[str, Any]] = [{"email": "pat@found.example", "email_status": "valid"}, {}]
    await desk.set_up(people(7, **UNKNOWN))
    await enrich(desk)
    for number, which in enumerate(order, 1):
        settled = await call_back(desk, desk.providers.rows[0], number * HOUR, **found[which])
        assert settled.state == "processed"
    assert (await enrich(desk, 3 * HOUR))["leads enriched"] == 1
    entry = await desk.one("SELECT units, settled_aud FROM cost_entries WHERE provider = 'clay'")
    assert tuple(entry) == (4, Decimal("0.308"))


async def test_an_absurd_number_in_an_answer_holds_nobody_up(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))
    await enrich(desk)
    absurd: dict[str, Any] = {"employee_count": "5000000000", "founded_year": 10**9, "email_status": "valid"}
    await call_back(desk, desk.providers.rows[0], HOUR, email="pat@found.example", **absurd)
    assert (await enrich(desk, 2 * HOUR))["leads enriched"] == 1


async def test_an_answer_that_names_somebody_else_is_not_taken(desk: Desk) -> None:
    await desk.set_up(people(7, **UNKNOWN))
    await enrich(desk)
    row = desk.providers.rows[0]
    await call_back(desk, row, first_name="Sam", last_name="Jones", email="sam.jones@x.example", email_status="valid")
    await enrich(desk, 2 * HOUR)
    assert await email_of(desk, row["last_name"]) == ("new", None)


async def test_while_rows_are_awaited_no_more_go_than_the_cap_lets(desk: Desk) -> None:
    await desk.set_up(people(40, **UNKNOWN))
    await enrich(desk)
    sent = len(desk.providers.rows)
    assert sent == 6  # 15 % of 40
    async with desk.database.transaction(now=MONDAY_NOON) as db:
        more = [Person("Sam", f"Later{n}", f"later{n}.example", in_apollo=False) for n in range(6)]
        desk.providers.people = [*desk.providers.people, *more]
        await add_new_leads(db, desk.client_id, more)
    await enrich(desk, HOUR)
    assert len(desk.providers.rows) == sent  # six more leads alone let none go
