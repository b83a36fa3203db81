"""One-time tokens by mail: asked for (`/recover`, `/resend`) and used (`/verify`), each once and within an hour.

As in Supabase Auth, `auth.users` keeps the token's hash alone: the link carries the hash, the mail also shows the
digits that are typed by hand together with the address. Whether an address has an account is told to nobody.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from agency_os_sandbox.auth import accounts
from agency_os_sandbox.auth.context import Context, answer
from agency_os_sandbox.auth.errors import AuthError, invalid
from agency_os_sandbox.auth.mail import Letter
from agency_os_sandbox.auth.reading import email_of, read_object, text

VALID = timedelta(hours=1)
_DIGITS = 8
# No user name, no backslash: nothing that a browser could read as another host.
_OF_THIS_MACHINE = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?([/?#][\x21-\x7e]*)?")


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where `auth.users` keeps a kind of token."""

    token: str
    sent_at: str


_RECOVERY = _Kind("recovery_token", "recovery_sent_at")
_SIGN_UP = _Kind("confirmation_token", "confirmation_sent_at")
_KINDS = {"recovery": _RECOVERY, "signup": _SIGN_UP, "email": _SIGN_UP}
_NEVER_SENT = frozenset({"invite", "magiclink", "email_change", "sms", "phone_change"})


class OneTime:
    """The endpoints below `/auth/v1`."""

    def __init__(self, context: Context, url: str) -> None:
        self._context = context
        self._url = url

    def routes(self) -> list[Route]:
        """One route per endpoint."""
        return [
            Route("/recover", self.recover, methods=["POST"]),
            Route("/resend", self.resend, methods=["POST"]),
            Route("/verify", self.verify, methods=["POST"]),
            Route("/verify", self.follow, methods=["GET"]),
        ]

    async def recover(self, request: Request) -> Response:
        """A mail that lets its reader in, to set another password; the answer is the same without an account."""
        await self._send("recovery", email_of(await read_object(request)), request)
        return JSONResponse({})

    async def resend(self, request: Request) -> Response:
        """The mail that confirms an address, again; only for an account that is not confirmed."""
        data = await read_object(request)
        if text(data, "type") != "signup":
            raise invalid("Missing one of these types: signup")
        await self._send("signup", email_of(data), request)
        return JSONResponse({})

    async def verify(self, request: Request) -> Response:
        """A session for a token: `token_hash` alone, or `token` with the `email` that it was sent to."""
        data = await read_object(request)
        kind, token_hash = text(data, "type"), text(data, "token_hash")
        if not token_hash:
            token = text(data, "token")
            if not token:
                raise invalid("Verify requires a token or a token hash")
            token_hash = _hash(email_of(data), token)
        return answer(await self._use(kind, token_hash, request))

    async def follow(self, request: Request) -> Response:
        """The link of a mail: back to the site with the session, or the error, behind the address's `#`."""
        query = request.query_params
        site = self._site(query.get("redirect_to"))
        try:
            if not query.get("token"):
                raise invalid("Verify requires a token or a token hash")
            kind = query.get("type") or ""
            session = await self._use(kind, query["token"], request)
        except AuthError as error:
            found = {"error": "access_denied", "error_code": error.code, "error_description": error.message}
        else:
            names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
            found = {**{name: str(session[name]) for name in names}, "type": kind}
        return RedirectResponse(f"{site.partition('#')[0]}#{urlencode(found)}", 302, {"Cache-Control": "no-store"})

    async def _send(self, name: str, email: str, request: Request) -> None:
        token = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        kind, now, token_hash = _KINDS[name], self._context.now(), _hash(email, token)
        async with self._context.transaction() as connection:
            user = await accounts.by_email(connection, email)
            if user is None or (kind is _SIGN_UP and user["email_confirmed_at"] is not None):
                return
            values = {kind.token: token_hash, kind.sent_at: now}
            await accounts.change(connection, user["id"], values, now, taken=accounts.user_not_found(404))
        query = {"token": token_hash, "type": name, "redirect_to": self._site(request.query_params.get("redirect_to"))}
        link = f"{self._url}/verify?{urlencode(query, quote_via=quote)}"
        self._context.mailbox.put(Letter(email, name, token, token_hash, link, accounts.stamp(now)))

    async def _use(self, name: str, token_hash: str, request: Request) -> dict[str, Any]:
        kind = _KINDS.get(name)
        if kind is None and name not in _NEVER_SENT:
            raise invalid("Verify requires a verification type")
        now = self._context.now()
        if kind is None or "\x00" in token_hash:
            raise _expired()
        async with self._context.transaction() as connection:
            user = await accounts.by_token(connection, kind.token, token_hash)
            if user is None or user[kind.sent_at] is None or now > user[kind.sent_at] + VALID:
                raise _expired()
            accounts.check_not_banned(user, now)
            values = {
                kind.token: "",
                "email_confirmed_at": user["email_confirmed_at"] or now,
                "raw_user_meta_data": {**(user["raw_user_meta_data"] or {}), "email_verified": True},
            }
            confirmed = await accounts.change(connection, user["id"], values, now, taken=_expired())
            return await self._context.sign_in(connection, confirmed, "otp", request)

    def _site(self, given: str | None) -> str:
        """Where a link leads: to a page on this machine, else to the site; what stands behind `#` opens an account."""
        return given if given and _OF_THIS_MACHINE.fullmatch(given) else self._context.site_url


def _hash(email: str, token: str) -> str:
    return hashlib.sha224(f"{email}{token}".encode()).hexdigest()


def _expired() -> AuthError:
    return AuthError(403, "otp_expired", "Token has expired or is invalid")
