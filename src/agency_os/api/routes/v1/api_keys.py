"""API keys: made, listed, revoked by managers. The secret is in one answer alone."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from agency_os.api.auth import Access, requires
from agency_os.api.idempotency import IdempotencyDep
from agency_os.api.schemas.api_key import ApiKeyAnswer, ApiKeyList, MadeApiKey, NewApiKey
from agency_os.api.standing import forget
from agency_os.domain.access import Permission
from agency_os.exceptions import InvalidInputError
from agency_os.kit.api_keys import digest_of, new_secret, shown_part
from agency_os.repositories.api_key import ApiKeyRepository

router = APIRouter(prefix="/clients/{client_id}/api-keys", tags=["api keys"])
Reads = Annotated[Access, Depends(requires(Permission.API_KEYS_READ))]
Writes = Annotated[Access, Depends(requires(Permission.API_KEYS_WRITE))]


@router.get("", summary="All keys of a client")
async def list_api_keys(access: Reads) -> ApiKeyList:
    """Newest first, revoked ones too; no secrets."""
    async with access.transaction() as db:
        found = await ApiKeyRepository(db, access.client_id).all()
    return ApiKeyList(items=[ApiKeyAnswer.model_validate(each) for each in found])


@router.post("", status_code=201, response_model=MadeApiKey, summary="Make a key")
async def create_api_key(access: Writes, body: NewApiKey, idempotency: IdempotencyDep) -> Response:
    """Keep the secret: only its digest is stored, and a repeat of the request does not show it again."""
    if body.expires_at is not None and body.expires_at <= access.caller.web.infra.wall.now():
        raise InvalidInputError("the key would have run out already: name a later time", field="body.expires_at")
    async with access.transaction(as_service=True) as db:
        if (kept := await idempotency.claim(db)) is not None:
            return kept
        assert access.caller.user_id is not None  # noqa: S101  # no key has this right
        secret = new_secret()
        row = await ApiKeyRepository(db, access.client_id).create(
            name=body.name,
            shown=shown_part(secret),
            digest=digest_of(secret),
            scopes=body.scopes,
            created_by=access.caller.user_id,
            expires_at=body.expires_at,
        )
        known = ApiKeyAnswer.model_validate(row).model_dump()
        return await idempotency.answer(
            db, 201, MadeApiKey(**known, secret=secret), kept=MadeApiKey(**known, secret=None)
        )


@router.delete("/{key_id}", status_code=204, summary="Revoke a key")
async def revoke_api_key(access: Writes, key_id: UUID) -> None:
    """For good, at once."""
    async with access.transaction(as_service=True) as db:
        await ApiKeyRepository(db, access.client_id).revoke(key_id, access.caller.web.infra.wall.now())
    await forget(access.caller.web.infra.cache, key_id, access.client_id)
