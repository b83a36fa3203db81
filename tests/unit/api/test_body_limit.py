"""Bodies: refused as soon as they are too long, whatever their length claims to be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from starlette.requests import Request

from agency_os.api.dependencies import MEGABYTE, read_body
from agency_os.api.main import create_app
from agency_os.exceptions import InvalidInputError, PayloadTooLargeError
from tests.factories.api import RecordingIntake, client_of, make_web, postmark_headers


def request_of(
    pieces: Iterable[bytes], length: str | None = None, *, cut_off: bool = False
) -> tuple[Request, list[dict[str, Any]]]:
    headers = [] if length is None else [(b"content-length", length.encode())]
    left: list[dict[str, Any]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    left.append({"type": "http.disconnect"} if cut_off else {"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    return Request({"type": "http", "method": "POST", "headers": headers, "path": "/"}, receive), left


async def test_a_body_within_its_limit_comes_whole() -> None:
    request, _ = request_of([b"ab", b"cd"], "4")
    assert await read_body(request, 4) == b"abcd"


async def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    request, left = request_of([b"abcde"], "5")
    with pytest.raises(PayloadTooLargeError, match="at most 4 bytes"):
        await read_body(request, 4)
    assert len(left) == 2


async def test_a_body_longer_than_it_claims_is_refused_while_it_is_read() -> None:
    request, left = request_of([b"abc", b"def", b"ghi"], "4")
    with pytest.raises(PayloadTooLargeError):
        await read_body(request, 4)
    assert len(left) == 2


@pytest.mark.parametrize("length", ["-1", "4.5", "many", "²", ""])
async def test_a_length_that_is_no_number_is_the_callers_fault(length: str) -> None:
    request, _ = request_of([b"abcd"], length)
    with pytest.raises(InvalidInputError):
        await read_body(request, 4)


async def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    request, _ = request_of([b"abcd"], "9" * 5000)
    with pytest.raises(PayloadTooLargeError):
        await read_body(request, 4)


async def test_a_body_that_is_cut_off_is_not_taken_for_whole() -> None:
    request, _ = request_of([b"ab"], "4", cut_off=True)
    with pytest.raises(InvalidInputError, match="cut off"):
        await read_body(request, 4)


SIGNED = {"svix-signature": "v1,x", "x-cal-signature-256": "x"}


@pytest.mark.parametrize("path", ["/webhooks/resend", "/webhooks/cal-com", "/u/token"])
async def test_more_than_a_megabyte_is_413(path: str) -> None:
    async with client_of(create_app(make_web())) as client:
        found = await client.post(path, content=b"x" * (MEGABYTE + 1), headers=SIGNED)
    assert (found.status_code, found.json()["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("path", ["/webhooks/resend", "/webhooks/cal-com"])
async def test_what_is_not_even_signed_is_refused_unread(path: str) -> None:
    async with client_of(create_app(make_web())) as client:
        found = await client.post(path, content=b"x" * (MEGABYTE + 1))
    assert (found.status_code, found.json()["code"]) == (401, "bad_signature")


async def test_postmark_may_send_large_mails() -> None:
    app = create_app(make_web())
    app.state.intake = RecordingIntake()
    async with client_of(app) as client:
        found = await client.post("/webhooks/postmark", content=b"x" * (40 * MEGABYTE), headers=postmark_headers())
    assert found.status_code == 200


async def test_a_stranger_cannot_make_us_read_a_large_mail() -> None:
    taken = []

    async def body() -> AsyncIterator[bytes]:
        for _ in range(40):
            taken.append(1)
            yield b"x" * MEGABYTE

    request = {"type": "http", "method": "POST", "path": "/webhooks/postmark", "headers": [], "query_string": b""}
    pieces, sent = body(), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": await anext(pieces), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    await create_app(make_web())(request, receive, send)
    assert (sent[0]["status"], taken) == (401, [])
