"""Cal.com's API as published: what our client sends strictly, what the sandbox answers so that nulls pass.

The description declares no errors; cal.com/docs shows their envelope.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderRefusedError
from agency_os.integrations.cal_com import BookingEventKind, parse_booking
from agency_os.integrations.cal_com_api import BookingStatus, CalComClient
from agency_os_sandbox.booking import Booking, Guest
from agency_os_sandbox.bookings import Bookings
from agency_os_sandbox.faults import Faults
from agency_os_sandbox.outbox import Outbox
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import MONDAY_NINE, SEED
from tests.support.published import ContractError, Published, published

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/cal/v2"
ERROR = json.dumps(
    {
        "type": "object",
        "required": ["status", "error"],
        "properties": {
            "status": {"const": "error"},
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    }
)
GUEST = Guest("Jo Citizen", "jo@company.example", "Australia/Perth")
START = MONDAY_NINE + timedelta(days=2)
HEADERS = {"authorization": "Bearer cal_x", "cal_api_version": "2024-08-13", "content_type": "application/json"}


@pytest.fixture
def judge() -> Published:
    # The description's paths begin with /v2.
    return published("cal-com/openapi.json", BASE.removesuffix("/v2"), ERROR)


@pytest.fixture
def client(wire: Wire) -> CalComClient:
    return CalComClient(wire.connection(BASE, "cal_x"))


def book(wire: Wire, guest: Guest = GUEST) -> Booking:
    store = wire.sandbox.store
    bookings = Bookings(store, Outbox(store, Faults(store, SEED)))
    return bookings.book("intro", guest, START, wire.sandbox.clock.now, {"token": "tok-1"})


def told(wire: Wire) -> list[dict[str, Any]]:
    rows = wire.sandbox.store.all("SELECT body FROM outbox WHERE provider = 'cal_com' ORDER BY n")
    return [json.loads(row["body"]) for row in rows]


async def test_a_booking_is_as_published_and_is_read(wire: Wire, client: CalComClient, judge: Published) -> None:
    made = book(wire)
    found = await client.booking(made.uid)
    assert found is not None
    assert (found.uid, found.status, found.start, found.end) == (
        made.uid, BookingStatus.ACCEPTED, START, START + timedelta(minutes=30),
    )  # fmt: skip
    assert (found.token, found.attendee_email, found.is_absent) == ("tok-1", GUEST.address, False)
    assert await client.booking("none") is None
    assert wire.check(judge) == [200, 404]


async def test_bookings_are_listed_by_guest_and_time_page_by_page(
    wire: Wire, client: CalComClient, judge: Published
) -> None:
    for number in range(101):
        book(wire, replace(GUEST, address=f"p{number}@company.example"))
    first = await client.bookings(updated_after=MONDAY_NINE - timedelta(hours=1))
    assert first.next_skip is not None
    second = await client.bookings(updated_after=MONDAY_NINE - timedelta(hours=1), skip=first.next_skip)
    assert (len(first.bookings), len(second.bookings), second.next_skip) == (100, 1, None)
    (one,) = (await client.bookings(attendee_email="P7@company.example", starts_after=START)).bookings
    late = await client.bookings(starts_after=START + timedelta(seconds=1), ends_before=START + timedelta(days=1))
    assert (one.attendee_email, late.bookings) == ("p7@company.example", ())
    assert wire.check(judge) == [200] * 4


async def test_a_cancelled_booking_is_as_published_and_is_told(
    wire: Wire, client: CalComClient, judge: Published
) -> None:
    made = book(wire)
    gone = await client.cancel(made.uid, "Our host is ill.")
    assert (gone.status, gone.reason) == (BookingStatus.CANCELLED, "Our host is ill.")
    with pytest.raises(ProviderRefusedError):
        await client.cancel(made.uid, "Again.")
    with pytest.raises(ProviderRefusedError):
        await client.cancel("none", "Nobody.")
    assert wire.check(judge) == [200, 400, 404]
    event = parse_booking(json.dumps(told(wire)[-1]).encode())
    assert (event.kind, event.uid, event.reason) == (BookingEventKind.CANCELLED, made.uid, "Our host is ill.")
    assert told(wire)[-1]["payload"]["cancelledBy"] == "alex.morgan@agency.example"
    rows = wire.sandbox.store.all("SELECT accepted, status, touch FROM oracle WHERE operation = 'bookings.cancel'")
    assert [tuple(row) for row in rows] == [(1, 200, "tok-1"), (0, 400, None), (0, 404, None)]


async def test_a_moved_booking_is_as_published_and_its_meeting_takes_place(wire: Wire, judge: Published) -> None:
    made, later = book(wire), START + timedelta(days=1)
    address = f"{BASE}/bookings/{made.uid}/reschedule"
    assert await wire.check_raw(judge, "POST", address, {"start": later.isoformat()}, **HEADERS) == 201
    assert await wire.check_raw(judge, "POST", address, {"start": later.isoformat()}, **HEADERS) == 400
    response = await wire.raw("POST", f"{HOST}/control/clock", {"to": (later + timedelta(hours=1)).isoformat()})
    assert response.status == 200
    triggers = [event["triggerEvent"] for event in told(wire)]
    assert triggers[:3] == ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "MEETING_ENDED"]
    moved = parse_booking(json.dumps(told(wire)[1]).encode())
    assert (moved.previous_uid, moved.start) == (made.uid, later)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/bookings/x/cancel", {}, HEADERS, 404),
        ("POST", "/bookings/x/cancel", {"colour": "red"}, HEADERS, 400),
        ("POST", "/bookings/x/cancel", b"{", HEADERS, 400),
        ("POST", "/bookings/x/reschedule", {"start": "soon"}, HEADERS, 400),
        ("POST", "/bookings/x/reschedule", {"start": "2020-01-01T00:00:00Z"}, HEADERS, 400),
        ("POST", "/bookings/x/cancel", {}, {"cal_api_version": "2024-08-13"}, 401),
        ("GET", "/bookings?take=0", None, HEADERS, 400),
        ("GET", "/bookings", None, {"authorization": "Bearer cal_x"}, 404),
    ],
)
async def test_a_refusal_is_as_published(
    wire: Wire, judge: Published, method: str, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    assert await wire.check_raw(judge, method, BASE + path, body, **headers) == status


@pytest.mark.parametrize(
    ("kind", "statuses", "outcome"),
    [("429", [429, 200], None), ("500", [500], Outcome.UNKNOWN), ("refused", [400], Outcome.NOT_ACCEPTED)],
)
async def test_a_fault_speaks_as_published(
    wire: Wire, client: CalComClient, judge: Published, kind: str, statuses: list[int], outcome: Outcome | None
) -> None:
    made = book(wire)
    await wire.fault("cal_com", kind)
    if outcome is None:
        await client.cancel(made.uid, "Sorry.")
    else:
        with pytest.raises(ProviderError) as caught:
            await client.cancel(made.uid, "Sorry.")
        assert caught.value.outcome is outcome
    assert wire.check(judge) == statuses


async def test_a_lost_cancellation_is_seen_in_the_booking(wire: Wire, client: CalComClient) -> None:
    made = book(wire)
    await wire.fault("cal_com", "accepted_then_500")
    with pytest.raises(ProviderError) as caught:
        await client.cancel(made.uid, "Sorry.")
    found = await client.booking(made.uid)
    assert found is not None
    assert (caught.value.outcome, found.status) == (Outcome.UNKNOWN, BookingStatus.CANCELLED)


async def test_a_broken_request_is_noticed(wire: Wire, client: CalComClient, judge: Published) -> None:
    made = book(wire)
    await client.cancel(made.uid, "Sorry.")
    await client.bookings()
    cancel, listing = (request for request, _ in wire.recorder.exchanges)
    unversioned = {name: value for name, value in cancel.headers.items() if name.lower() != "cal-api-version"}
    for broken in (
        replace(cancel, headers=unversioned),
        replace(cancel, body=b'{"cancellationReason": 7}'),
        replace(cancel, body=b'{"reason": "Sorry."}'),
        replace(listing, url=listing.url + "&limit=3"),
        replace(listing, url=listing.url.replace("sortUpdatedAt=asc", "sortUpdatedAt=up")),
    ):
        with pytest.raises(ContractError):
            judge.check_request(broken)
