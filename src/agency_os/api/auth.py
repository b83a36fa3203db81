"""Who calls, and what they may do: the dependencies of every route under `/api/v1`.

A caller is a person with a Supabase token or a program with an API key. What they may do is decided twice: early, from
the cache, so that a refusal costs no transaction and no work; and in every transaction, by its first statement
(`app.confirm_caller`), so that a membership or key that was taken away is gone at once. The cache is never believed
when it says no, and never trusted when it says yes.

Not of the client, or of none: 404, as if the client did not exist. Of it but without the right: 403. No proof: 401.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from agency_os.api.dependencies import WebDep
from agency_os.api.standing import keep, recall
from agency_os.db import ApiKeyScope, AsyncSession
from agency_os.domain.access import Permission, permitted
from agency_os.exceptions import AuthenticationError, ForbiddenError, NotFoundError
from agency_os.kit.api_keys import PREFIX, digest_of
from agency_os.repositories.access import AccessRepository, Standing
from agency_os.wiring.web import Web

_SCHEME: Final = HTTPBearer(
    scheme_name="bearer", auto_error=False, description="An access token of Supabase Auth, or an API key"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A person (``user_id``) or a key. ``now`` is the business time of the request."""

    web: Web
    now: datetime
    user_id: UUID | None = None
    email: str | None = None
    key: ApiKeyScope | None = None

    @property
    def id(self) -> UUID:
        """Whose idempotency keys these are."""
        if self.user_id is not None:
            return self.user_id
        assert self.key is not None  # noqa: S101  # one of both is given
        return self.key.key_id

    @property
    def claims(self) -> dict[str, Any] | None:
        """What row-level security and the audit trail read of a person."""
        return {"sub": str(self.user_id), "role": "authenticated"} if self.user_id is not None else None

    @asynccontextmanager
    async def transaction(self, *, as_service: bool = False) -> AsyncIterator[AsyncSession]:
        """A transaction with the caller's claims or key: as ``authenticated``, under row-level security, or for what
        a tenant's role must not write itself as ``service_role``, so that the trail names the caller all the same."""
        role = "service_role" if as_service else "authenticated"
        database = self.web.infra.database
        async with database.transaction(now=self.now, role=role, claims=self.claims, api_key=self.key) as db:  # type: ignore[arg-type]
            yield db


@dataclass(frozen=True, slots=True)
class Access:
    """A caller in one client, with the right that the route asks for."""

    caller: Caller
    client_id: UUID
    permission: Permission
    role: str | None

    @property
    def now(self) -> datetime:
        """The business time of the request."""
        return self.caller.now

    @asynccontextmanager
    async def transaction(self, *, as_service: bool = False) -> AsyncIterator[AsyncSession]:
        """See Caller.transaction; it begins by asking whether the caller still has the right.

        Raises NotFoundError and ForbiddenError.
        """
        async with self.caller.transaction(as_service=as_service) as db:
            standing = await AccessRepository(db).confirm(self.client_id)
            _check(standing, self.client_id, self.permission)
            yield db


async def get_caller(request: Request, web: WebDep, _: Annotated[Any, Depends(_SCHEME)]) -> Caller:
    """Who calls. Raises AuthenticationError."""
    scheme, given = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() != "bearer" or not given:
        raise AuthenticationError("say who you are: Authorization: Bearer <access token or API key>")
    if given.startswith(PREFIX):
        key = await _find_key(web, given)
        return Caller(web, await web.infra.clock.now(), key=key)
    user = await web.tokens.verify(given)
    return Caller(web, await web.infra.clock.now(), user_id=user.user_id, email=user.email)


async def get_person(caller: Annotated[Caller, Depends(get_caller)]) -> Caller:
    """A caller who is a person. Raises ForbiddenError for a key."""
    if caller.user_id is None:
        raise ForbiddenError("this is for people: an API key belongs to one client and may not")
    return caller


CallerDep = Annotated[Caller, Depends(get_caller)]
PersonDep = Annotated[Caller, Depends(get_person)]


def requires(permission: Permission) -> Callable[[Caller, UUID], Awaitable[Access]]:
    """A dependency: the caller's access to the client in the path, with ``permission``."""

    async def get_access(caller: CallerDep, client_id: UUID) -> Access:
        cache = caller.web.infra.cache
        standing = await recall(cache, caller.id, client_id)
        if standing is None or permission not in _rights(standing):
            async with caller.transaction() as db:
                standing = await AccessRepository(db).confirm(client_id)
            await keep(cache, caller.id, client_id, standing)
        found = _check(standing, client_id, permission)
        return Access(caller, client_id, permission, found.role)

    get_access.permission = permission.value  # type: ignore[attr-defined]
    return get_access


def _rights(standing: Standing) -> frozenset[Permission]:
    return permitted(standing.role, standing.scopes)


def _check(standing: Standing | None, client_id: UUID, permission: Permission) -> Standing:
    if standing is None:
        raise NotFoundError(f"there is no client {client_id}")
    if permission not in _rights(standing):
        raise ForbiddenError(f"this needs the right {permission.value}, which you do not have in this client")
    return standing


async def _find_key(web: Web, secret: str) -> ApiKeyScope:
    async with web.infra.database.transaction(now=web.infra.wall.now()) as db:
        found = await AccessRepository(db).find_key(digest_of(secret))
    if found is None:
        raise AuthenticationError("the API key is unknown, revoked or has run out")
    return found
