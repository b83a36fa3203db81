"""Senders over the API."""

from __future__ import annotations

import asyncpg
import pytest

from tests.factories.identity import problem_of
from tests.integration.api.v1.conftest import Session

SENDER = {"channel": "email", "address": "Harbour.example", "sender_email": "ann@harbour.example"}


async def add(owner: Session, **changes: object) -> dict[str, object]:
    made = await owner.call("POST", "/senders", SENDER | changes)
    assert made.status_code == 201, made.text
    return dict(made.json())


async def test_a_domain_is_added_with_the_channels_limit(owner: Session) -> None:
    made = await add(owner)
    assert (made["address"], made["kind"], made["daily_limit"]) == ("harbour.example", "domain", 50)
    assert [each["id"] for each in (await owner.call("GET", "/senders")).json()["items"]] == [made["id"]]


async def test_a_sender_stands_in_one_client_once(owner: Session, owner_db: asyncpg.Connection) -> None:
    await add(owner)
    assert problem_of(await owner.call("POST", "/senders", SENDER)) == (409, "conflict", None)


async def test_a_pause_and_its_end(owner: Session) -> None:
    path = f"/senders/{(await add(owner))['id']}"
    paused = (await owner.call("PATCH", path, {"is_paused": True})).json()
    goes_on = (await owner.call("PATCH", path, {"is_paused": False})).json()
    assert (paused["paused_at"] is None, goes_on["paused_at"]) == (False, None)


async def test_what_is_taken_out_can_be_added_again(owner: Session) -> None:
    assert (await owner.call("DELETE", f"/senders/{(await add(owner))['id']}")).status_code == 204
    assert (await add(owner))["address"] == "harbour.example"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": "not a domain"}, "body"),
        ({"address": "gmail.com", "sender_email": "ann@gmail.com"}, "body"),
        ({"sender_email": "ann@elsewhere.example"}, "body"),
        ({"sender_email": None}, "body"),
        ({"daily_limit": 51}, "body"),
        ({"daily_limit": -1}, "body.daily_limit"),
        ({"time_zone": "Mars/Base"}, "body.time_zone"),
        ({"channel": "voice"}, "body.channel"),
        ({"channel": "sms", "address": "12", "sender_email": None}, "body"),
    ],
)
async def test_a_wrong_sender_is_refused(owner: Session, change: dict[str, object], field: str) -> None:
    assert problem_of(await owner.call("POST", "/senders", SENDER | change)) == (422, "invalid_input", field)


async def test_no_change_raises_a_limit_above_the_channels(owner: Session) -> None:
    refused = await owner.call("PATCH", f"/senders/{(await add(owner))['id']}", {"daily_limit": 51})
    assert problem_of(refused) == (422, "invalid_input", "body.daily_limit")
