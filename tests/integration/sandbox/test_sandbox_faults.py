"""Faults on requests: what was accepted stays accepted and stands in the oracle, whatever the caller was told."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.factories.sandbox import message
from tests.integration.sandbox.conftest import Served

ONE = [message("a.person@nowhere.example")]


def accepted(rows: list[dict[str, Any]]) -> list[str]:
    return [row["recipient"] for row in rows if row["accepted"]]


async def test_accepted_then_500_stays_accepted(served: Served) -> None:
    await served.faults({"provider": "resend", "operation": "emails.batch", "kind": "accepted_then_500", "nth": 1})
    first, again = await served.send(ONE), await served.send(ONE)
    assert (first[0], again[0]) == (500, 200)
    assert accepted(await served.oracle()) == ["a.person@nowhere.example"]


async def test_accepted_then_time_out_stays_accepted(served: Served) -> None:
    await served.faults({"provider": "resend", "kind": "accepted_then_timeout", "nth": 1})
    with pytest.raises(TimeoutError):
        await served.send(ONE, timeout=aiohttp.ClientTimeout(total=0.3))
    assert (await served.send(ONE))[0] == 200
    assert accepted(await served.oracle()) == ["a.person@nowhere.example"]


async def test_an_answer_that_gets_lost_drops_the_connection(served: Served) -> None:
    await served.faults({"provider": "resend", "kind": "accepted_then_timeout", "nth": 1, "seconds": 0.1})
    with pytest.raises(aiohttp.ClientError):
        await served.send(ONE)
    assert [row["fault"] for row in await served.oracle()] == ["accepted_then_timeout"]


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("refused", 422)])
async def test_what_is_refused_is_not_accepted(served: Served, kind: str, status: int) -> None:
    await served.faults({"provider": "resend", "kind": kind, "nth": 1})
    answer, _ = await served.send(ONE)
    rows = await served.oracle()
    assert (answer, accepted(rows), rows[0]["recipient"]) == (status, [], "a.person@nowhere.example")


async def test_a_replay_is_no_second_acceptance(served: Served) -> None:
    (_, first), (_, second) = await served.send(ONE), await served.send(ONE)
    rows = await served.oracle()
    assert (first, len(accepted(rows)), [row["replay"] for row in rows]) == (second, 1, [False, True])


async def test_other_bytes_under_the_same_key_conflict(served: Served) -> None:
    await served.send(ONE)
    status, body = await served.send([message("b.person@nowhere.example")])
    assert (status, body["name"]) == (409, "invalid_idempotent_request")


async def test_the_key_holds_a_day_of_virtual_time(served: Served) -> None:
    _, first = await served.send(ONE)
    await served.move("2026-03-03T08:59:59+11:00")
    _, inside = await served.send(ONE)
    await served.move("2026-03-03T09:00:00+11:00")
    _, after = await served.send(ONE)
    assert (inside == first, after == first) == (True, False)
