"""Idempotency keys on POST: a repeat within 24 hours gets the first answer, and nothing is made twice.

The key is claimed and the answer kept in the transaction of the work itself: a request that was cut off leaves neither,
one that runs at the same time waits for the first one's end. Of one caller; the same key with another request is an
error. The convention is that of the IETF draft `draft-ietf-httpapi-idempotency-key-header` and of Stripe.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from agency_os.api.etags import etag_of
from agency_os.db import AsyncSession
from agency_os.exceptions import ConflictError, InvalidInputError
from agency_os.repositories.idempotency_key import IdempotencyKeyRepository

REPLAYED = "Idempotent-Replayed"


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The key of one request, if it named one."""

    key: str | None
    fingerprint: bytes

    async def claim(self, db: AsyncSession) -> Response | None:
        """The answer that was given before, None where the work is to be done.

        Raises InvalidInputError for a key of another request, ConflictError where the first one kept no answer.
        """
        if self.key is None:
            return None
        kept = await IdempotencyKeyRepository(db).claim(self.key, self.fingerprint)
        if kept is None:
            return None
        if kept.fingerprint != self.fingerprint:
            raise InvalidInputError("this key was used for another request: take a new one", field="Idempotency-Key")
        if kept.status is None or kept.answer is None:
            raise ConflictError("the first request with this key has no answer yet: send it again in a moment")
        return Response(kept.answer, kept.status, {REPLAYED: "true"}, "application/json")

    async def answer(
        self,
        db: AsyncSession,
        status: int,
        state: BaseModel,
        *,
        kept: BaseModel | None = None,
        location: str | None = None,
    ) -> Response:
        """The answer, kept for repeats. ``kept`` replaces it there, where it holds a secret that is shown once."""
        if self.key is not None:
            stored = (kept or state).model_dump_json().encode()
            await IdempotencyKeyRepository(db).keep(self.key, status, stored)
        headers = {"ETag": etag_of(state)} | ({"Location": location} if location else {})
        return Response(state.model_dump_json(), status, headers, "application/json")


async def get_idempotency(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="Any text of your own, such as a UUID; a repeat within 24 hours gets the first answer",
        ),
    ] = None,
) -> Idempotency:
    """The request's key and what it is pinned to: method, path and query, body."""
    if idempotency_key is None:
        return Idempotency(None, b"")
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return Idempotency(idempotency_key, hashlib.sha256(head + await request.body()).digest())


IdempotencyDep = Annotated[Idempotency, Depends(get_idempotency)]
