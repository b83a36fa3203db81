"""Platform-wide facts, each set once by whoever comes first."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text

from agency_os.repositories.base import Repository

_KEEP = text("""
    INSERT INTO platform_settings (key, value) VALUES (:key, CAST(:value AS jsonb)) ON CONFLICT (key) DO NOTHING
""")
_READ = text("SELECT value FROM platform_settings WHERE key = :key")


class PlatformSettingRepository(Repository):
    """Facts of the whole platform; for the service alone."""

    async def keep_first(self, key: str, value: Any) -> Any:
        """Set a fact where it is not set yet. Returns the one that holds."""
        await self.db.execute(_KEEP, {"key": key, "value": json.dumps(value)})
        return await self.db.scalar(_READ, {"key": key})
