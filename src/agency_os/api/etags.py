"""Entity tags (RFC 9110, 8.8.3 and 13.1): a change names the state that it changes, or is refused with 412."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Header, Response
from pydantic import BaseModel

from agency_os.exceptions import PreconditionError

IfMatch = Annotated[
    str | None,
    Header(max_length=1000, description="The ETag of the state that you saw; anything else there now answers 412"),
]
IfNoneMatch = Annotated[
    str | None, Header(max_length=1000, description="An ETag that you hold; 304 while it is still it")
]


def etag_of(state: BaseModel) -> str:
    """The strong tag of a representation: its digest, so that it needs no column and no clock."""
    return f'"{hashlib.sha256(state.model_dump_json().encode()).hexdigest()[:32]}"'


def check_match(if_match: str | None, state: BaseModel) -> None:
    """Raises PreconditionError where ``if_match`` names other states than ``state``."""
    if if_match is not None and not _names(if_match, etag_of(state)):
        raise PreconditionError("it has changed since you read it: read it again, then repeat the change")


def not_modified(if_none_match: str | None, state: BaseModel) -> Response | None:
    """A 304 where the caller holds ``state`` already."""
    tag = etag_of(state)
    if if_none_match is not None and _names(if_none_match.replace("W/", ""), tag):
        return Response(status_code=304, headers={"ETag": tag})
    return None


def _names(header: str, tag: str) -> bool:
    return header.strip() == "*" or tag in [each.strip() for each in header.split(",")]
