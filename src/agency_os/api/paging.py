"""Pages by cursor: stable under inserts, and as fast at any depth as at the first page (no OFFSET).

A cursor is the sort key of the last row of a page, in an opaque form that only this API makes and reads.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Annotated, Final, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from agency_os.exceptions import InvalidInputError

T = TypeVar("T")
MOST: Final = 200
USUAL: Final = 50
_LONGEST: Final = 400

LimitQuery = Annotated[int, Query(ge=1, le=MOST, description="How many at most")]
CursorQuery = Annotated[
    str | None, Query(max_length=_LONGEST, description="`next_cursor` of the page before; leave it out for the first")
]


class Page(BaseModel, Generic[T]):
    """Some of many. ``next_cursor`` is null on the last page."""

    items: list[T]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page that follows")


def cut(items: list[T], limit: int, key: Callable[[T], tuple[int | str | UUID | None, ...]]) -> Page[T]:
    """The page of ``items``, of which one more than ``limit`` was asked for; ``key`` is the sort key of a row."""
    shown = items[:limit]
    return Page(items=shown, next_cursor=write_cursor(*key(shown[-1])) if len(items) > limit else None)


def write_cursor(*key: int | str | UUID | None) -> str:
    """The opaque form of a sort key."""
    text = json.dumps([str(part) if isinstance(part, UUID) else part for part in key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_id_cursor(cursor: str | None) -> UUID | None:
    """The id in a cursor of rows that are sorted by id. Raises InvalidInputError."""
    if cursor is None:
        return None
    match _read(cursor):
        case [str() as row_id]:
            return _uuid(row_id)
        case _:
            raise _foreign()


def read_number_cursor(cursor: str | None) -> tuple[int | None, UUID] | None:
    """Number and id in a cursor of rows that are sorted by both. Raises InvalidInputError."""
    if cursor is None:
        return None
    match _read(cursor):
        case [int() | None as number, str() as row_id] if number is None or abs(number) < 2**31:
            return number, _uuid(row_id)
        case _:
            raise _foreign()


def read_count_cursor(cursor: str | None) -> int | None:
    """The number in a cursor of rows that are sorted by one. Raises InvalidInputError."""
    if cursor is None:
        return None
    match _read(cursor):
        case [int() as number] if 0 <= number < 2**31:
            return number
        case _:
            raise _foreign()


def _read(cursor: str) -> object:
    try:
        return json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _foreign() from None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _foreign() from None


def _foreign() -> InvalidInputError:
    return InvalidInputError("the cursor is none of this list: give `next_cursor` as it came", field="query.cursor")
