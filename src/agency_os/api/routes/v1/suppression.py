"""Suppression: the client's own list, and an opt-out that somebody told the agency. Nothing here lifts one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from agency_os.api.auth import Access, requires
from agency_os.api.idempotency import IdempotencyDep
from agency_os.api.paging import USUAL, CursorQuery, LimitQuery, Page, cut, read_id_cursor
from agency_os.api.schemas.suppression import NewSuppression, Suppressed, SuppressionAnswer
from agency_os.domain.access import Permission
from agency_os.domain.channels import Channel
from agency_os.domain.suppression import channels_of, normal_address
from agency_os.repositories.suppression import SuppressionListRepository

router = APIRouter(prefix="/clients/{client_id}/suppression", tags=["suppression"])
Reads = Annotated[Access, Depends(requires(Permission.SUPPRESSION_READ))]
Writes = Annotated[Access, Depends(requires(Permission.SUPPRESSION_WRITE))]


@router.get("", summary="Suppressions of the client, newest first")
async def list_suppressions(
    access: Reads, limit: LimitQuery = USUAL, cursor: CursorQuery = None
) -> Page[SuppressionAnswer]:
    """Without addresses: only their hashes are kept. A lead's own answer says whether it is suppressed."""
    after = read_id_cursor(cursor)
    async with access.transaction(as_service=True) as db:
        found = await SuppressionListRepository(db, access.client_id).page(after=after, limit=limit + 1)
    return cut([SuppressionAnswer.model_validate(each) for each in found], limit, lambda last: (last.id,))


@router.post("", status_code=201, response_model=Suppressed, summary="Leave somebody in peace")
async def suppress(access: Writes, body: NewSuppression, idempotency: IdempotencyDep) -> Response:
    """In force with the answer. It binds the client on every channel of whoever has the address, for good."""
    channel = Channel(body.channel)
    address = normal_address(channel, body.address)
    assert address is not None  # noqa: S101  # checked by the schema
    channels = [each.value for each in channels_of(channel)]
    async with access.transaction(as_service=True) as db:
        if (kept := await idempotency.claim(db)) is not None:
            return kept
        leads = await access.caller.web.closer.opt_out(
            db,
            client_id=access.client_id,
            channels=channels,
            address=address,
            reason=body.reason,
            added_by=str(access.caller.id),
            now=access.now,
        )
        return await idempotency.answer(db, 201, Suppressed(channels=channels, leads=leads))
