"""Behind PgBouncer in transaction mode: many clients on few connections, none fails, nothing leaks between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from agency_os.db import Database, Role
from agency_os.kit.ids import new_id
from tests.conftest import DatabaseUrls
from tests.factories.outreach import MONDAY_NOON
from tests.support.pooler import pooled

pytestmark = pytest.mark.needs("pgbouncer")

SERVER_CONNECTIONS = 5
_WHO = text("""
    SELECT current_user::text, auth.uid(), app.now(), pg_backend_pid(), public.get_user_client_ids()
""")
_WHO_ALONE = """
    SELECT current_user::text AS caller, coalesce(current_setting('request.jwt.claims', true), '') AS claims,
        coalesce(current_setting('app.now', true), '') AS now
"""


@pytest.fixture
async def pooled_dsn(database_urls: DatabaseUrls, tmp_path: Path) -> AsyncIterator[str]:
    """The application's DSN, by way of a PgBouncer of the test's own."""
    async with pooled(database_urls.app_dsn, tmp_path, connections=SERVER_CONNECTIONS) as dsn:
        yield dsn


@pytest.fixture
async def people(database_urls: DatabaseUrls) -> dict[UUID, UUID]:
    """Eight people, each the owner of a client."""
    owner = await asyncpg.connect(database_urls.owner_dsn)
    found = {new_id(): new_id() for _ in range(8)}
    for user_id, client_id in found.items():
        email = f"{user_id}@team.example"
        await owner.execute("INSERT INTO auth.users (id, email) VALUES ($1, $2)", user_id, email)
        await owner.execute("INSERT INTO clients (id, name) VALUES ($1, 'Agency')", client_id)
        await owner.execute(
            "INSERT INTO memberships (user_id, client_id, role, accepted_at) VALUES ($1, $2, 'owner', now())",
            user_id,
            client_id,
        )
    await owner.close()
    return found


async def ask(database: Database, role: Role, user_id: UUID | None, now: datetime) -> list[tuple[object, ...]]:
    """One transaction with pauses in it: who it is, at its beginning and its end."""
    claims = {"sub": str(user_id)} if user_id else None
    async with database.transaction(now=now, role=role, claims=claims) as db:
        first = tuple((await db.execute(_WHO)).one())
        await asyncio.sleep(0)
        return [first, tuple((await db.execute(_WHO)).one())]


async def test_960_transactions_at_once_none_fails_and_each_is_who_it_says(
    pooled_dsn: str, people: dict[UUID, UUID]
) -> None:
    processes = [Database.connect(pooled_dsn) for _ in range(4)]
    persons = list(people)
    cases: list[tuple[Role, UUID | None, datetime]] = []
    for number in range(960):
        person = persons[number % 8] if number % 3 else None
        cases.append(("authenticated" if person else "service_role", person, MONDAY_NOON + timedelta(seconds=number)))
    answers = await asyncio.gather(*(ask(processes[n % 4], *case) for n, case in enumerate(cases)))
    for database in processes:
        await database.close()
    expected = [(role, person, now, [people[person]] if person else []) for role, person, now in cases]
    for at in (0, 1):
        assert [(row[0], row[1], row[2], row[4]) for row in (answer[at] for answer in answers)] == expected
    assert len({answer[0][3] for answer in answers}) <= SERVER_CONNECTIONS


async def test_role_claims_and_time_end_with_their_transaction(pooled_dsn: str, people: dict[UUID, UUID]) -> None:
    database = Database.connect(pooled_dsn)
    bare = [await asyncpg.connect(pooled_dsn, statement_cache_size=0) for _ in range(4)]

    async def look(connection: asyncpg.Connection) -> set[tuple[str, str, str]]:
        return {tuple((await connection.fetch(_WHO_ALONE))[0]) for _ in range(60)}

    asking = [ask(database, "authenticated", person, MONDAY_NOON) for person in [*people] * 30]
    others = asyncio.gather(*asking)
    seen = await asyncio.gather(*(look(each) for each in bare))
    await others
    for connection in bare:
        await connection.close()
    await database.close()
    assert {each for one in seen for each in one} == {("agency_os_app", "", "")}


async def test_a_transaction_that_breaks_leaves_nothing_of_its_role_behind(
    pooled_dsn: str, people: dict[UUID, UUID]
) -> None:
    database = Database.connect(pooled_dsn)
    person = next(iter(people))
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            async with database.transaction(now=MONDAY_NOON, role="authenticated", claims={"sub": str(person)}):
                raise ZeroDivisionError
    async with database.engine.connect() as connection:
        found = (await connection.execute(text(_WHO_ALONE))).one()
    await database.close()
    assert tuple(found) == ("agency_os_app", "", "")
