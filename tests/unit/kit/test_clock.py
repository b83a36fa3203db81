from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from agency_os.exceptions import InvalidInputError, SettingsError, UnavailableError
from agency_os.kit.clock import (
    FakeWallClock,
    FixedClock,
    HttpClock,
    SystemClock,
    SystemWallClock,
    clock_from,
    parse_instant,
)
from agency_os.kit.http import Headers, HttpRequest, HttpResponse

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Answers:
    """A transport that gives one body and notes the requests."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.response = HttpResponse(status, Headers(), body)
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return self.response

    async def aclose(self) -> None:
        return None


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-02T12:00:00Z", NOON),
        ("2026-03-02T23:00:00+11:00", NOON),
        ("2023-04-03 22:13:42.674981+00", datetime(2023, 4, 3, 22, 13, 42, 674981, tzinfo=UTC)),  # Resend
        ("2019-11-05T16:33:54.9070259Z", datetime(2019, 11, 5, 16, 33, 54, 907025, tzinfo=UTC)),  # Postmark
    ],
)
def test_providers_spellings_of_an_instant_are_read_as_utc(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-02T12:00:00", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_instant(text)


async def test_fixed_clock_stands_still_until_set() -> None:
    clock = FixedClock(datetime(2026, 3, 2, 22, tzinfo=timezone(timedelta(hours=10))))
    assert await clock.now() == NOON
    clock.set(NOON + timedelta(days=1))
    clock.advance(timedelta(hours=1))
    assert await clock.now() == NOON + timedelta(days=1, hours=1)


async def test_system_clock_is_aware_and_runs() -> None:
    first, second = await SystemClock().now(), await SystemClock().now()
    assert first.utcoffset() == timedelta(0)
    assert second >= first


async def test_http_clock_reads_the_served_time() -> None:
    transport = Answers(json.dumps({"now": "2026-03-02T12:00:00+00:00"}).encode())
    assert await HttpClock("http://127.0.0.1:1/clock", transport).now() == NOON
    assert transport.requests[0].method == "GET"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"now": null}', b'{"now": "later"}', b"\xff\xfe"])
async def test_http_clock_without_a_time_is_unavailable(body: bytes) -> None:
    with pytest.raises(UnavailableError, match="BUSINESS_CLOCK"):
        await HttpClock("http://127.0.0.1:1/clock", Answers(body)).now()


def test_the_setting_chooses_the_clock() -> None:
    transport = Answers(b"")
    assert isinstance(clock_from("system", transport), SystemClock)
    assert isinstance(clock_from("http://127.0.0.1:1/clock", transport), HttpClock)


def test_an_unknown_clock_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match="BUSINESS_CLOCK"):
        clock_from("sundial", Answers(b""))


async def test_fake_wall_clock_sleeps_at_once() -> None:
    wall = FakeWallClock()
    before = wall.now()
    await wall.sleep(90)
    assert (wall.now() - before, wall.monotonic(), wall.sleeps) == (timedelta(seconds=90), 90, [90])


async def test_system_wall_clock_sleeps_for_real() -> None:
    wall = SystemWallClock()
    before = wall.monotonic()
    await wall.sleep(0.01)
    assert wall.monotonic() - before >= 0.009
