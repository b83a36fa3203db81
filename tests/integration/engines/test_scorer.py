"""The scorer against a real database: columns, weights, explanation, dead leads, the client's own profile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from agency_os.db import Database
from agency_os.exceptions import InvalidInputError
from agency_os.integrations.redis import Cache
from agency_os.orchestration.tasks.scoring_tasks import clients_to_score, rescore_client, score_client
from tests.conftest import DatabaseUrls
from tests.factories.enrichment import HASHES, Providers, add_new_leads, people, services
from tests.factories.outreach import BEFORE, MONDAY_NOON, make_agency

GOOD = {
    "with_email": True,
    "status": "enriched",
    "title": "Owner",
    "phone": "+61412345678",
    "linkedin_url": None,
    "organization_employee_count": 20,
    "organization_country": "Australia",
    "organization_industry": "dental",
}


class Desk:
    def __init__(self, database: Database, cache: Cache) -> None:
        self.services = services(database, cache, Providers())
        self.database = database
        self.client_id = UUID(int=0)

    async def set_up(self, count: int = 1, *, client: dict[str, Any] | None = None, **lead: Any) -> None:
        async with self.database.transaction(now=BEFORE) as db:
            self.client_id = (await make_agency(db, **(client or {}))).client_id
            await add_new_leads(db, self.client_id, people(count), **{**GOOD, **lead})

    async def score(self) -> dict[str, int]:
        return await score_client(self.services, self.client_id, MONDAY_NOON)

    async def again(self, now: datetime = MONDAY_NOON + timedelta(hours=1)) -> dict[str, int]:
        return await rescore_client(self.services, self.client_id, now)

    async def one(self, query: str, **values: Any) -> Any:
        async with self.database.transaction(now=MONDAY_NOON) as db:
            found: Any = await db.execute(text(query), values)
            return found.one() if found.returns_rows else None


@pytest.fixture
async def desk(database_urls: DatabaseUrls, redis_url: str) -> AsyncIterator[Desk]:
    database, cache = Database.connect(database_urls.app_dsn), Cache(redis_url)
    yield Desk(database, cache)
    await cache.aclose()
    await database.close()


async def test_a_score_is_stored_with_its_components_tier_and_weights(desk: Desk) -> None:
    await desk.set_up()
    assert await desk.score() == {"leads scored": 1, "leads dead": 0, "remaining": 0}
    lead = await desk.one(
        "SELECT status, als_data_quality, als_authority, als_company_fit, als_timing, als_risk, als_score, als_tier, "
        "status_reason, scored_at FROM leads"
    )
    assert tuple(lead) == ("scored", 8, 25, 15, 0, 15, 63, "warm", None, MONDAY_NOON)
    assert (await desk.one("SELECT als_weights_used ->> 'source' FROM leads"))[0] == "default"


async def test_every_point_is_explained_with_field_source_and_date(desk: Desk) -> None:
    sources = {"title": {"source": "apollo", "as_of": "2026-10-01", "confidence": 0.9}}
    await desk.set_up(field_sources=sources)
    await desk.score()
    line = await desk.one(
        "SELECT e FROM leads, jsonb_array_elements(als_components -> 'explanation') AS e "
        "WHERE e ->> 'rule' = 'seniority'"
    )
    assert '"source": "apollo"' in str(line[0]).replace("'", '"')
    assert (await desk.one("SELECT jsonb_array_length(als_components -> 'explanation') FROM leads"))[0] == 16


async def test_a_dead_lead_keeps_the_reason(desk: Desk) -> None:
    await desk.set_up(
        title="Student", phone=None, organization_employee_count=None, organization_country="France", state=None
    )
    assert (await desk.score())["leads dead"] == 1
    lead = await desk.one("SELECT status, als_tier, status_reason FROM leads")
    assert tuple(lead) == ("scored", "dead", "ALS 12 of 100 is too low: no channel is open to this lead")


async def test_a_confirmed_profile_with_its_weights_counts(desk: Desk) -> None:
    weights = {"data_quality": 10, "authority": 10, "company_fit": 60, "timing": 10, "risk": 10}
    profile = {"icp_industries": ["Dentist"], "icp_confirmed_at": BEFORE, "als_weights": weights}
    await desk.set_up(client=profile)
    await desk.score()
    lead = await desk.one("SELECT als_company_fit, als_score, als_weights_used ->> 'source' FROM leads")
    assert tuple(lead) == (25, 84, "icp")


async def test_an_unconfirmed_profile_does_not_count(desk: Desk) -> None:
    await desk.set_up(client={"icp_industries": ["Dentist"], "als_weights": {"data_quality": 100}})
    await desk.score()
    assert (await desk.one("SELECT als_company_fit FROM leads"))[0] == 15


async def test_confident_learned_weights_go_before_the_profiles(desk: Desk) -> None:
    values = {"data_quality": 0, "authority": 100, "company_fit": 0, "timing": 0, "risk": 0}
    learned = {"weights": values, "confidence": 0.8, "valid_until": "2027-01-01T00:00:00+00:00"}
    await desk.set_up(client={"als_learned_weights": learned})
    await desk.score()
    assert tuple(await desk.one("SELECT als_score, als_weights_used ->> 'source' FROM leads")) == (100, "learned")


async def test_weights_that_are_none_are_said_plainly(desk: Desk) -> None:
    await desk.set_up(client={"als_weights": {"data_quality": 100}, "icp_confirmed_at": BEFORE})
    with pytest.raises(InvalidInputError, match="ALS weights need exactly"):
        await desk.score()


async def test_an_earlier_opt_out_takes_the_risk_points(desk: Desk) -> None:
    await desk.set_up()
    await desk.one(
        "INSERT INTO client_suppression (client_id, channel, address_hash, reason) VALUES (:c, 'email', :d, 'asked')",
        c=desk.client_id,
        d=HASHES.of("email", "pat0@company0.example"),
    )
    await desk.score()
    assert (await desk.one("SELECT als_risk FROM leads"))[0] == 0


async def test_a_batch_is_500_and_the_rest_is_reported(desk: Desk) -> None:
    await desk.set_up(502)
    assert (await desk.score())["remaining"] == 2
    assert await clients_to_score(desk.services, MONDAY_NOON) == [desk.client_id]
    assert (await desk.score()) == {"leads scored": 2, "leads dead": 0, "remaining": 0}


async def test_a_client_that_may_only_read_is_not_scored(desk: Desk) -> None:
    await desk.set_up(client={"subscription_status": "paused"})
    assert await clients_to_score(desk.services, MONDAY_NOON) == []


PROFILE = "UPDATE clients SET icp_confirmed_at = app.now(), icp_locations = '{France}', als_weights = CAST(:w AS jsonb)"
WEIGHTS = '{"data_quality": 0, "authority": 0, "company_fit": 100, "timing": 0, "risk": 0}'


async def test_changed_weights_and_profile_score_every_lead_again(desk: Desk) -> None:
    await desk.set_up(3)
    await desk.score()
    await desk.one(PROFILE, w=WEIGHTS)
    assert await desk.again() == {"leads scored again": 3, "leads dead": 0}
    lead = await desk.one("SELECT DISTINCT als_score, als_company_fit, als_weights_used ->> 'source' FROM leads")
    assert tuple(lead) == (32, 8, "icp")


async def test_a_lead_scored_again_keeps_its_place_in_the_sequence(desk: Desk) -> None:
    await desk.set_up()
    await desk.score()
    await desk.one(
        "UPDATE leads SET status = 'in_sequence', status_reason = 'as told', title = 'Student', phone = NULL"
    )
    await desk.one(PROFILE, w=WEIGHTS.replace("100", "0").replace('"timing": 0', '"timing": 100'))
    assert (await desk.again())["leads dead"] == 1
    assert tuple(await desk.one("SELECT status, status_reason, als_tier FROM leads")) == (
        "in_sequence", "as told", "dead",
    )  # fmt: skip


async def test_a_dead_lead_is_lifted_by_a_later_score(desk: Desk) -> None:
    await desk.set_up(
        title="Student", phone=None, organization_employee_count=None, organization_country="France", state=None
    )
    await desk.score()
    await desk.one(PROFILE, w=WEIGHTS)
    assert (await desk.again())["leads dead"] == 0
    assert tuple(await desk.one("SELECT status, status_reason, als_score FROM leads")) == ("scored", None, 28)


async def test_a_lead_without_a_score_is_not_scored_again(desk: Desk) -> None:
    await desk.set_up()
    assert await desk.again() == {"leads scored again": 0, "leads dead": 0}
    assert (await desk.one("SELECT status FROM leads"))[0] == "enriched"


async def test_scoring_again_goes_over_every_batch_and_leaves_its_entries(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agency_os.engines.scorer.AGAIN", 4)
    await desk.set_up(10)
    await desk.score()
    later = MONDAY_NOON + timedelta(hours=1)
    assert (await desk.again(later))["leads scored again"] == 10
    entries = (
        "SELECT count(*) FROM audit_logs WHERE table_name = 'leads' AND 'scored_at' = ANY (fields) AND verb = 'update'"
    )
    assert (await desk.one(f"{entries} AND created_at = :at", at=later))[0] == 10
