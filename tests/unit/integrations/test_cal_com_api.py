"""Cal.com's client: bookings read, paging, errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agency_os.exceptions import InvalidInputError, Outcome, ProviderAnswerError, ProviderError, ProviderLimitError
from agency_os.integrations.cal_com_api import BookingStatus, CalComClient
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

BOOKING: dict[str, Any] = {
    "uid": "b1", "status": "accepted", "title": "A first talk", "start": "2026-11-26T00:00:00.000Z",
    "end": "2026-11-26T00:30:00.000Z", "createdAt": "2026-11-23T02:00:00Z", "metadata": {"token": "tok"},
    "attendees": [{"email": "pat@company.example", "name": "Pat", "absent": True}], "rescheduledFromUid": "b0",
}  # fmt: skip


def client_of(script: Script) -> CalComClient:
    wall = FakeWallClock()
    return CalComClient(Connection(script, "https://p.example/v2", "cal_key", RateLimit(1000, wall), wall, Random(1)))  # noqa: S311


def success(data: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": data, **more}


async def test_a_booking_is_read() -> None:
    script = Script(answer(200, success(BOOKING)))
    found = await client_of(script).booking("b/1")
    assert found is not None
    assert (found.uid, found.status, found.token, found.is_absent, found.replaces_uid) == (
        "b1", BookingStatus.ACCEPTED, "tok", True, "b0",
    )  # fmt: skip
    assert (found.start, found.updated_at) == (datetime(2026, 11, 26, tzinfo=UTC), None)
    (request,) = script.requests
    assert (request.url, request.headers["cal-api-version"]) == ("https://p.example/v2/bookings/b%2F1", "2024-08-13")


@pytest.mark.parametrize("status", ["maybe", None, 7])
async def test_a_status_of_a_later_day_is_other(status: object) -> None:
    found = await client_of(Script(answer(200, success({**BOOKING, "status": status})))).booking("b1")
    assert found is not None
    assert found.status is BookingStatus.OTHER


@pytest.mark.parametrize(
    "data", [None, [], [BOOKING], {**BOOKING, "uid": ""}, {**BOOKING, "start": "soon"}, {**BOOKING, "end": None}]
)
async def test_what_is_no_single_booking_is_unreadable(data: object) -> None:
    with pytest.raises(ProviderAnswerError):
        await client_of(Script(answer(200, success(data)))).booking("b1")


async def test_a_404_counts_only_in_cal_coms_own_words() -> None:
    words = {"status": "error", "error": {"code": "NOT_FOUND", "message": "Booking not found"}}
    assert await client_of(Script(answer(404, words))).booking("b1") is None
    with pytest.raises(ProviderError):
        await client_of(Script(answer(404, b"<html>"))).booking("b1")


async def test_a_page_leaves_out_what_is_no_booking_and_counts_it() -> None:
    page = success([BOOKING, {"uid": "b2"}, 7], pagination={"hasNextPage": True})
    script = Script(answer(200, page))
    found = await client_of(script).bookings(skip=10, updated_after=datetime(2026, 11, 23, tzinfo=UTC))
    assert ([each.uid for each in found.bookings], found.next_skip) == (["b1"], 12)
    query = parse_qs(urlsplit(script.requests[0].url).query)
    assert query == {
        "sortUpdatedAt": ["asc"], "take": ["100"], "skip": ["10"], "afterUpdatedAt": ["2026-11-23T00:00:00.000Z"],
    }  # fmt: skip


async def test_an_empty_page_ends_the_list_whatever_it_says() -> None:
    found = await client_of(Script(answer(200, success([], pagination={"hasNextPage": True})))).bookings()
    assert (found.bookings, found.next_skip) == ((), None)


@pytest.mark.parametrize("data", [None, {}, "x"])
async def test_a_page_without_a_list_is_unreadable(data: object) -> None:
    with pytest.raises(ProviderAnswerError):
        await client_of(Script(answer(200, success(data)))).bookings()


async def test_a_time_without_its_zone_is_never_sent() -> None:
    script = Script(answer(200, success([])))
    with pytest.raises(InvalidInputError):
        await client_of(script).bookings(starts_after=datetime(2026, 11, 23))  # noqa: DTZ001
    assert script.requests == []


async def test_a_cancellation_gives_its_reason_and_is_sent_once() -> None:
    script = Script(answer(503, b""), answer(200, success(BOOKING)))
    with pytest.raises(ProviderError) as caught:
        await client_of(script).cancel("b1", "Plans have changed.")
    assert (caught.value.outcome, len(script.requests)) == (Outcome.UNKNOWN, 1)
    assert json.loads(script.requests[0].body) == {"cancellationReason": "Plans have changed."}


async def test_a_wrong_key_is_the_operators() -> None:
    words = {"status": "error", "error": {"code": "UNAUTHORIZED", "message": "Invalid cal_key"}}
    with pytest.raises(ProviderLimitError) as caught:
        await client_of(Script(answer(401, words))).cancel("b1", "x")
    assert "cal_key" not in str(caught.value)
