"""Sessions and their refresh tokens: begun, refreshed, ended.

A refresh token is used once. Used again within ten seconds it gives the session's present token once more (a client
that lost the answer, or two tabs at once); used later it revokes every token of its session, for somebody has a copy
(source: the provider's documentation). A session that was ended keeps its row with the moment in `not_after`.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from agency_os_sandbox.auth.errors import AuthError
from agency_os_sandbox.ids import new_guid

REUSE_WINDOW = timedelta(seconds=10)


class Scope(StrEnum):
    """Which of a user's sessions a logout ends."""

    GLOBAL = "global"
    LOCAL = "local"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Session:
    """A session with its present refresh token; ``method`` (`password`, `otp`) and ``since`` make the claim amr."""

    id: UUID
    user_id: UUID
    refresh_token: str
    method: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """What a session keeps of the request that began it."""

    user_agent: str | None = None
    ip: str | None = None


async def begin(connection: asyncpg.Connection, user_id: UUID, method: str, now: datetime, caller: Caller) -> Session:
    """A new session of a user."""
    session_id = UUID(new_guid())
    await connection.execute(
        "INSERT INTO auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)"
        " VALUES ($1, $2, $3, $3, 'aal1', $4, $5)",
        session_id, user_id, now, caller.user_agent, _address(caller.ip),
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO auth.mfa_amr_claims (session_id, created_at, updated_at, authentication_method, id)"
        " VALUES ($1, $2, $2, $3, $4)",
        session_id, now, method, UUID(new_guid()),
    )  # fmt: skip
    token = await _insert_token(connection, session_id, user_id, None, now)
    return Session(session_id, user_id, token, method, now)


async def refresh(connection: asyncpg.Connection, token: str, now: datetime) -> Session | AuthError:
    """The session with its next token, or the refusal, which is returned so that what it wrote is committed."""
    session_id = await connection.fetchval("SELECT session_id FROM auth.refresh_tokens WHERE token = $1", token)
    session = await connection.fetchrow("SELECT * FROM auth.sessions WHERE id = $1 FOR UPDATE", session_id)
    if session is None or _has_ended(session, now):
        return AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
    # Only now: whoever held the session may have used the token.
    used = await connection.fetchrow("SELECT * FROM auth.refresh_tokens WHERE token = $1", token)
    if not used["revoked"]:
        following: str | None = await _rotate(connection, session, token, now)
    else:
        following = await _reused(connection, session["id"], used["updated_at"], now)
    if following is None:
        return AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
    method, since = await connection.fetchrow(
        "SELECT authentication_method, created_at FROM auth.mfa_amr_claims WHERE session_id = $1", session["id"]
    )
    return Session(session["id"], session["user_id"], following, method, since)


async def is_live(connection: asyncpg.Connection, session_id: UUID, user_id: UUID, now: datetime) -> bool:
    """Whether the session of an access token has not been ended."""
    session = await connection.fetchrow(
        "SELECT not_after FROM auth.sessions WHERE id = $1 AND user_id = $2", session_id, user_id
    )
    return session is not None and not _has_ended(session, now)


async def end(connection: asyncpg.Connection, user_id: UUID, scope: Scope, present: UUID | None, now: datetime) -> None:
    """End sessions of a user; ``present`` is the one that asks, None only for the scope that ends them all."""
    await connection.execute(
        "WITH ended AS (UPDATE auth.sessions SET not_after = $2, updated_at = $2"
        " WHERE user_id = $1 AND (not_after IS NULL OR not_after > $2)"
        " AND CASE $4::text WHEN 'global' THEN true WHEN 'local' THEN id = $3::uuid ELSE id <> $3::uuid END"
        " RETURNING id)"
        " UPDATE auth.refresh_tokens AS t SET revoked = true, updated_at = $2 FROM ended"
        " WHERE t.session_id = ended.id AND NOT t.revoked",
        user_id, now, present, scope.value,
    )  # fmt: skip


async def _rotate(connection: asyncpg.Connection, session: Any, token: str, now: datetime) -> str:
    await connection.execute(
        "UPDATE auth.refresh_tokens SET revoked = true, updated_at = $2 WHERE token = $1", token, now
    )
    await connection.execute(
        "UPDATE auth.sessions SET refreshed_at = $2, updated_at = $3 WHERE id = $1",
        session["id"], now.astimezone(UTC).replace(tzinfo=None), now,
    )  # fmt: skip
    return await _insert_token(connection, session["id"], session["user_id"], token, now)


async def _reused(connection: asyncpg.Connection, session_id: UUID, used_at: datetime, now: datetime) -> str | None:
    if now <= used_at + REUSE_WINDOW:
        present: str | None = await connection.fetchval(
            "SELECT token FROM auth.refresh_tokens WHERE session_id = $1 AND NOT revoked ORDER BY id DESC LIMIT 1",
            session_id,
        )
        return present
    await connection.execute(
        "UPDATE auth.refresh_tokens SET revoked = true, updated_at = $2 WHERE session_id = $1 AND NOT revoked",
        session_id, now,
    )  # fmt: skip
    return None


async def _insert_token(
    connection: asyncpg.Connection, session_id: UUID, user_id: UUID, parent: str | None, now: datetime
) -> str:
    token = secrets.token_urlsafe(16)
    await connection.execute(
        "INSERT INTO auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, parent,"
        " session_id) VALUES ('00000000-0000-0000-0000-000000000000', $1, $2, false, $3, $3, $4, $5)",
        token, str(user_id), now, parent, session_id,
    )  # fmt: skip
    return token


def _has_ended(session: Any, now: datetime) -> bool:
    return session["not_after"] is not None and session["not_after"] <= now


def _address(given: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(given or "")
    except ValueError:
        return None
