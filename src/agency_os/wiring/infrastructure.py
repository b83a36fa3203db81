"""What every process of ours stands on: database, cache, transport, clocks, Prefect, and the keys of our own.

Input: settings. Promise: nothing is connected until it is used, and `aclose` closes all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from agency_os.config import ProviderSettings, Settings
from agency_os.db import Database
from agency_os.integrations.prefect import PrefectClient
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.redis import Cache
from agency_os.kit.clock import BusinessClock, SystemWallClock, WallClock, clock_from
from agency_os.kit.http import AiohttpTransport, Transport
from agency_os.kit.retry import RateLimit
from agency_os.kit.tokens import PersonHash, TouchTokens


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """The parts that engines and edges share. ``clock`` is business time, ``wall`` the machine's."""

    settings: Settings
    database: Database
    cache: Cache
    transport: Transport
    clock: BusinessClock
    wall: WallClock
    prefect: PrefectClient
    tokens: TouchTokens
    hashes: PersonHash

    async def aclose(self) -> None:
        """Close every connection; waiting nudges leave first."""
        await self.prefect.aclose()
        await self.transport.aclose()
        await self.cache.aclose()
        await self.database.close()


def build_infrastructure(
    settings: Settings,
    *,
    transport: Transport | None = None,
    clock: BusinessClock | None = None,
    wall: WallClock | None = None,
) -> Infrastructure:
    """Put the parts together; a test injects its own transport and clocks."""
    wall = wall or SystemWallClock()
    transport = transport or AiohttpTransport()
    prefect_key = settings.prefect.api_key
    return Infrastructure(
        settings=settings,
        database=Database.connect(
            settings.database.url.get_secret_value(),
            pool_size=settings.database.pool_size,
            max_overflow=settings.database.max_overflow,
        ),
        cache=Cache(settings.cache.url.get_secret_value()),
        transport=transport,
        clock=clock or clock_from(settings.runtime.business_clock, transport),
        wall=wall,
        prefect=PrefectClient(
            transport,
            settings.prefect.api_url,
            wall,
            prefect_key.get_secret_value() if prefect_key is not None else None,
        ),
        tokens=TouchTokens(settings.secrets.token_secret.get_secret_value()),
        hashes=PersonHash(settings.secrets.suppression_key.get_secret_value()),
    )


def connect(infra: Infrastructure, provider: ProviderSettings) -> Connection:
    """The way to one provider's account: one rate for all that is asked of it from this process."""
    rate = RateLimit(provider.requests_per_second, infra.wall)
    return Connection(infra.transport, provider.base_url, provider.secret, rate, infra.wall)
