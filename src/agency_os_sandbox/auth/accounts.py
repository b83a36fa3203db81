"""The rows of `auth.users`, Supabase's column names: made, found, changed, listed, and shown as the API shows a user.

Everything takes the connection of the caller's transaction and the present wall time (UTC). A soft-deleted account is
found nowhere; its address may be used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from agency_os_sandbox.auth.errors import AuthError
from agency_os_sandbox.ids import new_guid

Row = Mapping[str, Any]
_PROVIDER = "email"
_CHANGEABLE = (
    "email", "encrypted_password", "email_confirmed_at", "recovery_token", "recovery_sent_at", "confirmation_token",
    "confirmation_sent_at", "last_sign_in_at", "raw_app_meta_data", "raw_user_meta_data", "role", "banned_until",
    "deleted_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to make; ``data`` is what the user says of themself, ``app_data`` what the administration says."""

    email: str
    encrypted_password: str | None
    confirmed: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)
    app_data: Mapping[str, Any] = field(default_factory=dict)
    id: UUID | None = None
    role: str = "authenticated"
    banned_until: datetime | None = None


async def create(connection: asyncpg.Connection, account: NewAccount, now: datetime, *, taken: AuthError) -> Row:
    """Make an account. Raises ``taken`` when the address (or the id) is in use."""
    user_id = account.id or UUID(new_guid())
    confirmed = now if account.confirmed else None
    data = {
        **account.data, "sub": str(user_id), "email": account.email, "email_verified": account.confirmed,
        "phone_verified": False,
    }  # fmt: skip
    app_data = {**account.app_data, "provider": _PROVIDER, "providers": [_PROVIDER]}
    try:
        made: Row = await connection.fetchrow(
            "INSERT INTO auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,"
            " confirmation_token, recovery_token, raw_app_meta_data, raw_user_meta_data, banned_until, created_at,"
            " updated_at, is_anonymous)"
            " VALUES ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', $2, $3, $4, $5, '', '', $6, $7, $8,"
            " $9, $9, false) RETURNING *",
            user_id, account.role, account.email, account.encrypted_password, confirmed, app_data, data,
            account.banned_until, now,
        )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise taken from error
    return made


async def change(
    connection: asyncpg.Connection, user_id: UUID, values: Mapping[str, Any], now: datetime, *, taken: AuthError
) -> Row:
    """Set columns of an account. Raises ``taken`` when the new address is in use, and 404 when there is no account."""
    names = [name for name in _CHANGEABLE if name in values]
    assignments = ", ".join(f"{name} = ${number}" for number, name in enumerate(names, 3))
    statement = (
        f"UPDATE auth.users SET {assignments}{', ' if names else ''}updated_at = $2"  # noqa: S608 - names of the list
        " WHERE id = $1 AND deleted_at IS NULL RETURNING *"
    )
    try:
        changed: Row | None = await connection.fetchrow(statement, user_id, now, *(values[name] for name in names))
    except asyncpg.UniqueViolationError as error:
        raise taken from error
    if changed is None:
        raise user_not_found(404)
    return changed


async def by_email(connection: asyncpg.Connection, email: str) -> Row | None:
    """The account of an address."""
    found: Row | None = await connection.fetchrow(
        "SELECT * FROM auth.users WHERE email = $1 AND deleted_at IS NULL", email
    )
    return found


async def by_id(connection: asyncpg.Connection, user_id: UUID, *, lock: bool = False) -> Row | None:
    """The account of an id; ``lock`` holds it until the transaction ends."""
    found: Row | None = await connection.fetchrow(
        f"SELECT * FROM auth.users WHERE id = $1 AND deleted_at IS NULL{' FOR UPDATE' if lock else ''}",  # noqa: S608
        user_id,
    )
    return found


async def by_token(connection: asyncpg.Connection, column: str, token_hash: str) -> Row | None:
    """The account whose `recovery_token` or `confirmation_token` this is, held until the transaction ends."""
    found: Row | None = await connection.fetchrow(
        "SELECT * FROM auth.users WHERE deleted_at IS NULL AND $2 <> '' AND"
        " CASE $1::text WHEN 'recovery_token' THEN recovery_token ELSE confirmation_token END = $2 FOR UPDATE",
        column, token_hash,
    )  # fmt: skip
    return found


async def page(connection: asyncpg.Connection, number: int, size: int) -> tuple[int, list[Row]]:
    """How many accounts there are, and one page of them, the newest first; ``number`` counts from 1."""
    total: int = await connection.fetchval("SELECT count(*) FROM auth.users WHERE deleted_at IS NULL")
    rows = await connection.fetch(
        "SELECT * FROM auth.users WHERE deleted_at IS NULL ORDER BY created_at DESC, id LIMIT $1 OFFSET $2",
        size, (number - 1) * size,
    )  # fmt: skip
    return total, list(rows)


def user_not_found(status: int) -> AuthError:
    """There is no such account: 404 for the administration, 403 for a token's subject."""
    message = "User not found" if status == 404 else "User from sub claim in JWT does not exist"
    return AuthError(status, "user_not_found", message)


def check_not_banned(user: Row, now: datetime) -> None:
    """Raises AuthError 400 for an account that is banned at ``now``."""
    if user["banned_until"] is not None and user["banned_until"] > now:
        raise AuthError(400, "user_banned", "User is banned")


def merged(kept: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata changed by key, as Supabase does: a null takes the key away."""
    both = {**(kept or {}), **given}
    return {name: value for name, value in both.items() if value is not None or name not in given}


def shown(user: Row) -> dict[str, Any]:
    """The user as the API shows one; dates that are not there are left out."""
    dates = {
        "email_confirmed_at": user["email_confirmed_at"],
        "confirmed_at": user["email_confirmed_at"],
        "confirmation_sent_at": user["confirmation_sent_at"],
        "recovery_sent_at": user["recovery_sent_at"],
        "last_sign_in_at": user["last_sign_in_at"],
        "banned_until": user["banned_until"],
        "created_at": user["created_at"],
        "updated_at": user["updated_at"],
        "deleted_at": user["deleted_at"],
    }
    return {
        "id": str(user["id"]),
        "aud": user["aud"] or "authenticated",
        "role": user["role"] or "authenticated",
        "email": user["email"] or "",
        "phone": user["phone"] or "",
        **{name: stamp(moment) for name, moment in dates.items() if moment is not None},
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "identities": [_identity(user)],
        "is_anonymous": user["is_anonymous"],
    }


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _identity(user: Row) -> dict[str, Any]:
    dates = {name: user[name] for name in ("last_sign_in_at", "created_at", "updated_at")}
    return {
        "identity_id": str(user["id"]),
        "id": str(user["id"]),
        "user_id": str(user["id"]),
        "identity_data": user["raw_user_meta_data"] or {},
        "provider": _PROVIDER,
        "email": user["email"] or "",
        **{name: stamp(moment) for name, moment in dates.items() if moment is not None},
    }
