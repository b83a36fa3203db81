"""The administration of accounts below `/admin/users`, for whoever holds the service key.

The key comes as supabase-js sends it, as the bearer token. A deleted account keeps its row with the moment in
`deleted_at`, whether a soft deletion is asked for or not: the product's rows point at it, and nothing is deleted here.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agency_os_sandbox.auth import accounts, sessions
from agency_os_sandbox.auth.context import Context, answer
from agency_os_sandbox.auth.errors import AuthError, invalid
from agency_os_sandbox.auth.passwords import check_password, hash_password
from agency_os_sandbox.auth.reading import email_of, flag, mapping, no_phone, read_object, text, uuid_of, whole_number

_PER_PAGE = 50
_MOST_PER_PAGE = 1000
_MOST_PAGES = 1_000_000
_BAN = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")
_ROLE = re.compile(r"[a-z_]{1,63}")
_TAKEN = AuthError(422, "email_exists", "A user with this email address has already been registered")


class Admin:
    """The endpoints below `/auth/v1/admin`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        """One route per endpoint."""
        return [
            Route("/admin/users", self.list, methods=["GET"]),
            Route("/admin/users", self.create, methods=["POST"]),
            Route("/admin/users/{user_id}", self.get, methods=["GET"]),
            Route("/admin/users/{user_id}", self.put, methods=["PUT"]),
            Route("/admin/users/{user_id}", self.delete, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """One page, with the total and the addresses of the next and last page in its headers."""
        self._context.check_admin(request)
        number = whole_number(request, "page", 1, _MOST_PAGES)
        size = whole_number(request, "per_page", _PER_PAGE, _MOST_PER_PAGE)
        async with self._context.transaction() as connection:
            total, rows = await accounts.page(connection, number, size)
        last = max(1, -(-total // size))
        pages = [(number + 1, "next"), (last, "last")] if number < last else [(last, "last")]
        links = [f'<{request.url.path}?page={each}&per_page={size}>; rel="{rel}"' for each, rel in pages]
        headers = {"X-Total-Count": str(total), "Link": ", ".join(links), "Cache-Control": "no-store"}
        users = [accounts.shown(row) for row in rows]
        return JSONResponse({"users": users, "aud": "authenticated"}, headers=headers)

    async def create(self, request: Request) -> Response:
        """An account, confirmed only where `email_confirm` says so, and without a session."""
        self._context.check_admin(request)
        data = await read_object(request)
        no_phone(data)
        now, password, given_id = self._context.now(), text(data, "password"), text(data, "id")
        account = accounts.NewAccount(
            email_of(data),
            await _hashed(password) if password else None,
            flag(data, "email_confirm"),
            mapping(data, "user_metadata") or {},
            mapping(data, "app_metadata") or {},
            _new_id(given_id) if given_id else None,
            _role(data) or "authenticated",
            _banned_until(text(data, "ban_duration"), now),
        )
        async with self._context.transaction() as connection:
            return answer(accounts.shown(await accounts.create(connection, account, now, taken=_TAKEN)))

    async def get(self, request: Request) -> Response:
        """One account."""
        self._context.check_admin(request)
        async with self._context.transaction() as connection:
            user = await accounts.by_id(connection, uuid_of(request.path_params["user_id"]))
        if user is None:
            raise accounts.user_not_found(404)
        return answer(accounts.shown(user))

    async def put(self, request: Request) -> Response:
        """Change what is given; metadata by key. A new password or a ban ends the account's sessions."""
        self._context.check_admin(request)
        user_id, data, now = uuid_of(request.path_params["user_id"]), await read_object(request), self._context.now()
        no_phone(data)
        password, values = text(data, "password"), _changes(data, now)
        if password:
            values["encrypted_password"] = await _hashed(password)
        app_data, user_data = mapping(data, "app_metadata") or {}, mapping(data, "user_metadata") or {}
        async with self._context.transaction() as connection:
            user = await accounts.by_id(connection, user_id, lock=True)
            if user is None:
                raise accounts.user_not_found(404)
            values["raw_app_meta_data"] = accounts.merged(user["raw_app_meta_data"], app_data)
            values["raw_user_meta_data"] = accounts.merged(user["raw_user_meta_data"], user_data)
            if "email" in values:
                values["raw_user_meta_data"] |= {"email": values["email"], "email_verified": True}
            changed = await accounts.change(connection, user_id, values, now, taken=_TAKEN)
            if password or values.get("banned_until") is not None:
                await sessions.end(connection, user_id, sessions.Scope.GLOBAL, None, now)
        return answer(accounts.shown(changed))

    async def delete(self, request: Request) -> Response:
        """The account is found no more, its sessions are ended, its address is free; its row stays."""
        self._context.check_admin(request)
        user_id, now = uuid_of(request.path_params["user_id"]), self._context.now()
        flag(await read_object(request, optional=True), "should_soft_delete")
        async with self._context.transaction() as connection:
            taken = accounts.user_not_found(404)
            await accounts.change(connection, user_id, {"deleted_at": now}, now, taken=taken)
            await sessions.end(connection, user_id, sessions.Scope.GLOBAL, None, now)
        return answer({})


def _changes(data: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The columns that a change sets, but for the password and the metadata."""
    values: dict[str, Any] = {}
    if text(data, "email"):
        values |= {"email": email_of(data), "email_confirmed_at": now}
    if flag(data, "email_confirm"):
        values["email_confirmed_at"] = now
    if text(data, "ban_duration"):
        values["banned_until"] = _banned_until(text(data, "ban_duration"), now)
    role = _role(data)
    return {**values, "role": role} if role else values


def _role(data: dict[str, Any]) -> str:
    role = text(data, "role")
    if role and not _ROLE.fullmatch(role):
        raise invalid("role is a name of up to 63 small letters")
    return role


def _new_id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError as error:
        raise invalid("ID must conform to the uuid v4 format") from error


async def _hashed(password: str) -> str:
    check_password(password)
    return await hash_password(password)


def _banned_until(duration: str, now: datetime) -> datetime | None:
    """The end of a ban that lasts `none` or e.g. `24h`, `1h30m`; None for none."""
    if duration in ("", "none"):
        return None
    found = _BAN.fullmatch(duration)
    if found is None:
        raise invalid("invalid format for ban duration: e.g. 24h, 1h30m or none")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return now + timedelta(hours=hours, minutes=minutes, seconds=seconds)
