"""Liveness asks nobody; readiness names the part that is missing, and what to do about it."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import asyncpg
import httpx
import pytest

from agency_os.api.routes import health
from agency_os.db.migrate import load_migrations
from agency_os.exceptions import UnavailableError
from tests.conftest import DatabaseUrls
from tests.factories.api import PrefectStandIn, api_settings, make_web, serving


class Deaf:
    """A clock that never answers."""

    async def now(self) -> datetime:
        await asyncio.sleep(60)
        raise UnavailableError("never")


class DeadPrefect(PrefectStandIn):
    async def send(self, request: Any) -> Any:
        raise UnavailableError(f"nobody at {request.url}")


async def readiness(**parts: Any) -> httpx.Response:
    async with serving(make_web(**parts)) as client:
        return await client.get("/health/ready")


def missing(answer: httpx.Response) -> set[str]:
    return {name for name, part in answer.json()["parts"].items() if not part["ok"]}


async def test_liveness_needs_no_other_part() -> None:
    async with serving(make_web(api_settings(), prefect=DeadPrefect(), clock=Deaf())) as client:
        found = await client.get("/health/live")
    assert (found.status_code, found.json()) == (200, {"live": True})


async def test_everything_there_is_ready(client: httpx.AsyncClient) -> None:
    found = await client.get("/health/ready")
    assert (found.status_code, found.json()["ready"], missing(found)) == (200, True, set())
    assert set(found.json()["parts"]) == {"database", "cache", "prefect", "business_clock"}


async def test_each_missing_part_is_named_with_what_to_do_and_without_addresses() -> None:
    found = await readiness(settings=api_settings(), prefect=DeadPrefect())
    assert (found.status_code, missing(found)) == (503, {"database", "cache", "prefect"})
    todos = {part["todo"].partition(" ")[0] for part in found.json()["parts"].values() if part["todo"]}
    assert todos == {"DATABASE_URL", "REDIS_URL", "PREFECT_API_URL"}
    assert "127.0.0.1" not in found.text


async def test_the_cache_may_be_away(database_urls: DatabaseUrls) -> None:
    found = await readiness(settings=api_settings(DATABASE_URL=database_urls.app_dsn))
    assert (found.status_code, missing(found)) == (200, {"cache"})


async def test_prefect_may_be_away_and_is_told(database_urls: DatabaseUrls, redis_url: str) -> None:
    settings = api_settings(DATABASE_URL=database_urls.app_dsn, REDIS_URL=redis_url)
    found = await readiness(settings=settings, prefect=DeadPrefect())
    assert (found.status_code, found.json()["ready"], found.json()["degraded"]) == (200, True, ["prefect"])


async def test_a_part_that_hangs_is_given_up(database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SECONDS", 0.3)
    begun = time.monotonic()
    found = await readiness(settings=api_settings(DATABASE_URL=database_urls.app_dsn), clock=Deaf())
    assert (found.status_code, "business_clock" in missing(found)) == (503, True)
    assert time.monotonic() - begun < 5


async def test_a_pending_migration_is_named(client: httpx.AsyncClient, database_urls: DatabaseUrls) -> None:
    newest = load_migrations()[-1].version
    connection = await asyncpg.connect(database_urls.owner_dsn)
    await connection.execute("DELETE FROM supabase_migrations.schema_migrations WHERE version = $1", newest)
    await connection.close()
    found = await client.get("/health/ready")
    todo = f"migrations {newest} are missing: run `agency-os migrate`"
    assert (found.status_code, found.json()["parts"]["database"]) == (503, {"ok": False, "todo": todo})


async def test_a_database_without_any_migration_is_not_our_crash(empty_database_urls: DatabaseUrls) -> None:
    found = await readiness(settings=api_settings(DATABASE_URL=empty_database_urls.app_dsn))
    assert found.status_code == 503
    assert "agency-os migrate" in found.json()["parts"]["database"]["todo"]


async def test_a_wrong_password_is_told_without_it(database_urls: DatabaseUrls) -> None:
    address = database_urls.app_dsn.partition("@")[2]
    found = await readiness(settings=api_settings(DATABASE_URL=f"postgresql://agency_os_app:hunter2@{address}"))
    assert (found.status_code, "database" in missing(found)) == (503, True)
    assert "hunter2" not in found.text
