"""What must be so when a touch is claimed: consent on record, no answer in between, one client throughout."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from agency_os.db import Database
from tests.factories.outreach import BEFORE, MONDAY_NOON, add_leads, add_ready_touches, make_agency
from tests.factories.sending import agency_with, claim, rows

LATER = MONDAY_NOON + timedelta(seconds=1)
_CONSENT = """
    INSERT INTO consents (client_id, lead_id, basis, source, evidence, declared_by, obtained_at, created_at)
    VALUES (:client_id, :lead_id, 'express', 'form', 'asked for it', 'Ann Example',
        CAST(:at AS timestamptz) - interval '30 days', :at)
"""


async def change(database: Database, statement: str, **values: Any) -> None:
    async with database.transaction(now=MONDAY_NOON) as db:
        await db.execute(text(statement), values)


async def reasons(database: Database) -> list[tuple[Any, ...]]:
    return await rows(database, "SELECT state::text, reason FROM touches ORDER BY id")


async def test_without_a_consent_nobody_is_written_to(database: Database) -> None:
    async with database.transaction(now=BEFORE) as db:
        agency = await make_agency(db)
        await add_leads(db, agency, 2, consent=False)
        await add_ready_touches(db, agency)
    assert await claim(database, agency) == []
    assert [state for state, _ in await reasons(database)] == ["skipped", "skipped"]


async def test_a_consent_counts_only_once_it_is_older_than_the_claim(database: Database) -> None:
    async with database.transaction(now=BEFORE) as db:
        agency = await make_agency(db)
        await add_leads(db, agency, 2, consent=False)
        await add_ready_touches(db, agency)
    for lead, at in zip(agency.lead_ids, (MONDAY_NOON - timedelta(seconds=1), LATER), strict=True):
        await change(database, _CONSENT, client_id=agency.client_id, lead_id=lead, at=at)
    assert [touch.lead_id for touch in await claim(database, agency)] == agency.lead_ids[:1]


async def test_consent_withdrawn_between_freeze_and_claim_stops_the_message(database: Database) -> None:
    agency = await agency_with(database, 2)
    await change(database, "UPDATE consents SET withdrawn_at = :at WHERE lead_id = :lead",
                 at=MONDAY_NOON - timedelta(minutes=1), lead=agency.lead_ids[0])  # fmt: skip
    assert [touch.lead_id for touch in await claim(database, agency)] == agency.lead_ids[1:]


async def test_an_older_consent_does_not_outlive_a_later_withdrawal(database: Database) -> None:
    agency = await agency_with(database, 1)
    await change(database, _CONSENT, client_id=agency.client_id, lead_id=agency.lead_ids[0], at=BEFORE)
    await change(database, "UPDATE consents SET withdrawn_at = :at WHERE lead_id = :lead AND basis = 'express'",
                 at=MONDAY_NOON - timedelta(minutes=1), lead=agency.lead_ids[0])  # fmt: skip
    assert await claim(database, agency) == []


async def test_another_leads_consent_is_not_this_ones(database: Database) -> None:
    agency = await agency_with(database, 1)
    async with database.transaction(now=BEFORE) as db:
        (other,) = await add_leads(db, agency, 1, consent=False)
        agency.lead_ids[:] = [other]
        agency.touch_ids.clear()
    await change(
        database,
        "UPDATE touches SET lead_id = :other, payload = jsonb_set(payload, '{to}', "
        "to_jsonb(CAST('person1@company1.example' AS text)))",
        other=other,
    )
    assert await claim(database, agency) == []
    assert [state for state, _ in await reasons(database)] == ["skipped"]


@pytest.mark.parametrize(
    ("mark", "reason"),
    [("last_reply_at", "the lead has replied"), ("meeting_booked_at", "a meeting is booked")],
)
async def test_a_lead_who_answered_or_booked_in_between_gets_no_further_message(
    database: Database, mark: str, reason: str
) -> None:
    agency = await agency_with(database, 2)
    await change(database, f"UPDATE leads SET {mark} = :at WHERE id = :lead",  # noqa: S608  # a literal of ours
                 at=MONDAY_NOON - timedelta(minutes=1), lead=agency.lead_ids[0])  # fmt: skip
    assert [touch.lead_id for touch in await claim(database, agency)] == agency.lead_ids[1:]
    assert (await reasons(database))[0] == ("skipped", reason)


@pytest.mark.parametrize("foreign", ["lead_id", "campaign_id", "resource_id", "sequence_step_id"])
async def test_no_touch_can_point_to_another_clients_row(database: Database, foreign: str) -> None:
    ours, theirs = await agency_with(database, 1), await agency_with(database, 1)
    value = {
        "lead_id": theirs.lead_ids[0],
        "campaign_id": theirs.campaign_id,
        "resource_id": theirs.resource_ids[0],
        "sequence_step_id": theirs.step_ids[0],
    }[foreign]
    with pytest.raises(IntegrityError, match=f"touches_{foreign.split('_')[-2]}_fk"):
        await change(database, f"UPDATE touches SET {foreign} = :value WHERE id = :id",  # noqa: S608  # literals
                     value=value, id=ours.touch_ids[0])  # fmt: skip


@pytest.mark.parametrize(
    "table", ["activities", "resource_usage", "cost_entries", "conversations", "meetings", "holds"]
)
async def test_what_is_noted_of_a_touch_or_lead_belongs_to_its_client(database: Database, table: str) -> None:
    ours, theirs = await agency_with(database, 1), await agency_with(database, 1)
    values = {"ours": ours.client_id, "lead": theirs.lead_ids[0], "touch": theirs.touch_ids[0],
              "resource": ours.resource_ids[0]}  # fmt: skip
    statement = {
        "activities": "INSERT INTO activities (client_id, lead_id, touch_id, channel, action)"
        " VALUES (:ours, :lead, :touch, 'email', 'x')",
        "resource_usage": "INSERT INTO resource_usage (client_id, resource_id, touch_id, attempt, used_on)"
        " VALUES (:ours, :resource, :touch, 9, '2026-11-23')",
        "cost_entries": "INSERT INTO cost_entries (client_id, provider, operation, key, units, reserved_aud, touch_id)"
        " VALUES (:ours, 'resend', 'send', 'k', 1, 1, :touch)",
        "conversations": "INSERT INTO conversations (client_id, lead_id, channel, last_message_at)"
        " VALUES (:ours, :lead, 'email', app.now())",
        "meetings": "INSERT INTO meetings (client_id, lead_id, provider, provider_uid, status, provider_updated_at)"
        " VALUES (:ours, :lead, 'cal_com', 'u', 'booked', app.now())",
        "holds": "INSERT INTO holds (client_id, lead_id, reason) VALUES (:ours, :lead, 'x')",
    }[table]
    names = {name: value for name, value in values.items() if f":{name}" in statement}
    with pytest.raises(IntegrityError, match="foreign key constraint"):
        await change(database, statement, **names)
