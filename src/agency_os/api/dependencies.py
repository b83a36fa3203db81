"""What routes ask for: the process's parts, and a body within its limit."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from agency_os.api.intake import Intake
from agency_os.exceptions import InvalidInputError, PayloadTooLargeError
from agency_os.wiring.web import Web

MEGABYTE = 1024 * 1024
_MOST_DIGITS = 15


async def get_web(request: Request) -> Web:
    """The parts of this process."""
    web: Web = request.app.state.web
    return web


async def get_intake(request: Request) -> Intake:
    """The writer of provider events."""
    intake: Intake = request.app.state.intake
    return intake


async def read_body(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is longer than ``limit`` bytes.

    Raises PayloadTooLargeError, and InvalidInputError when it was cut off or its length is no number.
    """
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdecimal()):
        raise InvalidInputError("Content-Length is not a number", field="Content-Length")
    if len(declared) > _MOST_DIGITS or int(declared) > limit:
        raise PayloadTooLargeError(f"the body may have at most {limit} bytes")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise PayloadTooLargeError(f"the body may have at most {limit} bytes")
    except ClientDisconnect:
        raise InvalidInputError("the body was cut off; send it again") from None
    return bytes(body)


WebDep = Annotated[Web, Depends(get_web)]
IntakeDep = Annotated[Intake, Depends(get_intake)]
