"""Every error answers as problem details, tells the caller's faults and hides ours."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from agency_os import exceptions
from agency_os.api.main import create_app
from agency_os.exceptions import AgencyOSError, InvalidInputError, ProviderError
from tests.factories.api import client_of, make_web

HIERARCHY = [each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, AgencyOSError)]
SECRET = "password=hunter2 at 10.0.0.7"


def raising(error: Exception) -> FastAPI:
    app = create_app(make_web())

    @app.get("/boom")
    async def boom(number: int = 0) -> None:
        raise error

    return app


async def answer(error: Exception) -> httpx.Response:
    async with client_of(raising(error)) as client:
        return await client.get("/boom")


def made(kind: type[AgencyOSError]) -> AgencyOSError:
    more: dict[str, Any] = {"provider": "resend", "operation": "send"} if issubclass(kind, ProviderError) else {}
    return kind(SECRET, **more)


@pytest.mark.parametrize("kind", HIERARCHY, ids=lambda kind: kind.__name__)
async def test_every_error_of_ours_answers_with_its_status_as_a_problem(kind: type[AgencyOSError]) -> None:
    found = await answer(made(kind))
    assert found.headers["content-type"] == "application/problem+json"
    assert (found.status_code, found.json()["status"], found.json()["code"]) == (kind.status, kind.status, kind.code)


@pytest.mark.parametrize("kind", HIERARCHY, ids=lambda kind: kind.__name__)
async def test_what_is_wrong_on_our_side_is_not_told(kind: type[AgencyOSError]) -> None:
    found = await answer(made(kind))
    assert (SECRET in found.text) == (kind.status < 500)


async def test_the_part_to_blame_is_named() -> None:
    problem = (await answer(InvalidInputError("no such zone", field="time_zone"))).json()
    assert problem == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "no such zone",
        "code": "invalid_input",
        "instance": "/boom",
        "field": "time_zone",
    }


async def test_what_nobody_foresaw_is_500_without_internals_and_with_a_request_id() -> None:
    found = await answer(RuntimeError(SECRET))
    assert (found.status_code, found.json()["code"]) == (500, "internal_error")
    assert SECRET not in found.text
    assert found.headers["x-request-id"]


async def test_what_nobody_foresaw_is_logged_with_its_trace_and_request_id() -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logged:
        found = await answer(RuntimeError(SECRET))
    entry = next(each for each in logged if each["event"] == "request_broke")
    assert entry["request_id"] == found.headers["x-request-id"]
    assert str(entry["exc_info"]) == SECRET


async def test_what_can_heal_says_when_to_try_again() -> None:
    assert (await answer(made(exceptions.UnavailableError))).headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/webhooks/resend", 405, "method_not_allowed"),
        ("DELETE", "/health/live", 405, "method_not_allowed"),
        ("POST", "/webhooks/resend/", 404, "not_found"),
        ("GET", "/boom?number=many", 422, "invalid_input"),
    ],
)
async def test_a_wrong_address_method_or_value_is_a_problem_too(method: str, path: str, status: int, code: str) -> None:
    async with client_of(raising(RuntimeError())) as client:
        found = await client.request(method, path)
    assert found.headers["content-type"] == "application/problem+json"
    assert (found.status_code, found.json()["code"]) == (status, code)


async def test_each_request_has_an_id_of_its_own() -> None:
    async with client_of(create_app(make_web())) as client:
        first, second = [(await client.get("/health/live")).headers["x-request-id"] for _ in range(2)]
    assert first != second
    assert len(first) == 32
