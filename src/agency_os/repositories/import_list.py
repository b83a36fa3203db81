"""A client's imports, as its people upload, prepare and read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, update

from agency_os.exceptions import ConflictError
from agency_os.kit.ids import new_id
from agency_os.models import Import, ImportFile, ImportRow
from agency_os.repositories.base import TenantRepository

_PROGRESS = text("SELECT count(*) AS read, count(lead_id) AS accepted FROM import_rows WHERE import_id = :id")
_FILE = text("SELECT content FROM import_files WHERE client_id = :client_id AND import_id = :id")


class ImportListRepository(TenantRepository):
    """One client's imports."""

    async def page(self, *, after: UUID | None, limit: int) -> Sequence[Import]:
        """Newest first."""
        return (await self.db.scalars(self.newest(select(Import), Import, after, limit))).all()

    async def upload(self, fields: Mapping[str, Any], content: bytes) -> UUID:
        """Keep a list: ``fields`` are columns of ``imports``, ``content`` is compressed."""
        import_id = new_id()
        own = {"id": import_id, "client_id": self.client_id, "state": "uploaded"}
        await self.db.execute(insert(Import).values(**own, **fields))
        file = {"import_id": import_id, "client_id": self.client_id, "content": content}
        await self.db.execute(insert(ImportFile).values(**file))
        return import_id

    async def view(self, import_id: UUID, *, lock: bool = False) -> Import:
        """One import; while it runs its counts are those of the rows stored so far. Raises NotFoundError."""
        if lock:
            query = select(Import.id).where(Import.client_id == self.client_id, Import.id == import_id)
            await self.db.execute(query.with_for_update(key_share=True))
        found = await self.get(Import, import_id)
        if found.state == "running":
            rows = (await self.db.execute(_PROGRESS, {"id": import_id})).one()
            found.rows_read, found.rows_accepted = rows.read, rows.accepted
            found.rows_left_out = rows.read - rows.accepted
            self.db.expunge(found)
        return found

    async def content(self, import_id: UUID) -> bytes:
        """The compressed file. Raises ConflictError where it is no longer kept."""
        found: bytes | None = await self.db.scalar(_FILE, {"client_id": self.client_id, "id": import_id})
        if found is None:
            raise ConflictError("the file is no longer kept, since the import is over: look at its rows")
        return found

    async def change(self, import_id: UUID, fields: Mapping[str, Any]) -> None:
        """Set columns of an import."""
        query = update(Import).where(Import.client_id == self.client_id, Import.id == import_id)
        await self.db.execute(query.values(**fields).execution_options(synchronize_session=False))

    async def rows(
        self, import_id: UUID, *, after: int | None, limit: int, left_out: bool | None
    ) -> Sequence[ImportRow]:
        """What became of each row, in the order of the file; only those left out, or only those taken."""
        query = self.live(ImportRow).where(ImportRow.import_id == import_id).order_by(ImportRow.row_number)
        query = query.where(ImportRow.row_number > after) if after is not None else query
        if left_out is not None:
            query = query.where(ImportRow.lead_id.is_(None) if left_out else ImportRow.lead_id.is_not(None))
        return (await self.db.scalars(query.limit(limit))).all()
