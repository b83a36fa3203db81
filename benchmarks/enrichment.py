"""What enriching a lead costs over the sandbox's world, beside a clairvoyant: A$ a lead, not seconds.

The clairvoyant follows the same rules and caps (design decision 4) and skips the look-ups that find nothing: those
whose answer changes no fact of the lead. It knows this in advance; we have to ask. Both are counted in one run over the
demo's list: our ledger, and of it what the answers that taught something cost.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from agency_os.config import CostSettings
from agency_os.db import Database
from agency_os.domain.enrichment import Lookup
from agency_os.domain.facts import LeadFacts
from agency_os.domain.merging import merge_facts
from agency_os.engines.answers import AnswerEngine
from agency_os.engines.scout import ScoutEngine
from agency_os.integrations.apify import ApifyClient
from agency_os.integrations.apify_facts import ApifySource
from agency_os.integrations.apollo import ApolloClient
from agency_os.integrations.apollo_facts import ApolloSource
from agency_os.integrations.clay import ClayClient, parse_answer
from agency_os.integrations.clay_facts import ClaySource, facts_of
from agency_os.integrations.fact_source import Answer, Awaited, FactSource, Found, Unclear
from agency_os.integrations.hunter import HunterClient
from agency_os.integrations.hunter_facts import HunterSource
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.redis import Cache
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.ids import new_id
from agency_os.kit.retry import RateLimit
from agency_os.kit.tokens import PersonHash
from agency_os.orchestration.tasks.enrichment_tasks import enrich_client
from agency_os.repositories.inbound_event import ReceivedEvent
from agency_os.repositories.report import ReportRepository
from agency_os.stack.demo_plan import sample_leads
from agency_os.wiring.importing import import_leads
from agency_os.wiring.services import Services
from agency_os_sandbox.app import Options, Sandbox
from benchmarks.databases import Filled, Urls, filled
from benchmarks.harness import Limit, Pair, Reading
from tests.factories.outreach import MONDAY_NOON, PERSON_KEY, make_agency
from tests.factories.sandbox import SECRETS, SEED
from tests.support.servers import Servers
from tests.support.wire import InProcess

HASHES = PersonHash(PERSON_KEY)
COSTS = CostSettings()
LEAST = 20
HOST = "http://sandbox.example"
ANSWERED = timedelta(hours=2)


@asynccontextmanager
async def enrichment(servers: Servers, scale: float) -> AsyncIterator[Sequence[Pair]]:
    """The demo's list of 500, imported for one client."""
    desk = _Desk(scale, f"redis://127.0.0.1:{servers.cache_port}/0")
    async with filled(servers, desk.fill) as source:
        desk.source = source
        yield [Pair("enrichment", "a clairvoyant", "A$ a lead", desk.ours, desk.clairvoyant, Limit(Reading.COST, 1.15))]


@dataclass
class _Taught:
    """Notes what a source's answers taught, and what those cost; a source like every other to the scout."""

    inner: FactSource
    spent: Decimal = Decimal(0)
    useful: Decimal = Decimal(0)
    handed: dict[str, LeadFacts] = field(default_factory=dict)

    @property
    def lookup(self) -> Lookup:
        return self.inner.lookup

    @property
    def batch_limit(self) -> int:
        return self.inner.batch_limit

    @property
    def repeatable(self) -> bool:
        return self.inner.repeatable

    @property
    def answers_later(self) -> bool:
        return self.inner.answers_later

    @property
    def unit_cost(self) -> Decimal:
        return self.inner.unit_cost

    def operation(self, facts: LeadFacts) -> str:
        return self.inner.operation(facts)

    def identity(self, facts: LeadFacts) -> str:
        return self.inner.identity(facts)

    def most_units(self, facts: LeadFacts) -> Decimal:
        return self.inner.most_units(facts)

    async def ask(self, people: Sequence[LeadFacts], references: Sequence[str], today: date) -> list[Answer]:
        answers = await self.inner.ask(people, references, today)
        for facts, reference, answer in zip(people, references, answers, strict=True):
            match answer:
                case Found(found, units):
                    self.note(facts, found, units, today)
                case Awaited():
                    self.handed[reference] = facts
                case Unclear(_, units):
                    self.spent += (units or Decimal(0)) * self.unit_cost
        return answers

    def note(self, facts: LeadFacts, found: LeadFacts, units: Decimal, today: date) -> None:
        """Count one answer."""
        self.spent += units * self.unit_cost
        if merge_facts(facts, found, today) != facts:
            self.useful += units * self.unit_cost


