"""What all repositories share: the tenant scope and soft delete that no query of a tenant's rows may lack.

`TenantRepository` adds `client_id = …` and `deleted_at IS NULL` to every select, the first wall before row-level
security. Work of the service over many tenants (claim, settle, inbound) names its tenants in its own SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import Select, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from agency_os.exceptions import NotFoundError
from agency_os.models.base import Base

Row = TypeVar("Row", bound=Base)
_LAST: Final = UUID(int=2**128 - 1)
"""Behind every id."""


class Repository:
    """Queries on one session. ``db`` is the caller's open transaction."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def insert_many(self, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert ``rows`` in one batch; an empty batch does nothing."""
        if rows:
            await self.db.execute(insert(model), list(rows))


class TenantRepository(Repository):
    """Queries of one tenant's rows."""

    def __init__(self, db: AsyncSession, client_id: UUID) -> None:
        super().__init__(db)
        self.client_id = client_id

    def live(self, model: type[Row]) -> Select[Row]:
        """Select the tenant's rows of ``model`` that are not soft-deleted, as they stand in the database now."""
        columns = model.__table__.c
        query = select(model).where(columns.client_id == self.client_id).execution_options(populate_existing=True)
        return query.where(columns.deleted_at.is_(None)) if "deleted_at" in columns else query

    def newest(self, query: Any, model: type[Base], after: UUID | None, limit: int) -> Any:
        """``query`` of the tenant's rows of ``model``, newest first, those that follow the row ``after``.

        The tenant stands in a range and leads the order, so that the index (client_id, id) alone can serve it: with an
        equality PostgreSQL may walk the primary key instead, through all the newer rows of other tenants.
        """
        columns = model.__table__.c
        query = query.where(
            columns.client_id >= self.client_id,
            tuple_(columns.client_id, columns.id) < tuple_(self.client_id, after or _LAST),
        )
        query = query.where(columns.deleted_at.is_(None)) if "deleted_at" in columns else query
        query = query.order_by(columns.client_id.desc(), columns.id.desc()).limit(limit)
        return query.execution_options(populate_existing=True)

    async def get(self, model: type[Row], row_id: UUID) -> Row:
        """One live row of the tenant. Raises NotFoundError: another tenant's row does not exist for this one."""
        row: Row | None = await self.db.scalar(self.live(model).where(model.__table__.c.id == row_id))
        if row is None:
            raise NotFoundError(f"there is no {model.__name__.lower()} {row_id}")
        return row
