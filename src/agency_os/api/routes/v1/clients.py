"""Clients: those of the caller, a new one, and what it says of itself."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response

from agency_os.api.auth import Access, CallerDep, PersonDep, requires
from agency_os.api.etags import IfMatch, IfNoneMatch, check_match, etag_of, not_modified
from agency_os.api.idempotency import IdempotencyDep
from agency_os.api.paging import USUAL, CursorQuery, LimitQuery, Page, cut, read_id_cursor
from agency_os.api.schemas.client import ClientAnswer, ClientChange, NewClient
from agency_os.domain.access import MembershipRole, Permission
from agency_os.domain.tiers import Tier
from agency_os.exceptions import ConflictError, ForbiddenError
from agency_os.repositories.access import AccessRepository
from agency_os.repositories.client import ClientRepository
from agency_os.repositories.membership import MembershipRepository

MOST_TRIALS: Final = 3
"""Trialing clients of one owner: each begins with credits that cost money."""

router = APIRouter(prefix="/clients", tags=["clients"])
Reads = Annotated[Access, Depends(requires(Permission.CLIENT_READ))]
Writes = Annotated[Access, Depends(requires(Permission.CLIENT_WRITE))]


@router.get("", summary="The caller's clients")
async def list_clients(caller: CallerDep, limit: LimitQuery = USUAL, cursor: CursorQuery = None) -> Page[ClientAnswer]:
    """Newest first."""
    after = read_id_cursor(cursor)
    async with caller.transaction() as db:
        found = await ClientRepository(db).page(after=after, limit=limit + 1)
        answers = [ClientAnswer.model_validate(each) for each in found]
    return cut(answers, limit, lambda last: (last.id,))


@router.post("", status_code=201, response_model=ClientAnswer, summary="Make a client")
async def create_client(caller: PersonDep, body: NewClient, idempotency: IdempotencyDep) -> Response:
    """The caller becomes its owner. It starts trialing with its tier's credits."""
    assert caller.user_id is not None  # noqa: S101  # by PersonDep
    async with caller.transaction(as_service=True) as db:
        if await AccessRepository(db).confirmed_email() is None:
            raise ForbiddenError("confirm your email address first: follow the link that was mailed to you")
        if (kept := await idempotency.claim(db)) is not None:
            return kept
        memberships = MembershipRepository(db)
        await memberships.wait_for_turn(caller.user_id)
        if await memberships.trials_of(caller.user_id) >= MOST_TRIALS:
            raise ConflictError(f"you own {MOST_TRIALS} trialing clients already: subscribe one of them first")
        clients = ClientRepository(db)
        client_id = await clients.create(tier=Tier.IGNITION, now=caller.now, **body.model_dump())
        await memberships.add(client_id, caller.user_id, MembershipRole.OWNER, now=caller.now)
        answer = ClientAnswer.model_validate(await clients.live(client_id))
        return await idempotency.answer(db, 201, answer, location=f"/api/v1/clients/{client_id}")


@router.get("/{client_id}", response_model=ClientAnswer, summary="One client")
async def get_client(access: Reads, response: Response, if_none_match: IfNoneMatch = None) -> ClientAnswer | Response:
    """Its identity, plan and credits."""
    async with access.transaction() as db:
        answer = ClientAnswer.model_validate(await ClientRepository(db).live(access.client_id))
    response.headers["ETag"] = etag_of(answer)
    return not_modified(if_none_match, answer) or answer


@router.patch("/{client_id}", summary="Change what a client says of itself")
async def change_client(
    access: Writes, body: ClientChange, response: Response, if_match: IfMatch = None
) -> ClientAnswer:
    """Messages that were written out already keep their words."""
    async with access.transaction(as_service=True) as db:
        clients = ClientRepository(db)
        check_match(if_match, ClientAnswer.model_validate(await clients.live(access.client_id, lock=True)))
        await clients.change(access.client_id, body.changes())
        answer = ClientAnswer.model_validate(await clients.live(access.client_id))
    response.headers["ETag"] = etag_of(answer)
    return answer
