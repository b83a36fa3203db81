"""Liveness and readiness: is the process up, and can each part that it stands on be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from agency_os.api.dependencies import WebDep
from agency_os.db.migrate import load_migrations
from agency_os.exceptions import AgencyOSError
from agency_os.repositories.health import HealthRepository
from agency_os.wiring.web import Web

SECONDS = 3.0
"""What a part may take to answer, in seconds of wall time."""

router = APIRouter(prefix="/health", tags=["health"])


class Part(BaseModel):
    """One part; ``todo`` says what to do where it is not well."""

    ok: bool
    todo: str | None = Field(None, examples=["REDIS_URL does not answer: start the cache, or check the address"])


class Readiness(BaseModel):
    """All parts."""

    ready: bool
    parts: dict[str, Part]


@router.get("/live", summary="The process is up")
async def live() -> dict[str, bool]:
    """Asks nobody else."""
    return {"live": True}


@router.get("/ready", summary="Every part can be reached", responses={503: {"model": Readiness}})
async def ready(web: WebDep, response: Response) -> Readiness:
    """503 while a part is missing; the cache may be away, since PostgreSQL is the truth."""
    checks: dict[str, Callable[[Web], Awaitable[str | None]]] = {
        "database": _database,
        "cache": _cache,
        "prefect": _prefect,
        "business_clock": _clock,
    }
    found = await asyncio.gather(*(_asked(check, web) for check in checks.values()))
    parts = {name: Part(ok=todo is None, todo=todo) for name, todo in zip(checks, found, strict=True)}
    is_ready = all(part.ok for name, part in parts.items() if name != "cache")
    response.status_code = 200 if is_ready else 503
    return Readiness(ready=is_ready, parts=parts)


async def _asked(check: Callable[[Web], Awaitable[str | None]], web: Web) -> str | None:
    try:
        async with asyncio.timeout(SECONDS):
            return await check(web)
    except TimeoutError:
        return f"no answer within {SECONDS:g} s"
    except AgencyOSError as error:
        return str(error)


async def _database(web: Web) -> str | None:
    versions = [migration.version for migration in load_migrations()]
    async with web.infra.database.transaction(now=_epoch(web)) as db:
        missing = await HealthRepository(db).missing(versions)
    return f"migrations {', '.join(missing)} are missing: run `agency-os migrate`" if missing else None


async def _cache(web: Web) -> str | None:
    return None if await web.infra.cache.ping() else "REDIS_URL does not answer: start the cache, or check the address"


async def _prefect(web: Web) -> str | None:
    well = await web.infra.prefect.healthy()
    return None if well else "PREFECT_API_URL does not answer: start the server, or check the address"


async def _clock(web: Web) -> str | None:
    await web.infra.clock.now()
    return None


def _epoch(web: Web) -> datetime:
    return web.infra.wall.now()
