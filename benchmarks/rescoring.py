"""Scoring 100,000 leads of one client again and writing it down, beside COPY of the finished values and one UPDATE.

The peer gets the very values that ours writes, explanations included, and the same table with its audit triggers. Both
must leave the same leads and as many audit entries.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from agency_os.config import load_settings
from agency_os.db import Database
from agency_os.domain.als import Component
from agency_os.kit.ids import new_ids
from agency_os.orchestration.tasks.scoring_tasks import rescore_client
from agency_os.repositories.lead_facts import facts_to_columns
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.services import Services, build_services
from benchmarks.databases import Filled, Recording, Statement, Urls, filled, recorded
from benchmarks.harness import Limit, Pair, Reading
from benchmarks.lead_columns import PROFILE, facts_at, make_columns
from tests.factories.api import api_env
from tests.factories.outreach import BEFORE, MONDAY_NOON, make_agency
from tests.support.servers import Servers

LEADS = 100_000
SLICE = 20_000
"""Rows of one UPDATE of the peer: what the audit trigger gathers of a statement stands in one jsonb, 256 MB at most."""
LATER = MONDAY_NOON + timedelta(hours=1)
WEIGHTS = {"data_quality": 10, "authority": 40, "company_fit": 30, "timing": 10, "risk": 10}
_POINTS = tuple(f"als_{component.value}" for component in Component)
_COLUMNS = ("id", "als_score", "als_tier", *_POINTS, "als_components", "reason")
_TABLE = """
    CREATE TEMPORARY TABLE finished (
        id uuid, als_score integer, als_tier text, als_data_quality integer, als_authority integer,
        als_company_fit integer, als_timing integer, als_risk integer, als_components jsonb, reason text, n integer
    ) ON COMMIT DROP
"""
_UPDATE = f"""
    UPDATE leads AS l SET
        {", ".join(f"{name} = f.{name}" for name in _COLUMNS[1:-1])}, als_weights_used = $1::jsonb, scored_at = $2,
        status_reason = f.reason
    FROM finished AS f WHERE l.id = f.id AND f.n >= $3 AND f.n < $4
"""  # noqa: S608  # column names of our own

_DIGEST = f"""
    SELECT md5(string_agg(concat_ws('|', {", ".join(_COLUMNS[:-1])}, als_weights_used, scored_at), ',' ORDER BY id))
        || (SELECT count(*) FROM audit_logs WHERE table_name = 'leads')
    FROM leads
"""  # noqa: S608  # as above


@asynccontextmanager
async def rescoring(servers: Servers, scale: float) -> AsyncIterator[Sequence[Pair]]:
    """The leads have a score and its explanation from before the client's weights changed."""
    desk = _Desk(max(int(LEADS * scale), 100))
    async with filled(servers, desk.fill) as source:
        desk.source = source
        await desk.prepare()
        yield [Pair("rescoring", "COPY and UPDATE", "lead", desk.ours, desk.peer, Limit(Reading.SPEED, 0.6))]


@dataclass
class _Desk:
    count: int
    client_id: UUID = field(init=False)
    source: Filled = field(init=False)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    weights: str = ""
    digest: str = ""

    async def fill(self, urls: Urls) -> None:
        """Leads with a score of before. The audit trail of getting there would only be copied: it is left out."""
        database = Database.connect(urls.app)
        profile: dict[str, Any] = {
            "icp_industries": list(PROFILE.industries),
            "icp_company_sizes": list(PROFILE.company_sizes),
            "icp_locations": list(PROFILE.locations),
            "icp_confirmed_at": BEFORE,
        }
        async with database.transaction(now=BEFORE) as db:
            self.client_id = (await make_agency(db, **profile)).client_id
        await database.close()
        owner = await asyncpg.connect(urls.owner)
        await owner.execute("ALTER TABLE leads DISABLE TRIGGER USER")
        await self._copy_leads(owner)
        services = _services(urls)
        await rescore_client(services, self.client_id, MONDAY_NOON)
        await services.aclose()
        await owner.execute("ALTER TABLE leads ENABLE TRIGGER USER")
        await owner.execute("UPDATE clients SET als_weights = $1", json.dumps(WEIGHTS))
        await owner.execute("VACUUM FULL leads")
        await owner.close()

    async def prepare(self) -> None:
        """The values that ours writes are the peer's finished ones."""
        recording = Recording()
        async with self.source.copy() as urls:
            services = _services(urls)
            with recorded(services.infra.database, recording):
                await rescore_client(services, self.client_id, LATER)
            await services.aclose()
        for step in recording.steps:
            if isinstance(step, Statement) and "UPDATE leads" in step.text:
                self.weights, _, *columns, _ = step.parameters
                self.rows += zip(*columns, strict=True)
        self.rows = [(*row, number) for number, row in enumerate(self.rows)]

    async def ours(self) -> float:
        async with self.source.copy() as urls:
            services = _services(urls)
            async with services.infra.database.transaction(now=LATER):
                pass  # connected
            begun = perf_counter()
            counts = await rescore_client(services, self.client_id, LATER)
            seconds = perf_counter() - begun
            await services.aclose()
            await self._check(urls)
        if counts["leads scored again"] != self.count:
            raise AssertionError(f"{counts} of {self.count} leads")
        return seconds / self.count

    async def peer(self) -> float:
        async with self.source.copy() as urls:
            connection = await asyncpg.connect(urls.app)
            begun = perf_counter()
            async with connection.transaction():
                await connection.execute("SELECT set_config('app.now', $1, true)", LATER.isoformat())
                await connection.execute("SET LOCAL ROLE service_role")
                await connection.execute(_TABLE)
                await connection.copy_records_to_table("finished", records=self.rows, columns=(*_COLUMNS, "n"))
                await connection.execute("ANALYZE finished")
                for first in range(0, self.count, SLICE):
                    await connection.execute(_UPDATE, self.weights, LATER, first, first + SLICE)
            seconds = perf_counter() - begun
            await connection.close()
            await self._check(urls)
        return seconds / self.count

    async def _check(self, urls: Urls) -> None:
        """Both sides leave the same scores, explanations and number of audit entries."""
        owner = await asyncpg.connect(urls.owner)
        found = await owner.fetchval(_DIGEST)
        await owner.close()
        self.digest = self.digest or found
        if found != self.digest:
            raise AssertionError("the peer and ours left different leads")

    async def _copy_leads(self, owner: asyncpg.Connection) -> None:
        leads = make_columns(self.count)
        records = []
        for row, lead_id in enumerate(new_ids(self.count)):
            columns = facts_to_columns(facts_at(leads, row))
            columns |= {
                "id": lead_id,
                "client_id": self.client_id,
                "email": f"pat{row}@company{row}.example",
                "phone": f"+614{row:08}" if columns["phone"] else None,
                "linkedin_url": f"https://www.linkedin.com/in/pat{row}" if columns["linkedin_url"] else None,
                "field_sources": json.dumps(columns["field_sources"]),
                "status": "scored",
                "scored_at": BEFORE,
                "created_at": BEFORE,
            }
            records.append(columns)
        names = list(records[0])
        values = [tuple(record[name] for name in names) for record in records]
        await owner.copy_records_to_table("leads", records=values, columns=names)


def _services(urls: Urls) -> Services:
    return build_services(build_infrastructure(load_settings(api_env(urls.app))))
