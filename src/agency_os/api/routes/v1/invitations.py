"""Invitations: made and revoked by managers, accepted by whoever holds the confirmed address."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from agency_os.api.auth import Access, PersonDep, requires
from agency_os.api.idempotency import IdempotencyDep
from agency_os.api.routes.v1.members import check_may_grant
from agency_os.api.schemas.member import InvitationAnswer, InvitationList, NewInvitation, OwnMembership
from agency_os.api.standing import forget
from agency_os.domain.access import Permission, permitted
from agency_os.exceptions import ConflictError, ForbiddenError
from agency_os.repositories.access import AccessRepository
from agency_os.repositories.client import ClientRepository
from agency_os.repositories.invitation import InvitationRepository, ReceivedInvitations
from agency_os.repositories.membership import MembershipRepository

LASTS: Final = timedelta(days=7)
"""Wall time in which an invitation can be accepted."""

router = APIRouter(tags=["members"])
Reads = Annotated[Access, Depends(requires(Permission.MEMBERS_READ))]
Writes = Annotated[Access, Depends(requires(Permission.MEMBERS_WRITE))]


@router.get("/clients/{client_id}/invitations", summary="Open invitations")
async def list_invitations(access: Reads) -> InvitationList:
    """Those that can still be accepted. Whoever may not manage members sees none."""
    async with access.transaction() as db:
        found = await InvitationRepository(db, access.client_id).open(access.caller.web.infra.wall.now())
        return InvitationList(items=[InvitationAnswer.model_validate(each) for each in found])


@router.post("/clients/{client_id}/invitations", status_code=201, response_model=InvitationAnswer, summary="Invite")
async def create_invitation(access: Writes, body: NewInvitation, idempotency: IdempotencyDep) -> Response:
    """The person finds it under `/me` after signing up with this address and confirming it; tell them so."""
    wall = access.caller.web.infra.wall.now()
    async with access.transaction(as_service=True) as db:
        if (kept := await idempotency.claim(db)) is not None:
            return kept
        assert access.caller.user_id is not None  # noqa: S101  # no key has this right
        await check_may_grant(db, access, body.role)
        if await MembershipRepository(db).is_member(access.client_id, body.email):
            raise ConflictError(f"{body.email} is a member already")
        made = await InvitationRepository(db, access.client_id).create(
            email=body.email, role=body.role, invited_by=access.caller.user_id, expires_at=wall + LASTS, wall=wall
        )
        if made is None:
            raise ConflictError(f"{body.email} is invited already: revoke that invitation first")
        return await idempotency.answer(db, 201, InvitationAnswer.model_validate(made))


@router.delete("/clients/{client_id}/invitations/{invitation_id}", status_code=204, summary="Revoke an invitation")
async def revoke_invitation(access: Writes, invitation_id: UUID) -> None:
    """It can no longer be accepted."""
    async with access.transaction(as_service=True) as db:
        await InvitationRepository(db, access.client_id).revoke(invitation_id, access.caller.web.infra.wall.now())


@router.post("/invitations/{invitation_id}/accept", summary="Accept an invitation")
async def accept_invitation(caller: PersonDep, invitation_id: UUID) -> OwnMembership:
    """By the address that the auth server has confirmed, whatever the token says."""
    assert caller.user_id is not None  # noqa: S101  # by PersonDep
    async with caller.transaction(as_service=True) as db:
        email = await AccessRepository(db).confirmed_email()
        if email is None:
            raise ForbiddenError("confirm your email address first: follow the link that was mailed to you")
        found = await ReceivedInvitations(db).accept(
            invitation_id, user_id=caller.user_id, email=email, wall=caller.web.infra.wall.now()
        )
        members = MembershipRepository(db)
        if await members.is_member(found.client_id, email):
            raise ConflictError("you are a member of this client already")
        await members.add(found.client_id, caller.user_id, found.role, now=caller.now, invited_by=found.invited_by)
        client = await ClientRepository(db).live(found.client_id)
        answer = OwnMembership(
            client_id=client.id,
            client_name=client.name,
            role=found.role,
            permissions=sorted(permitted(found.role, None)),
        )
    await forget(caller.web.infra.cache, caller.user_id, found.client_id)
    return answer
