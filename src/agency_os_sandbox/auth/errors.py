"""Errors as Supabase Auth writes them: by default with the status as `code`, and newer clients' variant of it.

Source: the provider's published errors. A client that sends ``X-Supabase-Api-Version: 2024-01-01`` or later gets
``{code, message}``, every other one ``{code, error_code, msg}``; the header ``x-sb-error-code`` stands on both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

API_VERSION = "2024-01-01"
_VERSION_HEADER = "X-Supabase-Api-Version"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class AuthError(Exception):
    """A request that is refused: HTTP ``status``, the published ``code``, a message, and fields beside them."""

    def __init__(self, status: int, code: str, message: str, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = dict(extra or {})


def error_response(request: Request, error: AuthError) -> JSONResponse:
    """The answer, in the variant that the caller asked for."""
    asked = request.headers.get(_VERSION_HEADER, "")
    newer = _DATE.fullmatch(asked) is not None and asked >= API_VERSION
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if not newer:
        body = {"code": error.status, "error_code": error.code, "msg": error.message}
    headers = {"x-sb-error-code": error.code}
    if newer:
        headers[_VERSION_HEADER] = API_VERSION
    return JSONResponse({**body, **error.extra}, error.status, headers)


def bad_json(message: str) -> AuthError:
    """The body is not what the endpoint reads."""
    return AuthError(400, "bad_json", message)


def invalid(message: str) -> AuthError:
    """A value is missing or out of its range."""
    return AuthError(400, "validation_failed", message)


def bad_jwt(message: str) -> AuthError:
    """A token that this server did not sign, or no longer honours."""
    return AuthError(403, "bad_jwt", f"invalid JWT: {message}")


def no_authorization() -> AuthError:
    """No bearer token at all."""
    return AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token")
