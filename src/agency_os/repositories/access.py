"""What a caller is in a client: asked of the database in the transaction that relies on it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from agency_os.db import ApiKeyScope
from agency_os.repositories.base import Repository

_CONFIRM = text("SELECT role, scopes FROM app.confirm_caller(:client_id)")
_EMAIL = text("SELECT app.confirmed_email()")
_FIND_KEY = text("SELECT id, client_id FROM app.find_api_key(:digest)")


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's ``role``, or a key's ``scopes``; one of both."""

    role: str | None
    scopes: list[str] | None


class AccessRepository(Repository):
    """The caller whose claims or key the transaction carries."""

    async def confirm(self, client_id: UUID) -> Standing | None:
        """What the caller is in the client at this moment; None for a stranger."""
        row = (await self.db.execute(_CONFIRM, {"client_id": client_id})).one_or_none()
        return Standing(row.role, row.scopes) if row is not None else None

    async def confirmed_email(self) -> str | None:
        """The caller's address in lower case, if the auth server has confirmed it."""
        found: str | None = await self.db.scalar(_EMAIL)
        return found

    async def find_key(self, digest: bytes) -> ApiKeyScope | None:
        """The live key of a digest; for the service alone."""
        row = (await self.db.execute(_FIND_KEY, {"digest": digest})).one_or_none()
        return ApiKeyScope(row.id, row.client_id) if row is not None else None
