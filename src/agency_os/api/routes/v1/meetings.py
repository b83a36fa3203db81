"""Meetings: read; they are booked by the people who come."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from agency_os.api.auth import Access, requires
from agency_os.api.paging import USUAL, CursorQuery, LimitQuery, Page, cut, read_id_cursor
from agency_os.api.schemas.base import Instant
from agency_os.api.schemas.meeting import MeetingAnswer, Status
from agency_os.domain.access import Permission
from agency_os.repositories.meeting import MeetingListRepository

router = APIRouter(prefix="/clients/{client_id}/meetings", tags=["meetings"])
Reads = Annotated[Access, Depends(requires(Permission.MEETINGS_READ))]


@router.get("", summary="Meetings, newest booking first")
async def list_meetings(
    access: Reads,
    status: Status | None = None,
    lead_id: UUID | None = None,
    campaign_id: UUID | None = None,
    starts_from: Instant | None = None,
    starts_before: Instant | None = None,
    limit: LimitQuery = USUAL,
    cursor: CursorQuery = None,
) -> Page[MeetingAnswer]:
    """Booked, rescheduled, cancelled, held and missed ones."""
    named = {"status": status, "lead_id": lead_id, "campaign_id": campaign_id}
    filters = {name: value for name, value in named.items() if value is not None}
    after = read_id_cursor(cursor)
    async with access.transaction() as db:
        found = await MeetingListRepository(db, access.client_id).page(
            after=after, limit=limit + 1, filters=filters, starts=(starts_from, starts_before)
        )
        items = [MeetingAnswer.model_validate(each) for each in found]
    return cut(items, limit, lambda last: (last.id,))


@router.get("/{meeting_id}", summary="One meeting")
async def get_meeting(access: Reads, meeting_id: UUID) -> MeetingAnswer:
    """With the message that led to it."""
    async with access.transaction() as db:
        return MeetingAnswer.model_validate(await MeetingListRepository(db, access.client_id).view(meeting_id))
