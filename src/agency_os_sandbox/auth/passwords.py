"""Passwords as Supabase Auth keeps them: bcrypt of cost 10 in `auth.users.encrypted_password`.

Hashing takes some 50 ms of processor time and runs beside the event loop. An address without an account costs the
same time as a wrong password.
"""

from __future__ import annotations

import asyncio

import bcrypt

from agency_os_sandbox.auth.errors import AuthError, invalid

MIN_CHARACTERS = 6
MAX_BYTES = 72
"""bcrypt reads no further; a longer one would be cut, or raise."""

_COST = 10
_NOBODYS = bcrypt.hashpw(b"nobody", bcrypt.gensalt(_COST))


def check_password(password: str) -> None:
    """Raises AuthError: 422 `weak_password` under 6 characters, 400 over bcrypt's 72 bytes."""
    if len(password) < MIN_CHARACTERS:
        raise AuthError(
            422,
            "weak_password",
            f"Password should be at least {MIN_CHARACTERS} characters.",
            {"weak_password": {"reasons": ["length"]}},
        )
    if len(password.encode()) > MAX_BYTES:
        raise invalid(f"Password cannot be longer than {MAX_BYTES} bytes")


async def hash_password(password: str) -> str:
    """The hash to keep; the password has been checked."""
    return (await asyncio.to_thread(bcrypt.hashpw, password.encode(), bcrypt.gensalt(_COST))).decode("ascii")


async def is_password(password: str, kept: str | None) -> bool:
    """Whether ``password`` is the one of ``kept``; False for an account without a password, or none."""
    given = password.encode()
    fits = len(given) <= MAX_BYTES
    try:
        same = await asyncio.to_thread(bcrypt.checkpw, given[:MAX_BYTES], kept.encode() if kept else _NOBODYS)
    except ValueError:  # what is kept is no hash of bcrypt's
        return False
    return same and fits and bool(kept)
