"""Senders: added, paused, limited, taken out."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from agency_os.api.auth import Access, requires
from agency_os.api.etags import IfMatch, check_match
from agency_os.api.idempotency import IdempotencyDep
from agency_os.api.paging import USUAL, CursorQuery, LimitQuery, Page, cut, read_id_cursor
from agency_os.api.schemas.sender import NewSender, SenderAnswer, SenderChange
from agency_os.domain.access import Permission
from agency_os.domain.channels import RESOURCE_LIMITS, Channel
from agency_os.domain.senders import PROVIDERS, normal_address
from agency_os.exceptions import InvalidInputError
from agency_os.repositories.sender import SenderRepository

router = APIRouter(prefix="/clients/{client_id}/senders", tags=["senders"])
Reads = Annotated[Access, Depends(requires(Permission.SENDERS_READ))]
Writes = Annotated[Access, Depends(requires(Permission.SENDERS_WRITE))]


@router.get("", summary="Senders, newest first")
async def list_senders(access: Reads, limit: LimitQuery = USUAL, cursor: CursorQuery = None) -> Page[SenderAnswer]:
    """With their limits and pauses."""
    after = read_id_cursor(cursor)
    async with access.transaction() as db:
        found = await SenderRepository(db, access.client_id).page(after=after, limit=limit + 1)
        answers = [SenderAnswer.model_validate(each) for each in found]
    return cut(answers, limit, lambda last: (last.id,))


@router.post("", status_code=201, response_model=SenderAnswer, summary="Add a sender")
async def create_sender(access: Writes, body: NewSender, idempotency: IdempotencyDep) -> Response:
    """The provider must know the domain, seat or number as yours: it refuses to send otherwise."""
    channel = Channel(body.channel)
    limit = RESOURCE_LIMITS[channel]
    fields = {
        **body.model_dump(exclude={"daily_limit", "address"}),
        "address": normal_address(channel, body.address),
        "kind": limit.kind,
        "provider": PROVIDERS[channel],
        "daily_limit": limit.per_day if body.daily_limit is None else body.daily_limit,
    }
    async with access.transaction(as_service=True) as db:
        if (kept := await idempotency.claim(db)) is not None:
            return kept
        made = await SenderRepository(db, access.client_id).create(fields)
        return await idempotency.answer(db, 201, SenderAnswer.model_validate(made))


@router.patch("/{sender_id}", summary="Change or pause a sender")
async def change_sender(access: Writes, sender_id: UUID, body: SenderChange, if_match: IfMatch = None) -> SenderAnswer:
    """A paused one sends nothing; its messages wait."""
    changes: dict[str, Any] = body.changes()
    is_paused = changes.pop("is_paused", None)
    if is_paused is not None:
        changes |= {"paused_at": access.now, "paused_reason": "paused by hand"} if is_paused else _GOES_ON
    async with access.transaction(as_service=True) as db:
        senders = SenderRepository(db, access.client_id)
        sender = await senders.find(sender_id)
        check_match(if_match, SenderAnswer.model_validate(sender))
        most = RESOURCE_LIMITS[Channel(sender.channel)].per_day
        if changes.get("daily_limit", 0) > most:
            raise InvalidInputError(f"at most {most} a day for {sender.channel}", field="body.daily_limit")
        return SenderAnswer.model_validate(await senders.change(sender_id, changes))


@router.delete("/{sender_id}", status_code=204, summary="Take a sender out")
async def delete_sender(access: Writes, sender_id: UUID, if_match: IfMatch = None) -> None:
    """It sends no more; what it sent stays on record."""
    async with access.transaction(as_service=True) as db:
        senders = SenderRepository(db, access.client_id)
        check_match(if_match, SenderAnswer.model_validate(await senders.find(sender_id)))
        await senders.delete(sender_id, access.now)


_GOES_ON: dict[str, Any] = {"paused_at": None, "paused_reason": None}
