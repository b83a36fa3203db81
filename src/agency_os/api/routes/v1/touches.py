"""Touches: read, never written by hand: they are planned, claimed and sent by rules."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from agency_os.api.auth import Access, requires
from agency_os.api.paging import USUAL, CursorQuery, LimitQuery, Page, cut, read_id_cursor
from agency_os.api.schemas.touch import State, TouchAnswer, TouchItem
from agency_os.domain.access import Permission
from agency_os.domain.channels import Channel
from agency_os.repositories.touch_list import TouchListRepository

router = APIRouter(prefix="/clients/{client_id}/touches", tags=["touches"])
Reads = Annotated[Access, Depends(requires(Permission.TOUCHES_READ))]


@router.get("", summary="Touches, newest first")
async def list_touches(
    access: Reads,
    lead_id: UUID | None = None,
    campaign_id: UUID | None = None,
    state: State | None = None,
    channel: Channel | None = None,
    limit: LimitQuery = USUAL,
    cursor: CursorQuery = None,
) -> Page[TouchItem]:
    """With the reason of each that waits or did not go out."""
    named = {"lead_id": lead_id, "campaign_id": campaign_id, "state": state, "channel": channel}
    filters = {name: value for name, value in named.items() if value is not None}
    after = read_id_cursor(cursor)
    async with access.transaction() as db:
        found = await TouchListRepository(db, access.client_id).page(after=after, limit=limit + 1, filters=filters)
    return cut([TouchItem.model_validate(each) for each in found], limit, lambda last: (last.id,))


@router.get("/{touch_id}", summary="One touch, with its words")
async def get_touch(access: Reads, touch_id: UUID) -> TouchAnswer:
    """What was, or will be, sent, and to whom."""
    async with access.transaction() as db:
        return TouchAnswer.model_validate(await TouchListRepository(db, access.client_id).view(touch_id))
