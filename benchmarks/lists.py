"""Lists and detail under row-level security beside the very same statements without it, and deep pages beside page 1.

The statements are those that our repositories send, noted once; both sides send them over one connection each, with the
role and the claims of a request for one of the sides.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from agency_os.db import Database
from agency_os.kit.clock import SystemWallClock
from agency_os.repositories.lead import LeadRepository
from benchmarks.databases import Recording, Statement, Urls, filled, recorded
from benchmarks.harness import Limit, Pair, Reading
from tests.factories.identity import make_client, make_member
from tests.support.servers import Servers

LEADS = 1_000_000
PAGES = 300
LIMIT = 51
_FILL = """
    INSERT INTO leads (id, client_id, email, first_name, last_name, title, company, als_score, als_tier, status)
    SELECT app.uuid_v7(), $1, 'p' || n || '@firm' || n % 5000 || '.example', 'Pat', 'Lee', 'Owner', 'Firm', n % 101,
        'cold', 'scored'
    FROM generate_series(1, $2::integer) AS n
"""
_CLAIMS = "SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true)"


@asynccontextmanager
async def lists(servers: Servers, scale: float) -> AsyncIterator[Sequence[Pair]]:
    """One client's leads, read by one of its people."""
    count = max(int(LEADS * scale), 500)
    made: dict[str, UUID] = {}

    async def fill(urls: Urls) -> None:
        owner = await asyncpg.connect(urls.owner)
        made["client"] = await make_client(owner)
        made["user"] = await make_member(owner, made["client"], "member")
        other = await make_client(owner, "Other")
        await owner.execute("SET session_replication_role = replica")  # the trail of it is not wanted
        await owner.execute(_FILL, made["client"], count)
        await owner.execute(_FILL, other, count // 10)
        await owner.close()

    async with filled(servers, fill) as source, source.copy() as urls:
        statements = await _statements(urls, made["client"], min(PAGES, count // 4))
        for found in statements.values():
            await _warm(urls, made["user"], found)
        yield [
            *(
                Pair(
                    f"{name} under RLS",
                    "the same SQL without",
                    "page" if "page" in name else "lead",
                    _Reader(urls, "authenticated", made["user"], statements[name]).read,
                    _Reader(urls, "service_role", None, statements[name]).read,
                    Limit(Reading.COST, 1.3),
                )
                for name in ("page of leads", "page of leads by score", "lead in detail")
            ),
            *(
                Pair(
                    f"{name}, at any depth",
                    "page 1",
                    "page",
                    _Reader(urls, "authenticated", made["user"], statements[name]).read,
                    _Reader(urls, "authenticated", made["user"], statements[f"first {name}"]).read,
                    Limit(Reading.COST, 1.5),
                )
                for name in ("page of leads", "page of leads by score")
            ),
        ]


async def _statements(urls: Urls, client_id: UUID, pages: int) -> dict[str, list[Statement]]:
    """What our repositories send: pages at random depths, first pages, leads in detail."""
    owner = await asyncpg.connect(urls.owner)
    everybody = await owner.fetch("SELECT id, als_score FROM leads WHERE client_id = $1 ORDER BY id", client_id)
    await owner.close()
    places = Random(7).sample(range(LIMIT, len(everybody)), pages)  # noqa: S311  # places, not secrets
    asked = [(everybody[place]["id"], everybody[place]["als_score"]) for place in places]
    database = Database.connect(urls.app)
    found: dict[str, list[Statement]] = {}
    async with database.transaction(now=SystemWallClock().now()) as db:
        leads = LeadRepository(db, client_id)

        async def note(name: str, **named: Any) -> None:
            recording = Recording()
            with recorded(database, recording):
                await leads.page(limit=LIMIT, filters={}, **named)
            found.setdefault(name, []).extend(each for each in recording.steps if isinstance(each, Statement))

        for row_id, score in asked:
            await note("page of leads", by_score=False, after_id=row_id)
            await note("page of leads by score", by_score=True, after_score=(score, row_id))
            await note("first page of leads", by_score=False)
            await note("first page of leads by score", by_score=True)
            recording = Recording()
            with recorded(database, recording):
                lead = await leads.view(row_id)
                await leads.consents(row_id)
                await leads.holds(row_id, lead.company_id, SystemWallClock().now())
            found.setdefault("lead in detail", []).extend(
                each for each in recording.steps if isinstance(each, Statement)
            )
    await database.close()
    return found


async def _warm(urls: Urls, user_id: UUID, statements: Sequence[Statement]) -> None:
    """The first reading of a page fetches it from the disk; that is nobody's speed."""
    await _Reader(urls, "authenticated", user_id, statements).read()


@dataclass
class _Reader:
    urls: Urls
    role: str
    user_id: UUID | None
    statements: Sequence[Statement]

    async def read(self) -> float:
        connection = await asyncpg.connect(self.urls.app, statement_cache_size=0)
        claims = json.dumps({"sub": str(self.user_id), "role": "authenticated"}) if self.user_id else ""
        try:
            async with connection.transaction():
                await connection.execute(_CLAIMS, self.role, claims)
                begun = perf_counter()
                rows = 0
                for each in self.statements:
                    rows += len(await connection.fetch(each.text, *each.parameters))
                seconds = perf_counter() - begun
        finally:
            await connection.close()
        if not rows:
            raise AssertionError("nothing was read")
        return seconds / len(self.statements)
