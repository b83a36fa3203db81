"""Engine, sessions, tenancy and migrations. The only package that begins or commits a transaction."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from agency_os.db.session import ApiKeyScope, Database, Role, create_engine

__all__ = ["ApiKeyScope", "AsyncSession", "Database", "Role", "create_engine"]
