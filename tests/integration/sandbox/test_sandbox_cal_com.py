"""Cal.com: the page on which a person books by hand, and the API that shows bookings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.conftest import Product, Served
from tests.support.needs import SPECS

PAGE = "/cal/book/intro?metadata%5Btoken%5D=tok"
HEADERS = {"Authorization": "Bearer cal_test", "cal-api-version": "2024-08-13"}


async def slots(served: Served) -> list[str]:
    _, page = await served.call("GET", PAGE)
    return re.findall(r'<option value="([^"]+)"', page)


async def book(served: Served, **fields: str) -> tuple[int, str]:
    form = {"start": (await slots(served))[0], "name": "Ada Ng", "email": "Ada@Firm.example", **fields}
    return await served.call("POST", PAGE, data=form)


async def listed(served: Served, **query: str) -> dict[str, Any]:
    status, body = await served.call("GET", "/cal/v2/bookings", headers=HEADERS, params=query)
    assert status == 200, body
    return dict(body)


async def test_someone_books_by_hand(served: Served, product: Product) -> None:
    status, page = await book(served)
    await served.settled()
    created = json.loads(product.to("/webhooks/cal-com")[0].body)
    assert (status, "is booked" in page) == (200, True)
    assert (created["payload"]["metadata"], created["payload"]["attendees"][0]["email"]) == (
        {"token": "tok"},
        "ada@firm.example",
    )


async def test_looking_at_the_page_books_nothing(served: Served) -> None:
    assert (await served.call("GET", PAGE))[0] == 200
    assert (await listed(served))["data"] == []


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"email": "nobody"}, {"start": "2026-03-02T03:00:00Z"}, {"start": "soon"}]
)
async def test_a_form_filled_in_wrongly_is_shown_again(served: Served, wrong: dict[str, str]) -> None:
    status, page = await book(served, **wrong)
    assert (status, 'role="alert"' in page, (await listed(served))["data"]) == (422, True, [])


async def test_what_a_visitor_types_is_no_html(served: Served) -> None:
    _, page = await served.call("GET", "/cal/book/intro", params={"name": '"><script>', "metadata[a]": "<b>"})
    assert "<script>" not in page
    assert "<b>" not in page


async def test_a_booking_is_found_by_its_uid(served: Served) -> None:
    await book(served)
    uid = (await listed(served))["data"][0]["uid"]
    status, body = await served.call("GET", f"/cal/v2/bookings/{uid}", headers=HEADERS)
    assert (status, body["data"]["metadata"]) == (200, {"token": "tok"})


async def test_bookings_are_paged_and_filtered(served: Served) -> None:
    for number in range(3):
        await book(served, email=f"p{number}@firm.example")
    page = await listed(served, take="2", skip="2")
    one = await listed(served, attendeeEmail="P1@firm.example", status="upcoming")
    assert (len(page["data"]), page["pagination"]["totalItems"], page["pagination"]["hasNextPage"]) == (1, 3, False)
    assert len(one["data"]) == 1


@pytest.mark.parametrize(
    "query", [{"take": "0"}, {"take": "x"}, {"skip": "-1"}, {"status": "odd"}, {"sortStart": "up"}]
)
async def test_a_query_without_sense_is_refused(served: Served, query: dict[str, str]) -> None:
    await book(served)
    status, body = await served.call("GET", "/cal/v2/bookings", headers=HEADERS, params=query)
    assert (status, body["status"], body["error"]["code"]) == (400, "error", "BAD_REQUEST")


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 401), ({"Authorization": "Bearer x"}, 401), ({"Authorization": "Bearer cal_x"}, 404)]
)
async def test_key_and_version_are_asked_for(served: Served, headers: dict[str, str], status: int) -> None:
    answer, body = await served.call("GET", "/cal/v2/bookings", headers=headers)
    assert (answer, body["status"]) == (status, "error")


@pytest.mark.needs("specs")
async def test_a_booking_has_every_field_that_the_description_requires(served: Served) -> None:
    await book(served)
    schemas = _read(SPECS / "cal-com/openapi.json")["components"]["schemas"]
    booking = schemas["BookingOutput_2024_08_13"]
    (shown,) = (await listed(served))["data"]
    assert set(booking["required"]) <= set(shown) <= set(booking["properties"])
    assert set(schemas["BookingAttendee"]["required"]) <= set(shown["attendees"][0])


@pytest.mark.needs("specs")
async def test_a_webhook_has_the_fields_of_the_published_example(served: Served, product: Product) -> None:
    await book(served)
    await served.settled()
    example = _read(SPECS / "cal-com/example.booking_created.json")
    sent = json.loads(product.to("/webhooks/cal-com")[0].body)
    assert set(example) == set(sent)
    assert set(example["payload"]) <= set(sent["payload"])


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))
