"""Errors as problem details (RFC 9457), from the status-coded hierarchy: plain words, no internals, no secrets."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from agency_os.exceptions import AgencyOSError, InvalidInputError, ProviderLimitError, UnavailableError
from agency_os.kit.logging import get_logger

MEDIA_TYPE = "application/problem+json"
_log = get_logger(__name__)


class Problem(BaseModel):
    """What every error answers (RFC 9457)."""

    type: str = Field("about:blank", description="Identifies the kind of problem")
    title: str = Field(examples=["Unauthorized"])
    status: int = Field(examples=[401])
    detail: str = Field(examples=["the webhook's signature does not match its body"])
    code: str = Field(examples=["bad_signature"], description="The error's name, stable over releases")
    instance: str = Field(examples=["/webhooks/resend"])
    field: str | None = Field(None, description="The part that is to blame, if one is")


def problem(request: Request, status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """An answer with problem details."""
    body = Problem(
        type="about:blank",
        title=_title(status),
        status=status,
        detail=detail,
        code=code,
        instance=request.url.path[:200],
        field=more.pop("field", None),
    )
    headers = more.pop("headers", None)
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error of ``app`` answer as a problem."""
    app.add_exception_handler(AgencyOSError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AgencyOSError)  # noqa: S101  # by registration
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request_failed", path=request.url.path, code=error.code, error=str(error))
    field = error.field if isinstance(error, InvalidInputError) else None
    headers = {"Retry-After": "5"} if isinstance(error, UnavailableError | ProviderLimitError) else None
    return problem(request, error.status, error.code, str(error), field=field, headers=headers)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # by registration
    code = _title(error.status_code).lower().replace(" ", "_")
    headers = dict(error.headers) if error.headers else None
    return problem(request, error.status_code, code, str(error.detail), headers=headers)


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # by registration
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return problem(request, 422, "invalid_input", f"{field}: {first['msg']}", field=field)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request_broke", path=request.url.path, error=type(error).__name__, exc_info=error)
    return problem(request, 500, "internal_error", "something broke on our side; it is logged, try again later")


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
