"""What routes ask for: the process's parts, the business time, a body within its limit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from agency_os.api.intake import Intake
from agency_os.exceptions import InvalidInputError, PayloadTooLargeError
from agency_os.wiring.web import Web

MEGABYTE = 1024 * 1024


def get_web(request: Request) -> Web:
    """The parts of this process."""
    web: Web = request.app.state.web
    return web


def get_intake(request: Request) -> Intake:
    """The writer of provider events."""
    intake: Intake = request.app.state.intake
    return intake


async def business_now(web: Annotated[Web, Depends(get_web)]) -> datetime:
    """The business time, read once per request and before any transaction."""
    return await web.infra.clock.now()


async def read_body(request: Request, limit: int) -> bytes:
    """The body, refused once it is longer than ``limit`` bytes. Raises PayloadTooLargeError, InvalidInputError."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal():
        raise InvalidInputError("Content-Length is not a number", field="Content-Length")
    if int(declared) > limit:
        raise PayloadTooLargeError(f"the body may have at most {limit} bytes")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise PayloadTooLargeError(f"the body may have at most {limit} bytes")
    return bytes(body)


WebDep = Annotated[Web, Depends(get_web)]
IntakeDep = Annotated[Intake, Depends(get_intake)]
NowDep = Annotated[datetime, Depends(business_now)]
