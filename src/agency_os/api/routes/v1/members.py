"""People in a client: who they are, another role, and their end. What is taken away is gone with the next statement."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from agency_os.api.auth import Access, requires
from agency_os.api.schemas.member import MemberAnswer, MemberList, RoleChange
from agency_os.api.standing import forget
from agency_os.db import AsyncSession
from agency_os.domain.access import Permission, may_grant
from agency_os.exceptions import ForbiddenError
from agency_os.repositories.access import AccessRepository
from agency_os.repositories.membership import MembershipRepository

router = APIRouter(prefix="/clients/{client_id}/members", tags=["members"])
Reads = Annotated[Access, Depends(requires(Permission.MEMBERS_READ))]
Writes = Annotated[Access, Depends(requires(Permission.MEMBERS_WRITE))]


@router.get("", summary="Everybody in a client")
async def list_members(access: Reads) -> MemberList:
    """In order of their addresses."""
    async with access.transaction() as db:
        found = await MembershipRepository(db).members(access.client_id)
    return MemberList(items=[MemberAnswer.model_validate(each) for each in found])


@router.patch("/{user_id}", summary="Give a member another role")
async def change_member(access: Writes, user_id: UUID, body: RoleChange) -> MemberList:
    """Only an owner makes or unmakes an owner, and the last one stays."""
    async with access.transaction(as_service=True) as db:
        members = MembershipRepository(db)
        await check_may_grant(db, access, await members.role_of(access.client_id, user_id), body.role)
        await members.set_role(access.client_id, user_id, body.role)
        found = await members.members(access.client_id)
    await forget(access.caller.web.infra.cache, user_id, access.client_id)
    return MemberList(items=[MemberAnswer.model_validate(each) for each in found])


@router.delete("/{user_id}", status_code=204, summary="Take a member out")
async def remove_member(access: Writes, user_id: UUID) -> None:
    """The membership ends at once; what the person did stays on record."""
    async with access.transaction(as_service=True) as db:
        members = MembershipRepository(db)
        await check_may_grant(db, access, await members.role_of(access.client_id, user_id))
        await members.remove(access.client_id, user_id, access.now)
    await forget(access.caller.web.infra.cache, user_id, access.client_id)


async def check_may_grant(db: AsyncSession, access: Access, *roles: str) -> None:
    """Raises ForbiddenError where the caller may not give or take one of the roles, as the database knows him now."""
    standing = await AccessRepository(db).confirm(access.client_id)
    role = standing.role if standing is not None else None
    if role is None or not all(may_grant(role, each) for each in roles):
        raise ForbiddenError("only an owner makes, changes or removes an owner")
