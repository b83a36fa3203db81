"""The scout's premium pass: who goes to Clay, within its caps, leased and booked like every other look-up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text

from agency_os.db import Database
from agency_os.domain.enrichment import Lookup
from agency_os.domain.facts import Fact, LeadFacts
from agency_os.integrations.fact_source import Answer, Found
from agency_os.integrations.redis import Cache
from agency_os.kit.transaction import refuse_if_open
from agency_os.orchestration.tasks.enrichment_tasks import enrich_client
from tests.conftest import DatabaseUrls
from tests.factories.enrichment import Providers, add_new_leads, people, services
from tests.factories.outreach import BEFORE, MONDAY_NOON, make_agency


@dataclass
class Premium:
    """A premium source that knows everybody's email."""

    lookup: Lookup = Lookup.CLAY
    batch_limit: int = 5
    repeatable: bool = False
    answers_later: bool = False
    unit_cost: Decimal = Decimal("0.077")
    asked: list[str] = field(default_factory=list)

    def operation(self, facts: LeadFacts) -> str:  # noqa: ARG002 - the protocol's
        return "enrich"

    def identity(self, facts: LeadFacts) -> str:
        return str(facts.last_name)

    def most_units(self, facts: LeadFacts) -> Decimal:  # noqa: ARG002 - the protocol's
        return Decimal(4)

    async def ask(self, people: Sequence[LeadFacts], references: Sequence[str], today: date) -> list[Answer]:  # noqa: ARG002
        refuse_if_open()
        names = [facts.last_name.value for facts in people if facts.last_name is not None]
        self.asked += names
        return [
            Found(LeadFacts(email=Fact(f"{name.lower()}@clay.example", "clay", today, 0.9)), Decimal(2))
            for name in names
        ]


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database.connect(database_urls.app_dsn)
    yield database
    await database.close()


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[Cache]:
    cache = Cache(redis_url)
    yield cache
    await cache.aclose()


async def test_at_most_15_percent_of_a_batch_goes_to_the_premium_source_because_it_fails(
    database: Database, cache: Cache
) -> None:
    providers, premium = Providers(), Premium()
    async with database.transaction(now=BEFORE) as db:
        client_id = (await make_agency(db)).client_id
        await add_new_leads(db, client_id, people(40, in_apollo=False, email=None))
    counts = await enrich_client(services(database, cache, providers, clay=premium), client_id, MONDAY_NOON)
    assert (len(premium.asked), counts["leads enriched"], counts["leads not good enough"]) == (6, 6, 34)
    async with database.transaction(now=MONDAY_NOON) as db:
        booked = (await db.execute(text("SELECT sum(settled_aud) FROM cost_entries WHERE provider = 'clay'"))).scalar()
    assert booked == 12 * premium.unit_cost


async def test_a_premium_answer_is_paid_once(database: Database, cache: Cache) -> None:
    providers, premium = Providers(), Premium()
    for _ in range(2):
        async with database.transaction(now=BEFORE) as db:
            client_id = (await make_agency(db)).client_id
            await add_new_leads(db, client_id, people(7, in_apollo=False, email=None))
        await enrich_client(services(database, cache, providers, clay=premium), client_id, MONDAY_NOON)
    assert len(premium.asked) == 1


async def test_without_a_cache_nothing_is_paid_twice(database: Database) -> None:
    dead = Cache("redis://127.0.0.1:1/0")
    providers = Providers(people=people(3))
    for _ in range(2):
        async with database.transaction(now=BEFORE) as db:
            client_id = (await make_agency(db)).client_id
            await add_new_leads(db, client_id, providers.people)
        counts = await enrich_client(services(database, dead, providers), client_id, MONDAY_NOON)
        assert counts["leads enriched"] == 3
    assert providers.charged["apollo"] == 3
    await dead.aclose()
