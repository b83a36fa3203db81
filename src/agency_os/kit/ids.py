"""Identifiers: UUID version 7 (RFC 9562), so that rows made later sort later and indexes stay compact."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new identifier, greater than every earlier one of this process."""
    return uuid7()


def new_ids(count: int) -> list[UUID]:
    """``count`` new identifiers in ascending order."""
    return [uuid7() for _ in range(count)]
