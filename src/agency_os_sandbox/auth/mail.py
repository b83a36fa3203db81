"""The mail that the auth server would send: kept in memory for whoever tests, never sent.

The last hundred are readable at ``GET /control/mails`` on the loopback, one-time tokens included: this stands in for
the mailbox, and is the reason why the server never listens beyond the loopback. A web page cannot read it: the route
answers no request that carries an `Origin`, or that was made for a host other than the loopback's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agency_os_sandbox.auth.errors import AuthError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_KEPT = 100


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail: ``token`` is typed by hand, ``token_hash`` stands in the ``link``; ``kind`` as `type` of /verify."""

    to: str
    kind: str
    token: str
    token_hash: str
    link: str
    at: str


class Mailbox:
    """The mails of this run."""

    def __init__(self) -> None:
        self._letters: deque[Letter] = deque(maxlen=_KEPT)

    def put(self, letter: Letter) -> None:
        """A mail that would go out now."""
        self._letters.append(letter)

    async def show(self, request: Request) -> Response:
        """The mails, oldest first; those to the address in the query where it names one (`?to=`)."""
        if "origin" in request.headers or request.url.hostname not in LOOPBACK:
            raise AuthError(403, "not_admin", "Mails are shown to programs on this machine alone")
        to = request.query_params.get("to")
        return JSONResponse([asdict(each) for each in self._letters if to is None or each.to == to])
