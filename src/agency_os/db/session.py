"""The engine, and the one way to a transaction: role, claims and business time are set for that transaction alone.

Safe behind a transaction pooler: no prepared statement outlives its use and nothing is set for the session. While a
transaction is open every network call is refused (`kit.transaction`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from agency_os.exceptions import UnavailableError
from agency_os.kit.transaction import mark_open

Role = Literal["service_role", "authenticated", "anon"]

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What PostgreSQL says when it is not there for us: down, starting, full (connections, memory, disk), read-only after a
failover, or another login or database than meant."""

_FULL = "the database's disk is full: make room; nothing of this was kept, and work goes on when there is room"

_SCOPE = text(
    "SELECT set_config('role', :role, true), set_config('app.now', :now, true), "
    "set_config('request.jwt.claims', :claims, true), set_config('app.client_id', :client_id, true), "
    "set_config('app.api_key', :api_key, true)"
)


@dataclass(frozen=True, slots=True)
class ApiKeyScope:
    """An API key and the client it belongs to."""

    key_id: UUID
    client_id: UUID


def create_engine(url: str, *, pool_size: int = 5, max_overflow: int = 10) -> AsyncEngine:
    """An engine for ``url`` (``postgresql://…``), pool limits as the blueprint's Part 1 sets them."""
    target = make_url(url).set(drivername="postgresql+asyncpg")
    return create_async_engine(
        target.update_query_dict({"prepared_statement_cache_size": "0"}),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        hide_parameters=True,  # they hold what people wrote, and errors are logged
        connect_args={"statement_cache_size": 0, "timeout": 10, "server_settings": {"application_name": "agency-os"}},
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, default=str),
    )


class Database:
    """Hands out transactions on one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False, autoflush=False)

    @classmethod
    def connect(cls, url: str, *, pool_size: int = 5, max_overflow: int = 10) -> Database:
        """A database on a new engine; nothing is connected until the first transaction."""
        return cls(create_engine(url, pool_size=pool_size, max_overflow=max_overflow))

    @asynccontextmanager
    async def transaction(
        self,
        *,
        now: datetime,
        role: Role = "service_role",
        claims: Mapping[str, Any] | None = None,
        api_key: ApiKeyScope | None = None,
    ) -> AsyncIterator[AsyncSession]:
        """One transaction as ``role``, committed when the block ends and rolled back when it raises.

        ``now`` is the business time (aware UTC) that defaults and triggers read; ``claims`` are the caller's token
        claims, ``api_key`` the key that calls in place of a person, both for row-level security. Raises
        UnavailableError when the database cannot be reached.
        """
        scope = {
            "role": role,
            "now": now.isoformat(),
            "claims": json.dumps(claims) if claims else "",
            "client_id": str(api_key.client_id) if api_key else "",
            "api_key": str(api_key.key_id) if api_key else "",
        }
        try:
            with mark_open():
                async with self._sessions.begin() as session:
                    await session.execute(_SCOPE, scope)
                    yield session
        except (OperationalError, InterfaceError, PoolTimeoutError, OSError) as error:
            if isinstance(getattr(getattr(error, "orig", None), "__cause__", None), asyncpg.DiskFullError):
                raise UnavailableError(_FULL) from error
            raise UnavailableError(f"the database cannot be reached: {_plain(error)}") from error
        except DBAPIError as error:
            if isinstance(getattr(error.orig, "__cause__", None), asyncpg.DiskFullError):
                raise UnavailableError(_FULL) from error
            if error.connection_invalidated or isinstance(getattr(error.orig, "__cause__", None), _AWAY):
                raise UnavailableError(f"the database went away: {_plain(error)}") from error
            raise

    async def close(self) -> None:
        """Close all pooled connections."""
        await self.engine.dispose()


def _plain(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).splitlines() or [type(cause).__name__])[0]
