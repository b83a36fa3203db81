"""Imports: a list is uploaded, looked at, its columns named, and run by a worker."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from agency_os.api.auth import Access, requires
from agency_os.api.etags import IfMatch, IfNoneMatch, check_match, etag_of, not_modified
from agency_os.api.idempotency import IdempotencyDep
from agency_os.api.import_view import check_readable, columns_of, compress, mapping_of, preview
from agency_os.api.lead_view import consent_of
from agency_os.api.paging import (
    USUAL,
    CursorQuery,
    LimitQuery,
    Page,
    cut,
    read_count_cursor,
    read_id_cursor,
)
from agency_os.api.schemas.base import Name
from agency_os.api.schemas.imports import ImportAnswer, ImportRowAnswer, Mapping, Preview
from agency_os.domain.access import Permission
from agency_os.domain.calendars import latest_date
from agency_os.domain.consent import consent_from_json, consent_to_json
from agency_os.exceptions import ConflictError, InvalidInputError, NotFoundError
from agency_os.repositories.campaign import CampaignRepository
from agency_os.repositories.import_list import ImportListRepository

router = APIRouter(prefix="/clients/{client_id}/imports", tags=["imports"])
Reads = Annotated[Access, Depends(requires(Permission.IMPORTS_READ))]
Writes = Annotated[Access, Depends(requires(Permission.IMPORTS_WRITE))]

ENRICHMENT_TICK: Final = "enrichment/tick"
_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string", "format": "binary", "maxLength": 50 * 1024 * 1024},
                "example": "Email,Name\njo@firm.example,Jo Park\n",
            }
        },
    }
}


@router.get("", summary="Imports, newest first")
async def list_imports(access: Reads, limit: LimitQuery = USUAL, cursor: CursorQuery = None) -> Page[ImportAnswer]:
    """With their counts."""
    after = read_id_cursor(cursor)
    async with access.transaction() as db:
        found = await ImportListRepository(db, access.client_id).page(after=after, limit=limit + 1)
        items = [ImportAnswer.model_validate(each) for each in found]
    return cut(items, limit, lambda last: (last.id,))


@router.post(
    "", status_code=201, response_model=ImportAnswer, openapi_extra=_FILE, summary="Upload a list (CSV, up to 50 MB)"
)
async def upload_list(
    access: Writes,
    request: Request,
    idempotency: IdempotencyDep,
    file_name: Annotated[Name, Query(description="What people call the file")],
    campaign_id: UUID | None = None,
) -> Response:
    """Any usual encoding and delimiter. Nothing is imported before it is run."""
    content = await request.body()
    columns = await asyncio.to_thread(columns_of, content)
    kept = await asyncio.to_thread(compress, content)
    async with access.transaction(as_service=True) as db:
        if (answered := await idempotency.claim(db)) is not None:
            return answered
        if campaign_id is not None:
            try:
                await CampaignRepository(db, access.client_id).view(campaign_id)
            except NotFoundError as error:
                raise InvalidInputError(str(error), field="query.campaign_id") from error
        imports = ImportListRepository(db, access.client_id)
        fields = {"file_name": file_name, "campaign_id": campaign_id, "mapping": columns.mapping}
        import_id = await imports.upload({**fields, "byte_size": len(content)}, kept)
        answer = ImportAnswer.model_validate(await imports.view(import_id))
        location = f"/api/v1/clients/{access.client_id}/imports/{import_id}"
        return await idempotency.answer(db, 201, answer, location=location)


@router.get("/{import_id}", response_model=ImportAnswer, summary="One import")
async def get_import(
    access: Reads, import_id: UUID, response: Response, if_none_match: IfNoneMatch = None
) -> ImportAnswer | Response:
    """While it runs, how far it has come."""
    async with access.transaction() as db:
        answer = ImportAnswer.model_validate(await ImportListRepository(db, access.client_id).view(import_id))
    response.headers["ETag"] = etag_of(answer)
    return not_modified(if_none_match, answer) or answer


@router.get("/{import_id}/preview", summary="What an import would come to")
async def preview_import(
    access: Reads, import_id: UUID, limit: Annotated[int, Query(ge=1, le=100, description="Rows shown of each")] = 20
) -> Preview:
    """Counts over the list's first 10,000 rows; duplicates of leads that the client has show when it runs."""
    async with access.transaction(as_service=True) as db:  # files are for the service alone
        imports = ImportListRepository(db, access.client_id)
        found = await imports.view(import_id)
        kept = await imports.content(import_id)
    consent = consent_from_json(found.consent)
    return await asyncio.to_thread(preview, kept, found.overrides, consent, latest_date(access.now), limit)


@router.put("/{import_id}/mapping", summary="Say which column holds what")
async def change_mapping(
    access: Writes, import_id: UUID, body: Mapping, response: Response, if_match: IfMatch = None
) -> ImportAnswer:
    """Replaces what was said before, of columns and of consent."""
    declared = consent_of(body.consent, access.now)
    async with access.transaction(as_service=True) as db:
        imports = ImportListRepository(db, access.client_id)
        found = await imports.view(import_id, lock=True)
        check_match(if_match, ImportAnswer.model_validate(found))
        if found.state != "uploaded":
            raise ConflictError(f"the import is {found.state}: upload the list again to read it otherwise")
        mapping = mapping_of(await imports.content(import_id), body.overrides)
        fields = {"overrides": body.overrides, "mapping": mapping, "consent": consent_to_json(declared)}
        await imports.change(import_id, fields)
        answer = ImportAnswer.model_validate(await imports.view(import_id))
    response.headers["ETag"] = etag_of(answer)
    return answer


@router.post("/{import_id}/run", status_code=202, response_model=ImportAnswer, summary="Run an import")
async def run_import(access: Writes, import_id: UUID) -> ImportAnswer:
    """A worker does it. Repeatable: an import is run once."""
    async with access.transaction(as_service=True) as db:
        imports = ImportListRepository(db, access.client_id)
        found = await imports.view(import_id, lock=True)
        if found.state in {"finished", "failed"}:
            raise ConflictError(f"the import is {found.state}: upload the list again to run it again")
        if found.state == "uploaded":
            check_readable(await imports.content(import_id), found.overrides)
            await imports.change(import_id, {"state": "queued"})
        answer = ImportAnswer.model_validate(await imports.view(import_id))
    access.caller.web.infra.prefect.nudge_soon(ENRICHMENT_TICK)
    return answer


@router.get("/{import_id}/rows", summary="What became of every row")
async def list_import_rows(
    access: Reads,
    import_id: UUID,
    only: Literal["accepted", "left_out"] | None = None,
    limit: LimitQuery = USUAL,
    cursor: CursorQuery = None,
) -> Page[ImportRowAnswer]:
    """In the order of the file, each with its lead or its reason."""
    after = read_count_cursor(cursor)
    async with access.transaction() as db:
        imports = ImportListRepository(db, access.client_id)
        await imports.view(import_id)
        left_out = None if only is None else only == "left_out"
        found = await imports.rows(import_id, after=after, limit=limit + 1, left_out=left_out)
        items = [ImportRowAnswer.model_validate(each) for each in found]
    return cut(items, limit, lambda last: (last.row_number,))