class _Desk:
    def __init__(self, scale: float, redis_url: str) -> None:
        self._scale = scale
        self._redis_url = redis_url
        self.source: Filled
        self._client_id = UUID(int=0)
        self._known: tuple[float, float] | None = None

    async def fill(self, urls: Urls) -> None:
        database = Database.connect(urls.app)
        async with database.transaction(now=MONDAY_NOON) as db:
            agency = await make_agency(db, credits_remaining=1250)
        self._client_id = agency.client_id
        lines = sample_leads().read_bytes().splitlines(keepends=True)
        count = max(int((len(lines) - 1) * min(self._scale, 1.0)), LEAST)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "leads.csv"
            path.write_bytes(b"".join(lines[: count + 1]))
            with path.open("rb") as stream:
                await import_leads(
                    database, HASHES, client_id=agency.client_id, campaign_id=agency.campaign_id, stream=stream,
                    file_name=path.name, options=None, now=MONDAY_NOON,
                )  # fmt: skip
        await database.close()

    async def ours(self) -> float:
        """A$ a lead."""
        if self._known is None:
            self._known = await self._enriched()
        return self._known[0]

    async def clairvoyant(self) -> float:
        """A$ a lead of the same leads, without the look-ups that taught nothing."""
        if self._known is None:
            self._known = await self._enriched()
        return self._known[1]

    async def _enriched(self) -> tuple[float, float]:
        with TemporaryDirectory() as folder:
            sandbox = Sandbox(Options(Path(folder), "http://127.0.0.1:9", SECRETS, SEED, MONDAY_NOON))
            async with self.source.copy() as urls:
                database, cache = Database.connect(urls.app), Cache(self._redis_url)
                taught, clay = _sources(sandbox)
                wall = FakeWallClock()
                scout = ScoutEngine(cache, taught, HASHES, wall)
                infra = SimpleNamespace(database=database, cache=cache, hashes=HASHES, wall=wall)
                services = cast("Services", SimpleNamespace(infra=infra, scout=scout))
                await self._until_done(services, MONDAY_NOON)
                await _call_back(sandbox, database, clay, {source.lookup: source for source in taught}[Lookup.CLAY])
                await self._until_done(services, MONDAY_NOON + ANSWERED)
                leads = await self._check(database, sum((source.spent for source in taught), Decimal(0)))
                await cache.aclose()
                await database.close()
            sandbox.store.close()
        spent, useful = sum(source.spent for source in taught), sum(source.useful for source in taught)
        return float(spent) / leads, float(useful) / leads

    async def _until_done(self, services: Services, now: datetime) -> None:
        while (await enrich_client(services, self._client_id, now))["remaining"]:
            pass

    async def _check(self, database: Database, spent: Decimal) -> int:
        """The leads that went through; the ledger has to say what was noted here."""
        async with database.transaction(now=MONDAY_NOON) as db:
            booked, leads = await ReportRepository(db).enrichment(self._client_id)
        if booked != spent:
            raise AssertionError(f"the ledger says A${booked}, the sources were paid A${spent}")
        return leads


def _sources(sandbox: Sandbox) -> tuple[list[_Taught], ClaySource]:
    transport, wall = InProcess(sandbox.app), FakeWallClock()

    def connection(path: str) -> Connection:
        return Connection(transport, f"{HOST}{path}", "key", RateLimit(1_000_000, wall), wall)

    clay = ClaySource(ClayClient(connection("/clay/v3/sources/webhook/bench"), Decimal(4)), COSTS.clay)
    actor = "apify~website-content-crawler"
    found: list[FactSource] = [
        ApolloSource(ApolloClient(connection("/apollo/api/v1")), COSTS.apollo),
        HunterSource(HunterClient(connection("/hunter/v2")), COSTS.hunter),
        ApifySource(ApifyClient(connection("/apify"), actor), COSTS.apify),
        clay,
    ]
    return [_Taught(source) for source in found], clay


async def _call_back(sandbox: Sandbox, database: Database, clay: ClaySource, noted: _Taught) -> None:
    """Let the table's callbacks arrive."""
    now = MONDAY_NOON + ANSWERED
    for row in sandbox.store.all("SELECT body FROM outbox WHERE provider = 'clay' ORDER BY n"):
        body: Mapping[str, Any] = json.loads(row["body"])
        content = row["body"].encode()
        event = ReceivedEvent(new_id(), "clay", str(body["id"]), "row", content, now, now, 0)
        async with database.transaction(now=now) as db:
            await AnswerEngine(clay).read(db, event, now=now)
        found = facts_of(parse_answer(content), now.date())
        noted.note(noted.handed.pop(str(body["id"])), found, clay.charged(found), now.date())
