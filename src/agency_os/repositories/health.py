"""Whether the database serves, and which migrations it lacks."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from agency_os.repositories.base import Repository

_APPLIED = text("SELECT app.applied_migrations()")


class HealthRepository(Repository):
    """Reads only."""

    async def missing(self, versions: Sequence[str]) -> list[str]:
        """Those of ``versions`` that the database does not have."""
        applied = set(await self.db.scalar(_APPLIED) or ())
        return [version for version in versions if version not in applied]
