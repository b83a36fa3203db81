"""The endpoints for everybody: sign-up, the grants, one's own account, logout, and what the server says of itself.

Requests and answers are those of Supabase Auth's published description. Sign-ups are confirmed at once, as in a project
whose mail confirmation is off; telephones, other providers and anonymous accounts are refused as in one without them.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agency_os_sandbox.auth import accounts, sessions
from agency_os_sandbox.auth.context import Context, Token, answer
from agency_os_sandbox.auth.errors import AuthError, invalid
from agency_os_sandbox.auth.passwords import check_password, hash_password, is_password
from agency_os_sandbox.auth.reading import email_of, mapping, no_phone, read_object, text

_VERSION = "embedded"


class Public:
    """The endpoints below `/auth/v1`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        """One route per endpoint."""
        return [
            Route("/signup", self.sign_up, methods=["POST"]),
            Route("/token", self.grant, methods=["POST"]),
            Route("/user", self.user, methods=["GET"]),
            Route("/user", self.change_user, methods=["PUT"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/.well-known/jwks.json", self.jwks, methods=["GET"]),
            Route("/settings", self.settings, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
        ]

    async def sign_up(self, request: Request) -> Response:
        """An account and its first session."""
        data = await read_object(request)
        no_phone(data)
        if not text(data, "email") and not text(data, "password"):
            raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
        email, password, details = email_of(data), text(data, "password"), mapping(data, "data") or {}
        if not password:
            raise invalid("Signup requires a valid password")
        check_password(password)
        taken = AuthError(422, "user_already_exists", "User already registered")
        account = accounts.NewAccount(email, await hash_password(password), data=details)
        async with self._context.transaction() as connection:
            user = await accounts.create(connection, account, self._context.now(), taken=taken)
            return answer(await self._context.sign_in(connection, user, "password", request))

    async def grant(self, request: Request) -> Response:
        """A session for a password or a refresh token; the grant stands in the query, the rest in the body."""
        kind = request.query_params.get("grant_type")
        if kind == "password":
            return await self._by_password(request)
        if kind == "refresh_token":
            return await self._by_refresh_token(request)
        raise AuthError(400, "invalid_credentials", "unsupported_grant_type")

    async def _by_password(self, request: Request) -> Response:
        data = await read_object(request)
        no_phone(data)
        password = text(data, "password")
        if not text(data, "email"):
            raise invalid("missing email or phone")
        email = email_of(data)
        async with self._context.transaction() as connection:
            user = await accounts.by_email(connection, email)
        # Outside the transaction: the hash takes its time, and no connection waits for it.
        if not await is_password(password, user["encrypted_password"] if user else None) or user is None:
            raise AuthError(400, "invalid_credentials", "Invalid login credentials")
        if user["email_confirmed_at"] is None:
            raise AuthError(400, "email_not_confirmed", "Email not confirmed")
        async with self._context.transaction() as connection:
            present = await accounts.by_id(connection, user["id"], lock=True)
            if present is None or present["encrypted_password"] != user["encrypted_password"]:
                raise AuthError(400, "invalid_credentials", "Invalid login credentials")
            return answer(await self._context.sign_in(connection, present, "password", request))

    async def _by_refresh_token(self, request: Request) -> Response:
        token = text(await read_object(request), "refresh_token")
        if not token:
            raise invalid("refresh_token required")
        now = self._context.now()
        async with self._context.transaction() as connection:
            outcome = await sessions.refresh(connection, token, now)
            if isinstance(outcome, sessions.Session):
                user = await accounts.by_id(connection, outcome.user_id)
                if user is None:
                    raise AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
                accounts.check_not_banned(user, now)
                return answer(self._context.session(user, outcome))
        raise outcome

    async def user(self, request: Request) -> Response:
        """The caller's account."""
        token = self._context.token(request)
        async with self._context.transaction() as connection:
            return answer(accounts.shown(await self._context.user(connection, token)))

    async def change_user(self, request: Request) -> Response:
        """Another address (confirmed at once), password or metadata; a new password ends the other sessions."""
        token = self._context.token(request)
        data = await read_object(request)
        no_phone(data)
        email = email_of(data) if text(data, "email") else None
        password, details = text(data, "password"), mapping(data, "data")
        if mapping(data, "app_metadata") is not None:
            raise AuthError(403, "not_admin", "Updating app_metadata requires admin privileges")
        async with self._context.transaction() as connection:
            kept = (await self._context.user(connection, token))["encrypted_password"]
        hashed = await self._new_password(password, kept) if password else None
        async with self._context.transaction() as connection:
            user = await self._change(connection, token, email, hashed, details)
            return answer(accounts.shown(user))

    async def _new_password(self, password: str, kept: str | None) -> str:
        check_password(password)
        if await is_password(password, kept):
            raise AuthError(422, "same_password", "New password should be different from the old password.")
        return await hash_password(password)

    async def _change(
        self, connection: Any, token: Token, email: str | None, hashed: str | None, details: dict[str, Any] | None
    ) -> accounts.Row:
        now = self._context.now()
        user = await self._context.user(connection, token, lock=True)
        values: dict[str, Any] = {}
        if hashed is not None:
            values["encrypted_password"] = hashed
            await sessions.end(connection, token.user_id, sessions.Scope.OTHERS, token.session_id, now)
        data = accounts.merged(user["raw_user_meta_data"], details or {})
        if email is not None:
            values |= {"email": email, "email_confirmed_at": now}
            data |= {"email": email, "email_verified": True}
        taken = AuthError(422, "email_exists", "A user with this email address has already been registered")
        return await accounts.change(
            connection, token.user_id, {**values, "raw_user_meta_data": data}, now, taken=taken
        )

    async def log_out(self, request: Request) -> Response:
        """End the caller's sessions: all (`global`), this one (`local`) or the others; 204."""
        try:
            scope = sessions.Scope(request.query_params.get("scope") or "global")
        except ValueError as error:
            raise invalid("Unsupported logout scope: use global, local or others") from error
        token = self._context.token(request)
        async with self._context.transaction() as connection:
            await self._context.user(connection, token)
            await sessions.end(connection, token.user_id, scope, token.session_id, self._context.now())
        return Response(status_code=204)

    async def jwks(self, _: Request) -> Response:
        """The public key; caches may keep it for ten minutes."""
        return JSONResponse(self._context.keys.jwks(), headers={"Cache-Control": "public, max-age=600"})

    async def settings(self, _: Request) -> Response:
        """What a login page may offer."""
        return JSONResponse(
            {
                "external": {"email": True, "phone": False, "anonymous_users": False},
                "disable_signup": False,
                "mailer_autoconfirm": True,
                "phone_autoconfirm": False,
                "sms_provider": "",
                "saml_enabled": False,
            }
        )

    async def health(self, _: Request) -> Response:
        """200 while the database answers, with what this server is."""
        async with self._context.transaction() as connection:
            await connection.fetchval("SELECT 1")
        return JSONResponse(
            {
                "version": _VERSION,
                "name": "GoTrue",
                "description": "Agency OS's embedded auth server, which speaks the protocol of GoTrue",
            }
        )
