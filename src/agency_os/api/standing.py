"""Standings in the cache: what a caller is in a client, for early decisions alone. PostgreSQL stays the truth."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from agency_os.domain.access import MembershipRole
from agency_os.integrations.redis import Cache
from agency_os.repositories.access import Standing

LASTS: Final = timedelta(seconds=60)
_ROLES: Final = frozenset(MembershipRole)


async def recall(cache: Cache, caller: UUID, client_id: UUID) -> Standing | None:
    """What was found last; None where nothing is known. That somebody is a stranger is never kept."""
    key = _key(caller, client_id)
    match (await cache.get_many([key])).get(key):
        case [str() as role, None] if role in _ROLES:
            return Standing(role, None)
        case [None, list() as scopes]:
            return Standing(None, scopes)
        case _:
            return None


async def keep(cache: Cache, caller: UUID, client_id: UUID, standing: Standing | None) -> None:
    """Keep what was found, for a minute of wall time; forget where nothing was."""
    if standing is None:
        await forget(cache, caller, client_id)
    else:
        await cache.set_many({_key(caller, client_id): [standing.role, standing.scopes]}, LASTS)


async def forget(cache: Cache, caller: UUID, client_id: UUID) -> None:
    """After a commit that changed what the caller is: the early decision falls at once. Where the cache is away it
    falls within the minute; the transactions hold at once anyway."""
    await cache.delete_many([_key(caller, client_id)])


def _key(caller: UUID, client_id: UUID) -> str:
    return f"standing:{caller}:{client_id}"
