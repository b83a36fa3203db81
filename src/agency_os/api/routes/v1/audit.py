"""The audit trail of a client, for those who manage it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from agency_os.api.auth import Access, requires
from agency_os.api.paging import USUAL, CursorQuery, LimitQuery, Page, cut, read_id_cursor
from agency_os.api.schemas.audit import AuditAnswer
from agency_os.api.schemas.base import Instant, Name
from agency_os.domain.access import Permission
from agency_os.repositories.audit import AuditRepository

router = APIRouter(prefix="/clients/{client_id}/audit", tags=["audit"])
Reads = Annotated[Access, Depends(requires(Permission.AUDIT_READ))]


@router.get("", summary="The audit trail, newest first")
async def list_audit_entries(
    access: Reads,
    table_name: Annotated[Name | None, Query(description="Such as `campaigns`")] = None,
    row_id: UUID | None = None,
    actor: Annotated[Name | None, Query(description="A person's id, or `api_key:` with a key's")] = None,
    since: Instant | None = None,
    until: Instant | None = None,
    limit: LimitQuery = USUAL,
    cursor: CursorQuery = None,
) -> Page[AuditAnswer]:
    """Every state change has its entry. `agency-os audit verify` recomputes the chain of seals."""
    named = {"table_name": table_name, "row_id": row_id, "actor": actor, "since": since, "until": until}
    filters = {name: value for name, value in named.items() if value is not None}
    after = read_id_cursor(cursor)
    async with access.transaction() as db:
        found = await AuditRepository(db).page(access.client_id, after=after, limit=limit + 1, filters=filters)
    return cut([AuditAnswer.model_validate(each) for each in found], limit, lambda last: (last.id,))
