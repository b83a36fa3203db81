"""Control: the clock goes forward and everything due is acted out; garbage gets a 4xx that says what to do."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from agency_os_sandbox.world.behaviour import Act
from tests.factories.sandbox import message, people_who
from tests.integration.sandbox.conftest import Product, Served, written_to


async def test_the_clock_refuses_to_go_back(served: Served) -> None:
    status, body = await served.call("POST", "/control/clock", json={"to": "2026-03-01T09:00:00+11:00"})
    assert (status, "forward only" in body["error"]) == (409, True)


async def test_the_clock_is_served(served: Served) -> None:
    await served.move("2026-03-02T10:30:00+11:00")
    assert await served.call("GET", "/clock") == (200, {"now": "2026-03-01T23:30:00.000000Z"})


async def test_the_clock_moves_by_hours_too(served: Served) -> None:
    before = (await served.call("GET", "/clock"))[1]["now"]
    status, standing = await served.call("POST", "/control/clock", json={"hours": 1.5})
    moved = datetime.fromisoformat(standing["now"]) - datetime.fromisoformat(before)
    assert (status, moved) == (200, timedelta(minutes=90))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"to": 5}', b'{"to": "soon"}', b'{"to": "2026-03-03T00:00:00"}', b'{"to": null}',
             b'{"to": "9999-12-31T23:59:59Z"}', b'{"to": "0001-01-01T00:00:00+14:00"}', b"\xff", b"[" * 100_000,
             b'{"hours": -1}', b'{"hours": "3"}', b'{"hours": 1e300}', b'{"hours": true}'],
)  # fmt: skip
async def test_garbage_to_the_clock_is_refused(served: Served, body: bytes) -> None:
    status, answer = await served.call("POST", "/control/clock", data=body)
    assert (status, bool(answer["error"])) == (400, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/control/faults", {}), ("/control/faults", [1]), ("/control/faults", [{"kind": "no such"}]),
        ("/control/faults", [{"kind": "500", "provider": "sendgrid"}]), ("/control/limits", []),
        ("/control/limits", {"resend": 0}), ("/control/limits", {"resend": "many"}),
        ("/control/limits", {"sendgrid": 1}),
    ],
)  # fmt: skip
async def test_garbage_to_faults_and_limits_is_refused(served: Served, path: str, body: Any) -> None:
    status, answer = await served.call("PUT", path, json=body)
    assert (status, bool(answer["error"])) == (400, True)


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30, "²"])
async def test_garbage_to_the_oracle_is_refused(served: Served, after: str) -> None:
    assert (await served.call("GET", "/control/oracle", params={"after": after}))[0] == 400


async def test_events_that_follow_from_events_are_lived_in_the_same_move(served: Served, product: Product) -> None:
    guests = list(islice(people_who(Act.BOOKED), 20))
    await served.send([written_to(served, product, address) for address in guests])
    await served.move("2026-04-20T09:00:00+10:00")
    _, world = await served.call("GET", "/control/world")
    assert world["bookings"].get("ended", 0) > 10
    assert world["bookings"].get("accepted", 0) == 0


async def test_the_status_names_what_comes_next(served: Served) -> None:
    address = next(people_who(Act.OPENED))
    await served.send([message(address)])
    _, before = await served.call("GET", "/control/status")
    after = await served.move(before["next_due"])
    assert (after["now"], before["seed"]) == (before["next_due"], 7)
    assert after["next_due"] != before["next_due"]


async def test_the_oracle_goes_on_where_one_left_off(served: Served) -> None:
    await served.send([message("a.person@nowhere.example"), message("b.person@nowhere.example")])
    rows = await served.oracle()
    _, rest = await served.call("GET", "/control/oracle", params={"after": rows[0]["seq"]})
    assert (len(rows), len(rest.splitlines())) == (2, 1)


async def test_a_limit_is_kept_to(served: Served) -> None:
    await served.call("PUT", "/control/limits", json={"resend": 1})
    headers = {"Authorization": "Bearer re_test"}
    statuses = [(await served.call("GET", "/resend/emails", headers=headers))[0] for _ in range(6)]
    assert 429 in statuses


@pytest.mark.parametrize("path", ["/resend/emails", "/resend/emails/batch", "/cal/book/intro", "/control/clock"])
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b'{"to": {}}', b'"\\ud800"', b"[" * 100_000, b"null", b"9" * 5000])
async def test_garbage_to_any_address_is_the_callers_fault(served: Served, path: str, body: bytes) -> None:
    status, _ = await served.call("POST", path, data=body, headers={"Authorization": "Bearer re_test"})
    assert 400 <= status < 500


@pytest.mark.parametrize(
    "path", ["/resend/emails", "/cal/v2/bookings", "/hunter/v2/account", "/apollo/api/v1/people/match"]
)
async def test_every_provider_is_served_and_asks_for_its_key(served: Served, path: str) -> None:
    method = "POST" if "apollo" in path else "GET"
    assert (await served.call(method, path))[0] in (401, 403)
