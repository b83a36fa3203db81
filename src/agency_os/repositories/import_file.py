"""Uploaded lists, as the worker that runs them takes and leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from agency_os.repositories.base import Repository

_WAITING = text("""
    SELECT i.id FROM imports AS i JOIN import_files AS f ON f.import_id = i.id
    WHERE i.state = 'queued' OR (i.state = 'running' AND f.lease_until < :wall)
    ORDER BY i.id
""")
_LOCK = text("""
    SELECT i.id, i.client_id, i.campaign_id, i.file_name, i.overrides, i.consent, i.created_at
    FROM imports AS i WHERE i.id = :id AND i.state IN ('queued', 'running') FOR NO KEY UPDATE
""").columns(overrides=JSONB, consent=JSONB)
_TAKE = text("""
    UPDATE import_files SET lease_until = :lease
    WHERE import_id = :id AND (lease_until IS NULL OR lease_until < :wall)
    RETURNING content
""")
_RUNNING = text("UPDATE imports SET state = 'running' WHERE id = :id AND state <> 'running'")
_DONE = text("SELECT coalesce(max(row_number), 0) FROM import_rows WHERE import_id = :id")
_PROLONG = text("""
    UPDATE import_files SET lease_until = :lease WHERE import_id = :id AND lease_until = :held RETURNING import_id
""")
_EMPTY = text("UPDATE import_files SET content = NULL, lease_until = NULL WHERE import_id = :id")
_FAIL = text("UPDATE imports SET state = 'failed', error = :error, finished_at = :now WHERE id = :id")


@dataclass(frozen=True, slots=True)
class TakenImport:
    """An import that this process runs: ``content`` compressed, ``done`` the last row that is stored already."""

    id: UUID
    client_id: UUID
    campaign_id: UUID | None
    file_name: str
    overrides: Mapping[str, str]
    consent: Mapping[str, Any] | None
    content: bytes
    done: int
    uploaded_at: datetime


class ImportFileRepository(Repository):
    """Imports of every client that wait for a worker."""

    async def waiting(self, wall: datetime) -> list[UUID]:
        """Those that nobody runs at ``wall`` time, the oldest first."""
        return list((await self.db.execute(_WAITING, {"wall": wall})).scalars())

    async def take(self, import_id: UUID, *, wall: datetime, lease: datetime) -> TakenImport | None:
        """Run it until ``lease`` (wall time); None where another one does, or it is over."""
        row = (await self.db.execute(_LOCK, {"id": import_id})).one_or_none()
        content = await self.db.scalar(_TAKE, {"id": import_id, "wall": wall, "lease": lease}) if row else None
        if row is None or content is None:
            return None
        await self.db.execute(_RUNNING, {"id": import_id})
        done = int(await self.db.scalar(_DONE, {"id": import_id}) or 0)
        return TakenImport(
            row.id, row.client_id, row.campaign_id, row.file_name, row.overrides, row.consent, content, done,
            row.created_at,
        )  # fmt: skip

    async def prolong(self, import_id: UUID, *, held: datetime, lease: datetime) -> bool:
        """Keep it until ``lease``; False where the lease ``held`` ran out and another one has taken it."""
        values = {"id": import_id, "held": held, "lease": lease}
        return await self.db.scalar(_PROLONG, values) is not None

    async def empty(self, import_id: UUID) -> None:
        """Forget the file: what is needed of it stands in its rows."""
        await self.db.execute(_EMPTY, {"id": import_id})

    async def fail(self, import_id: UUID, error: str, now: datetime) -> None:
        """It cannot be run; the reason is for people."""
        await self.db.execute(_FAIL, {"id": import_id, "error": error[:1000], "now": now})
        await self.empty(import_id)
