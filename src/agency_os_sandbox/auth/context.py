"""What every endpoint shares: database, keys, mailbox, wall time; who calls, and the answer that is a session.

Input: the bearer token of a request. Promise: a user's token counts while its signature, its session and its account
do; the administration is the service key alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse

from agency_os_sandbox.auth import accounts, sessions
from agency_os_sandbox.auth.errors import AuthError, bad_jwt, no_authorization
from agency_os_sandbox.auth.keys import ACCESS_SECONDS, AUDIENCE, KeyRing
from agency_os_sandbox.auth.mail import Mailbox


@dataclass(frozen=True, slots=True)
class Token:
    """Whose token it is, and of which session."""

    user_id: UUID
    session_id: UUID


class Context:
    """The parts; ``pool`` is there while the server runs."""

    def __init__(self, keys: KeyRing, site_url: str, now: Callable[[], datetime]) -> None:
        self.keys = keys
        self.site_url = site_url
        self.now = now
        self.mailbox = Mailbox()
        self.pool: asyncpg.Pool | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """One transaction, committed when the block is left without an error."""
        if self.pool is None:
            raise AuthError(503, "unexpected_failure", "The auth server is not connected to its database")
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    def token(self, request: Request) -> Token:
        """The user's token. Raises AuthError: 401 without one, 403 when it is not valid."""
        claims = self.keys.read(bearer(request), self.now().timestamp())
        try:
            return Token(UUID(claims["sub"]), UUID(claims["session_id"]))
        except (ValueError, TypeError, AttributeError) as error:
            raise bad_jwt("missing sub or session_id claim") from error

    async def user(self, connection: asyncpg.Connection, token: Token, *, lock: bool = False) -> accounts.Row:
        """The account of a token. Raises AuthError 403 when it or its session is gone."""
        user = await accounts.by_id(connection, token.user_id, lock=lock)
        if user is None:
            raise accounts.user_not_found(403)
        if not await sessions.is_live(connection, token.session_id, token.user_id, self.now()):
            raise AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        accounts.check_not_banned(user, self.now())
        return user

    def check_admin(self, request: Request) -> None:
        """Raises AuthError: 401 without a token, 403 for anything but the service key."""
        given = bearer(request)
        if self.keys.is_service_key(given):
            return
        self.keys.read(given, self.now().timestamp())
        raise AuthError(403, "not_admin", "User not allowed")

    async def sign_in(
        self, connection: asyncpg.Connection, user: accounts.Row, method: str, request: Request
    ) -> dict[str, Any]:
        """A new session of an account, as the API shows it."""
        now = self.now()
        accounts.check_not_banned(user, now)
        agent = request.headers.get("user-agent", "").replace("\x00", "")[:1000]
        caller = sessions.Caller(agent, request.client.host if request.client else None)
        session = await sessions.begin(connection, user["id"], method, now, caller)
        seen = await accounts.change(
            connection, user["id"], {"last_sign_in_at": now}, now, taken=accounts.user_not_found(404)
        )
        return self.session(seen, session)

    def session(self, user: accounts.Row, session: sessions.Session) -> dict[str, Any]:
        """The session as the API shows it, with an access token that is valid for an hour."""
        issued = int(self.now().timestamp())
        expires = issued + ACCESS_SECONDS
        public = accounts.shown(user)
        claims = {
            "sub": public["id"],
            "aud": AUDIENCE,
            "exp": expires,
            "iat": issued,
            **{name: public[name] for name in ("email", "phone", "app_metadata", "user_metadata", "role")},
            "aal": "aal1",
            "amr": [{"method": session.method, "timestamp": int(session.since.timestamp())}],
            "session_id": str(session.id),
            "is_anonymous": public["is_anonymous"],
        }
        return {
            "access_token": self.keys.sign(claims),
            "token_type": "bearer",
            "expires_in": ACCESS_SECONDS,
            "expires_at": expires,
            "refresh_token": session.refresh_token,
            "user": public,
        }


def bearer(request: Request) -> str:
    """The token of the header Authorization. Raises AuthError 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise no_authorization()
    return token.strip()


def answer(content: dict[str, Any], status: int = 200) -> JSONResponse:
    """A JSON answer that nobody on the way may keep: it may hold tokens."""
    return JSONResponse(content, status, {"Cache-Control": "no-store"})
