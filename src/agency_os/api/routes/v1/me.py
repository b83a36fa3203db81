"""Who calls, and what they may do where."""

from __future__ import annotations

from fastapi import APIRouter

from agency_os.api.auth import Caller, CallerDep
from agency_os.api.schemas.member import MeAnswer, OwnMembership, ReceivedInvitation
from agency_os.domain.access import permitted
from agency_os.repositories.access import AccessRepository
from agency_os.repositories.client import ClientRepository
from agency_os.repositories.invitation import ReceivedInvitations
from agency_os.repositories.membership import MembershipRepository

router = APIRouter(prefix="/me", tags=["me"])


@router.get("", summary="Who calls")
async def get_me(caller: CallerDep) -> MeAnswer:
    """A person's clients and open invitations to the confirmed address; of a key its client and rights."""
    if caller.user_id is None:
        return await _key(caller)
    async with caller.transaction(as_service=True) as db:
        clients = await MembershipRepository(db).of_user(caller.user_id)
        email = await AccessRepository(db).confirmed_email()
        found = await ReceivedInvitations(db).open(email, caller.web.infra.wall.now()) if email else []
    return MeAnswer(
        kind="person",
        id=caller.user_id,
        email=email or caller.email,
        clients=[
            OwnMembership(
                client_id=each.client_id,
                client_name=each.client_name,
                role=each.role,
                permissions=sorted(permitted(each.role, None)),
            )
            for each in clients
        ],
        invitations=[ReceivedInvitation.model_validate(each) for each in found],
    )


async def _key(caller: Caller) -> MeAnswer:
    assert caller.key is not None  # noqa: S101  # a caller is a person or a key
    client_id = caller.key.client_id
    async with caller.transaction() as db:
        standing = await AccessRepository(db).confirm(client_id)
        clients = [await ClientRepository(db).live(client_id)] if standing is not None else []
    return MeAnswer(
        kind="api_key",
        id=caller.key.key_id,
        email=None,
        clients=[
            OwnMembership(
                client_id=each.id,
                client_name=each.name,
                role=None,
                permissions=sorted(permitted(None, standing.scopes if standing else None)),
            )
            for each in clients
        ],
        invitations=[],
    )
