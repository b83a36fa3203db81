"""Campaigns: read, made, changed, started, paused, soft-deleted."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from agency_os.api.auth import Access, requires
from agency_os.api.etags import IfMatch, IfNoneMatch, check_match, etag_of, not_modified
from agency_os.api.idempotency import IdempotencyDep
from agency_os.api.paging import USUAL, CursorQuery, LimitQuery, Page, cut, read_id_cursor
from agency_os.api.schemas.campaign import CampaignAnswer, CampaignChange, NewCampaign, Status
from agency_os.domain.access import Permission
from agency_os.domain.activation import obstacles
from agency_os.exceptions import ConflictError
from agency_os.repositories.campaign import CampaignRepository

router = APIRouter(prefix="/clients/{client_id}/campaigns", tags=["campaigns"])
Reads = Annotated[Access, Depends(requires(Permission.CAMPAIGNS_READ))]
Writes = Annotated[Access, Depends(requires(Permission.CAMPAIGNS_WRITE))]

ENRICHMENT_TICK = "enrichment/tick"


@router.get("", summary="Campaigns, newest first")
async def list_campaigns(
    access: Reads, limit: LimitQuery = USUAL, cursor: CursorQuery = None, status: Status | None = None
) -> Page[CampaignAnswer]:
    """Soft-deleted ones are left out."""
    after = read_id_cursor(cursor)
    async with access.transaction() as db:
        found = await CampaignRepository(db, access.client_id).page(after=after, limit=limit + 1, status=status)
        answers = [CampaignAnswer.model_validate(each) for each in found]
    return cut(answers, limit, lambda last: (last.id,))


@router.post("", status_code=201, response_model=CampaignAnswer, summary="Make a campaign")
async def create_campaign(access: Writes, body: NewCampaign, idempotency: IdempotencyDep) -> Response:
    """It starts as a draft: nobody is approached before it is activated."""
    values = body.model_dump(mode="json")
    steps = values.pop("steps")
    async with access.transaction() as db:
        if (kept := await idempotency.claim(db)) is not None:
            return kept
        campaigns = CampaignRepository(db, access.client_id)
        campaign_id = await campaigns.create(values, steps)
        answer = CampaignAnswer.model_validate(await campaigns.view(campaign_id))
        location = f"/api/v1/clients/{access.client_id}/campaigns/{campaign_id}"
        return await idempotency.answer(db, 201, answer, location=location)


@router.get("/{campaign_id}", response_model=CampaignAnswer, summary="One campaign")
async def get_campaign(
    access: Reads, campaign_id: UUID, response: Response, if_none_match: IfNoneMatch = None
) -> CampaignAnswer | Response:
    """With its steps."""
    async with access.transaction() as db:
        answer = CampaignAnswer.model_validate(await CampaignRepository(db, access.client_id).view(campaign_id))
    response.headers["ETag"] = etag_of(answer)
    return not_modified(if_none_match, answer) or answer


@router.patch("/{campaign_id}", summary="Change a campaign")
async def change_campaign(
    access: Writes, campaign_id: UUID, body: CampaignChange, response: Response, if_match: IfMatch = None
) -> CampaignAnswer:
    """Messages that were written out already keep their words."""
    values = body.model_dump(mode="json", exclude_unset=True)
    steps = values.pop("steps", None)
    async with access.transaction() as db:
        campaigns = CampaignRepository(db, access.client_id)
        view = await campaigns.view(campaign_id, lock=True)
        check_match(if_match, CampaignAnswer.model_validate(view))
        await campaigns.change(campaign_id, values)
        if steps is not None:
            await campaigns.replace_steps(view, steps, access.now)
        answer = CampaignAnswer.model_validate(await campaigns.view(campaign_id))
    response.headers["ETag"] = etag_of(answer)
    return answer


@router.delete("/{campaign_id}", status_code=204, summary="Soft-delete a campaign")
async def delete_campaign(access: Writes, campaign_id: UUID, if_match: IfMatch = None) -> None:
    """What was sent stays on record; what was planned is not sent."""
    async with access.transaction() as db:
        campaigns = CampaignRepository(db, access.client_id)
        check_match(if_match, CampaignAnswer.model_validate(await campaigns.view(campaign_id, lock=True)))
        await campaigns.change(campaign_id, {"deleted_at": access.now})


@router.post("/{campaign_id}/activate", summary="Let a campaign run")
async def activate_campaign(access: Writes, campaign_id: UUID, response: Response) -> CampaignAnswer:
    """Repeatable. What stands in the way is told in full, with 409."""
    async with access.transaction(as_service=True) as db:
        campaigns = CampaignRepository(db, access.client_id)
        view = await campaigns.view(campaign_id, lock=True)
        if view.campaign.status == "completed":
            raise ConflictError("the campaign is completed: make a new one")
        if view.campaign.status != "active":
            found = obstacles(await campaigns.activation_facts(view))
            if found:
                raise ConflictError(f"the campaign cannot run yet: {'; '.join(found)}")
            first = view.campaign.activated_at or access.now
            await campaigns.change(campaign_id, {"status": "active", "activated_at": first})
        answer = CampaignAnswer.model_validate(await campaigns.view(campaign_id))
    access.caller.web.infra.prefect.nudge_soon(ENRICHMENT_TICK)
    response.headers["ETag"] = etag_of(answer)
    return answer


@router.post("/{campaign_id}/pause", summary="Pause a campaign")
async def pause_campaign(access: Writes, campaign_id: UUID, response: Response) -> CampaignAnswer:
    """Repeatable. No message is claimed any more; replies are still read."""
    async with access.transaction(as_service=True) as db:
        campaigns = CampaignRepository(db, access.client_id)
        view = await campaigns.view(campaign_id, lock=True)
        if view.campaign.status not in {"active", "paused"}:
            raise ConflictError(f"the campaign is {view.campaign.status}: only an active one can be paused")
        await campaigns.change(campaign_id, {"status": "paused"})
        answer = CampaignAnswer.model_validate(await campaigns.view(campaign_id))
    response.headers["ETag"] = etag_of(answer)
    return answer
