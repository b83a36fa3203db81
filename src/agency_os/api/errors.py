"""Errors as problem details (RFC 9457), from the status-coded hierarchy: plain words, no internals, no secrets.

What the caller did wrong is told as it was raised; what is wrong on our side is logged, and told in general words.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from agency_os.exceptions import AgencyOSError, InvalidInputError, ProviderLimitError, SignatureError, UnavailableError
from agency_os.kit.logging import get_logger

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "5"
_ENDS_IN_SECRET = re.compile(r"^((?:.*/)?webhooks/[^/]+/|(?:.*/)?u/).+$", re.DOTALL)
_BROKEN = "something broke on our side; it is logged, try again later"
_AWAY = "a part that is needed is away; nothing was kept of this request, send it again in a few seconds"
_log = get_logger(__name__)


class Problem(BaseModel):
    """What every error answers (RFC 9457)."""

    type: str = Field("about:blank", description="Identifies the kind of problem; `code` tells ours apart")
    title: str = Field(examples=["Unauthorized"])
    status: int = Field(examples=[401])
    detail: str = Field(examples=["the webhook's signature does not match its body"])
    code: str = Field(examples=["bad_signature"], description="The error's name, stable over releases")
    instance: str = Field(examples=["/webhooks/resend"])
    field: str | None = Field(None, description="The part that is to blame, if one is")


def problem(
    path: str,
    status: int,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """An answer with problem details; ``path`` is the request's."""
    body = Problem(
        type="about:blank",
        title=_title(status),
        status=status,
        detail=detail,
        code=code,
        instance=shown(path)[:200],
        field=field,
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def shown(path: str) -> str:
    """The request's path without the secret or token that ends it, fit for logs and answers."""
    return _ENDS_IN_SECRET.sub(r"\1{secret}", path)


def broken(path: str, error: Exception) -> JSONResponse:
    """The answer to an error that nobody raised on purpose; its trace goes to the log alone."""
    _log.error("request_broke", path=shown(path), error=type(error).__name__, exc_info=error)
    return problem(path, 500, AgencyOSError.code, _BROKEN)


def described(*errors: type[AgencyOSError], detail: str) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI declares ``errors``, each under its status, with an example."""
    return {
        error.status: {
            "description": detail,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _example(error)}},
        }
        for error in errors
    }


def any_problem() -> dict[int | str, dict[str, Any]]:
    """How OpenAPI declares that whatever else goes wrong answers with problem details too."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _example(AgencyOSError)}}
    return {"default": {"description": "Every other error", "content": content}}


def install(app: FastAPI) -> None:
    """Let every error of ``app`` answer as a problem."""
    app.add_exception_handler(AgencyOSError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AgencyOSError)  # noqa: S101  # by registration
    path, detail = _path(request), str(error)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request_failed", path=path, code=error.code, error=detail)
        detail = _general(error)
    field = error.field if isinstance(error, InvalidInputError) else None
    return problem(path, error.status, error.code, detail, field=field, headers=_headers(error))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # by registration
    if error.__cause__ is not None:  # what came up while FastAPI read the body
        return await _ours(request, _of_body(error.__cause__))
    code = _title(error.status_code).lower().replace(" ", "_")
    headers = dict(error.headers) if error.headers else None
    return problem(_path(request), error.status_code, code, str(error.detail), headers=headers)


def _of_body(cause: BaseException) -> AgencyOSError:
    if isinstance(cause, AgencyOSError):
        return cause
    reason = {UnicodeDecodeError: "is not UTF-8", RecursionError: "is nested too deep"}.get(type(cause))
    if isinstance(cause, ClientDisconnect):
        reason = "was cut off; send it again"
    return InvalidInputError(f"the body {reason or 'cannot be read as JSON'}", field="body")


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # by registration
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return problem(_path(request), 422, InvalidInputError.code, f"{field}: {first['msg']}", field=field)


def _path(request: Request) -> str:
    return shown(request.url.path)


def _general(error: AgencyOSError) -> str:
    return _AWAY if error.status == HTTPStatus.SERVICE_UNAVAILABLE else _BROKEN


def _headers(error: AgencyOSError) -> dict[str, str] | None:
    if isinstance(error, UnavailableError | ProviderLimitError):
        return {"Retry-After": RETRY_SECONDS}
    if error.status == HTTPStatus.UNAUTHORIZED:
        scheme = "Basic" if isinstance(error, SignatureError) else 'Bearer realm="agency-os"'
        return {"WWW-Authenticate": scheme}  # RFC 9110, 11.6.1: every 401 names a scheme; RFC 6750 for tokens
    return None


def _example(error: type[AgencyOSError]) -> dict[str, Any]:
    detail = (error.__doc__ or "").partition("\n")[0]
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = _AWAY if error.status == HTTPStatus.SERVICE_UNAVAILABLE else _BROKEN
    example = Problem(
        type="about:blank",
        title=_title(error.status),
        status=error.status,
        detail=detail,
        code=error.code,
        instance="/webhooks/resend",
        field=None,
    )
    return example.model_dump(exclude_none=True)


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
