"""The REST surface under `/api/v1`: what belongs to a tenant stands under `/clients/{client_id}`."""

from __future__ import annotations

from fastapi import APIRouter

from agency_os.api.errors import described
from agency_os.api.routes.v1 import (
    api_keys,
    audit,
    campaigns,
    clients,
    imports,
    invitations,
    leads,
    me,
    meetings,
    members,
    senders,
    suppression,
    touches,
)
from agency_os.exceptions import (
    AuthenticationError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    PreconditionError,
    UnavailableError,
)

MODULES = (
    me, clients, members, invitations, api_keys, senders, campaigns, leads, imports, touches, meetings, suppression,
    audit,
)  # fmt: skip

router = APIRouter(
    prefix="/api/v1",
    responses={
        **described(AuthenticationError, detail="No valid token or API key"),
        **described(ForbiddenError, detail="The right is missing"),
        **described(NotFoundError, detail="No such thing for this caller"),
        **described(ConflictError, detail="The state of the thing forbids it"),
        **described(PreconditionError, detail="It has changed since it was read"),
        **described(PayloadTooLargeError, detail="The body is too large"),
        **described(InvalidInputError, detail="A part of the request is wrong; `field` names it"),
        **described(UnavailableError, detail="A part that is needed is away; send it again"),
    },
)
for module in MODULES:
    router.include_router(module.router)
