"""Leads: listed, explained, entered, changed, soft-deleted, enriched again."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from agency_os.api.auth import Access, requires
from agency_os.api.etags import IfMatch, IfNoneMatch, check_match, etag_of, not_modified
from agency_os.api.idempotency import IdempotencyDep
from agency_os.api.lead_view import consent_of, lead_answer, lead_parts, with_suppression
from agency_os.api.paging import USUAL, CursorQuery, LimitQuery, Page, cut, read_id_cursor, read_number_cursor
from agency_os.api.schemas.base import Line
from agency_os.api.schemas.lead import LeadAnswer, LeadChange, LeadItem, NewLead, Status, Tier
from agency_os.db import AsyncSession
from agency_os.domain.access import Permission
from agency_os.domain.calendars import latest_date
from agency_os.domain.lead_entry import FIELDS, entered_facts, entered_lead, is_somebody
from agency_os.domain.subscription import Ability, SubscriptionStatus, allows
from agency_os.exceptions import ConflictError, InvalidInputError, NotFoundError
from agency_os.repositories.campaign import CampaignRepository
from agency_os.repositories.lead import LeadRepository
from agency_os.repositories.touch_planning import TouchPlanningRepository
from agency_os.wiring.importing import add_lead

router = APIRouter(prefix="/clients/{client_id}/leads", tags=["leads"])
Reads = Annotated[Access, Depends(requires(Permission.LEADS_READ))]
Writes = Annotated[Access, Depends(requires(Permission.LEADS_WRITE))]
Score = Annotated[int, Query(ge=0, le=100)]

ENRICHMENT_TICK: Final = "enrichment/tick"
_AGAIN: Final = frozenset({"new", "enriched", "scored"})


class Filters:
    """What a list of leads may be narrowed to."""

    def __init__(
        self,
        status: Status | None = None,
        tier: Tier | None = None,
        campaign_id: UUID | None = None,
        company_id: UUID | None = None,
        min_score: Score | None = None,
        max_score: Score | None = None,
        email: Annotated[Line | None, Query(description="How the email address begins")] = None,
    ) -> None:
        known = {
            "status": status,
            "als_tier": tier,
            "campaign_id": campaign_id,
            "company_id": company_id,
            "min_score": min_score,
            "max_score": max_score,
        }
        self.columns = {name: value for name, value in known.items() if value is not None}
        self.address = email.lower() if email else None


@router.get("", summary="Leads, newest or best first")
async def list_leads(
    access: Reads,
    filters: Annotated[Filters, Depends()],
    sort: Literal["newest", "score"] = "newest",
    limit: LimitQuery = USUAL,
    cursor: CursorQuery = None,
) -> Page[LeadItem]:
    """A cursor belongs to its sorting."""
    by_score = sort == "score"
    async with access.transaction() as db:
        found = await LeadRepository(db, access.client_id).page(
            limit=limit + 1,
            by_score=by_score,
            after_id=None if by_score else read_id_cursor(cursor),
            after_score=read_number_cursor(cursor) if by_score else None,
            filters=filters.columns,
            address=filters.address,
        )
    items = [LeadItem.model_validate(each) for each in found]
    return cut(items, limit, (lambda last: (last.als_score, last.id)) if by_score else (lambda last: (last.id,)))


@router.post("", status_code=201, response_model=LeadAnswer, summary="Enter a lead")
async def create_lead(access: Writes, body: NewLead, idempotency: IdempotencyDep) -> Response:
    """By the same rules as an import: nobody twice, nobody who has opted out. Enrichment and scoring follow."""
    values = body.model_dump(include=set(FIELDS))
    lead = entered_lead(values, consent_of(body.consent, access.now), latest_date(access.now))
    if not is_somebody(lead.facts):
        raise InvalidInputError(
            "it does not tell who it is: give an email address, a LinkedIn profile, or first and last name with the "
            "company",
            field="body",
        )
    infra = access.caller.web.infra
    async with access.transaction(as_service=True) as db:
        if (kept := await idempotency.claim(db)) is not None:
            return kept
        await _check_campaign(db, access.client_id, body.campaign_id)
        lead_id = await add_lead(db, infra.hashes, client_id=access.client_id, campaign_id=body.campaign_id, lead=lead)
        answer = await lead_answer(db, infra.hashes, access.client_id, lead_id, access.now)
        location = f"/api/v1/clients/{access.client_id}/leads/{lead_id}"
        response = await idempotency.answer(db, 201, answer, location=location)
    infra.prefect.nudge_soon(ENRICHMENT_TICK)
    return response


@router.get("/{lead_id}", response_model=LeadAnswer, summary="One lead, with the explanation of its score")
async def get_lead(
    access: Reads, lead_id: UUID, response: Response, if_none_match: IfNoneMatch = None
) -> LeadAnswer | Response:
    """Everything that is known, where it comes from, and what permits or forbids an approach."""
    async with access.transaction() as db:
        parts = await lead_parts(db, access.client_id, lead_id, access.now)
    async with access.transaction(as_service=True) as db:
        answer = await with_suppression(db, access.caller.web.infra.hashes, access.client_id, parts)
    response.headers["ETag"] = etag_of(answer)
    return not_modified(if_none_match, answer) or answer


@router.patch("/{lead_id}", summary="Change what is known of a lead")
async def change_lead(
    access: Writes, lead_id: UUID, body: LeadChange, response: Response, if_match: IfMatch = None
) -> LeadAnswer:
    """The score follows. A message that is written but not on its way is written anew."""
    changes = body.changes()
    values: dict[str, str | None] = {name: changes[name] for name in FIELDS if name in changes}
    async with access.transaction(as_service=True) as db:
        leads = LeadRepository(db, access.client_id)
        check_match(if_match, await _answer(db, access, lead_id))
        await TouchPlanningRepository(db).thaw(lead_id, "what is known of the lead has changed")
        if values:
            facts = (await leads.facts(lead_id)).with_facts(entered_facts(values, latest_date(access.now)))
            if not is_somebody(facts):
                raise InvalidInputError("it would no longer tell who it is: keep an address or the name", field="body")
            await leads.change(lead_id, facts)
        if "campaign_id" in changes:
            await _move(db, access.client_id, lead_id, changes["campaign_id"])
        answer = await _answer(db, access, lead_id)
    access.caller.web.infra.prefect.nudge_soon(ENRICHMENT_TICK)
    response.headers["ETag"] = etag_of(answer)
    return answer


@router.delete("/{lead_id}", status_code=204, summary="Soft-delete a lead")
async def delete_lead(access: Writes, lead_id: UUID, if_match: IfMatch = None) -> None:
    """What is planned is cancelled; what was sent stays on record."""
    async with access.transaction(as_service=True) as db:
        check_match(if_match, await _answer(db, access, lead_id))
        await TouchPlanningRepository(db).take_back(
            [lead_id], reason="the lead was deleted", now=access.now, answers_too=True
        )
        await LeadRepository(db, access.client_id).set_columns(lead_id, {"deleted_at": access.now})


@router.post("/{lead_id}/enrich", status_code=202, response_model=LeadAnswer, summary="Enrich a lead now")
async def enrich_lead(access: Writes, lead_id: UUID) -> LeadAnswer:
    """Looks up what is missing or old; what was paid for and still holds is not paid for again."""
    infra = access.caller.web.infra
    async with access.transaction(as_service=True) as db:
        leads = LeadRepository(db, access.client_id)
        lead = await leads.view(lead_id)
        pool: Any = await leads.pool()
        status = SubscriptionStatus(pool.subscription_status)
        if pool.stopped_at is not None or not allows(
            status, Ability.ENRICH, now=access.now, cancelled_at=pool.cancelled_at
        ):
            raise ConflictError("nothing is looked up while the client is stopped or its subscription is not active")
        if lead.status not in _AGAIN:
            raise ConflictError(f"the lead is {lead.status}: only one that nobody has approached is looked up again")
        if pool.credits_remaining == 0 and lead.credit_period is None:
            raise ConflictError("no lead credits are left this month")
        await leads.enrich_again(lead_id)
        answer = await lead_answer(db, infra.hashes, access.client_id, lead_id, access.now)
    infra.prefect.nudge_soon(ENRICHMENT_TICK)
    return answer


async def _answer(db: AsyncSession, access: Access, lead_id: UUID) -> LeadAnswer:
    return await lead_answer(db, access.caller.web.infra.hashes, access.client_id, lead_id, access.now)


async def _check_campaign(db: AsyncSession, client_id: UUID, campaign_id: UUID | None) -> None:
    if campaign_id is None:
        return
    try:
        await CampaignRepository(db, client_id).view(campaign_id)
    except NotFoundError as error:
        raise InvalidInputError(str(error), field="body.campaign_id") from error


async def _move(db: AsyncSession, client_id: UUID, lead_id: UUID, campaign_id: UUID | None) -> None:
    await _check_campaign(db, client_id, campaign_id)
    leads = LeadRepository(db, client_id)
    if (await leads.view(lead_id)).campaign_id == campaign_id:
        return
    if await leads.has_open_touches(lead_id):
        raise ConflictError("messages of its campaign are planned or on their way: it stays in it until they are done")
    await leads.set_columns(lead_id, {"campaign_id": campaign_id})
