"""A client's API keys, by their digests. Moments are wall time (UTC)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from agency_os.exceptions import NotFoundError
from agency_os.kit.ids import new_id
from agency_os.models import ApiKey
from agency_os.repositories.base import TenantRepository

_INSERT = text("""
    INSERT INTO api_keys (id, client_id, name, shown, digest, scopes, created_by, expires_at)
    VALUES (:id, :client_id, :name, :shown, :digest, :scopes, :created_by, :expires_at)
""")
_REVOKE = text("""
    UPDATE api_keys SET revoked_at = :wall WHERE client_id = :client_id AND id = :id AND revoked_at IS NULL
""")
_SHOWN = (
    ApiKey.id,
    ApiKey.name,
    ApiKey.shown,
    ApiKey.scopes,
    ApiKey.created_by,
    ApiKey.created_at,
    ApiKey.expires_at,
    ApiKey.revoked_at,
)
"""Never the digest: it is for the service alone."""


class ApiKeyRepository(TenantRepository):
    """One client's keys."""

    async def all(self) -> Sequence[object]:
        """Every key, newest first."""
        query = select(*_SHOWN).where(ApiKey.client_id == self.client_id).order_by(ApiKey.id.desc())
        return (await self.db.execute(query)).all()

    async def create(
        self,
        *,
        name: str,
        shown: str,
        digest: bytes,
        scopes: Sequence[str],
        created_by: UUID,
        expires_at: datetime | None,
    ) -> object:
        """A new key, as it is shown."""
        key_id = new_id()
        own = {"id": key_id, "client_id": self.client_id, "scopes": sorted(set(scopes))}
        values = {"name": name, "shown": shown, "digest": digest, "created_by": created_by, "expires_at": expires_at}
        await self.db.execute(_INSERT, own | values)
        return (await self.db.execute(select(*_SHOWN).where(ApiKey.id == key_id))).one()

    async def revoke(self, key_id: UUID, wall: datetime) -> None:
        """Take a key's rights away for good. Raises NotFoundError."""
        values = {"client_id": self.client_id, "id": key_id, "wall": wall}
        if not (await self.db.execute(_REVOKE, values)).rowcount:  # type: ignore[attr-defined]
            raise NotFoundError(f"there is no live key {key_id}")
