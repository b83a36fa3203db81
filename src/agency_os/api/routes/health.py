"""Liveness and readiness: is the process up, and can each part that it stands on be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from agency_os.api.dependencies import WebDep
from agency_os.db.migrate import load_migrations
from agency_os.kit.logging import get_logger
from agency_os.repositories.health import HealthRepository
from agency_os.wiring.web import Web

SECONDS = 3.0
"""What a part may take to answer, in seconds of wall time."""

_REMEDIES: Final = MappingProxyType(
    {
        "database": "DATABASE_URL does not serve: start the database, check the address, run `agency-os migrate`",
        "cache": "REDIS_URL does not answer: start the cache, or check the address",
        "prefect": "PREFECT_API_URL does not answer: start the server, or check the address",
        "business_clock": "BUSINESS_CLOCK does not answer: start the clock, or leave the setting out for the machine's",
    }
)

_SPARED: Final = frozenset({"cache", "prefect"})

router = APIRouter(prefix="/health", tags=["health"])
_log = get_logger(__name__)


class Liveness(BaseModel):
    """The process answers."""

    live: bool = True


class Part(BaseModel):
    """One part; ``todo`` says what to do where it is not well."""

    ok: bool
    todo: str | None = Field(None, examples=["REDIS_URL does not answer: start the cache, or check the address"])


class Readiness(BaseModel):
    """All parts. ``degraded`` names those that are away while the API serves on without them."""

    ready: bool
    degraded: list[str] = Field(examples=[["prefect"]])
    parts: dict[str, Part] = Field(examples=[{"database": {"ok": True, "todo": None}}])


@router.get("/live", summary="The process is up")
async def live() -> Liveness:
    """Asks nobody else."""
    return Liveness()


@router.get(
    "/ready",
    summary="Every part can be reached",
    responses={503: {"model": Readiness, "description": "A part is missing; `todo` says what to do"}},
)
async def ready(web: WebDep, response: Response) -> Readiness:
    """503 while the API cannot serve. Without the cache it is slower, since PostgreSQL is the truth; without Prefect
    it takes everything in, and the work is done when the server is back."""
    checks = {"database": _database, "cache": _cache, "prefect": _prefect, "business_clock": _clock}
    found = await asyncio.gather(*(_asked(name, check, web) for name, check in checks.items()))
    parts = {name: Part(ok=todo is None, todo=todo) for name, todo in zip(checks, found, strict=True)}
    away = {name for name, part in parts.items() if not part.ok}
    is_ready = away <= _SPARED
    response.status_code = 200 if is_ready else 503
    return Readiness(ready=is_ready, degraded=sorted(away & _SPARED), parts=parts)


async def _asked(name: str, check: Callable[[Web], Awaitable[str | None]], web: Web) -> str | None:
    """What to do about one part; the reason in full goes to the log alone, since anybody may read the answer."""
    try:
        async with asyncio.timeout(SECONDS):
            return await check(web)
    except Exception as error:  # noqa: BLE001  # whatever it is, the part does not serve
        _log.warning("part_not_ready", part=name, error=str(error) or f"no answer within {SECONDS:g} s")
        return _REMEDIES[name]


async def _database(web: Web) -> str | None:
    versions = [migration.version for migration in load_migrations()]
    async with web.infra.database.transaction(now=web.infra.wall.now()) as db:
        missing = await HealthRepository(db).missing(versions)
    return f"migrations {', '.join(missing)} are missing: run `agency-os migrate`" if missing else None


async def _cache(web: Web) -> str | None:
    return None if await web.infra.cache.ping() else _REMEDIES["cache"]


async def _prefect(web: Web) -> str | None:
    return None if await web.infra.prefect.healthy() else _REMEDIES["prefect"]


async def _clock(web: Web) -> str | None:
    await web.infra.clock.now()
    return None
