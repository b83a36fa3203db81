"""Suppression and the audit trail over the API."""

from __future__ import annotations

import asyncpg
import pytest

from tests.factories.identity import AuthStandIn, problem_of
from tests.factories.tenant_rows import make_rows
from tests.integration.api.v1.conftest import Session, colleague

OPT_OUT = {"channel": "email", "reason": "asked by phone"}


async def test_an_opt_out_is_in_force_with_the_answer(owner: Session, owner_db: asyncpg.Connection) -> None:
    rows = await make_rows(owner_db, owner.client_id, owner.user_id)
    email = await owner_db.fetchval("SELECT email FROM leads WHERE id = $1", rows["lead_id"])
    made = await owner.call("POST", "/suppression", OPT_OUT | {"address": email.upper()})
    lead = (await owner.call("GET", f"/leads/{rows['lead_id']}")).json()
    assert (made.status_code, made.json()) == (201, {"channels": ["email"], "leads": 1})
    assert (lead["status"], lead["suppressed"]) == ("unsubscribed", ["email"])
    assert await owner_db.fetchval("SELECT state FROM touches WHERE id = $1", rows["touch_id"]) == "cancelled"


async def test_an_opt_out_by_one_address_binds_the_others_too(owner: Session, owner_db: asyncpg.Connection) -> None:
    await owner_db.execute(
        "INSERT INTO leads (client_id, email, phone) VALUES ($1, 'jo@firm.example', '+61412345678')", owner.client_id
    )
    await owner.call("POST", "/suppression", {"channel": "sms", "address": "0412 345 678", "reason": "said so"})
    found = (await owner.call("GET", "/suppression")).json()["items"]
    assert sorted(each["channel"] for each in found) == ["email", "sms", "voice"]
    assert {each["added_by"] for each in found} == {str(owner.user_id)}


async def test_a_repeat_changes_nothing(owner: Session, owner_db: asyncpg.Connection) -> None:
    for _ in range(2):
        made = await owner.call("POST", "/suppression", OPT_OUT | {"address": "jo@firm.example"})
    assert (made.status_code, made.json()["leads"]) == (201, 0)
    assert await owner_db.fetchval("SELECT count(*) FROM client_suppression") == 1


async def test_no_answer_tells_an_address(owner: Session) -> None:
    await owner.call("POST", "/suppression", OPT_OUT | {"address": "jo@firm.example"})
    listed = await owner.call("GET", "/suppression")
    assert set(listed.json()["items"][0]) == {"id", "channel", "reason", "added_by", "created_at"}


@pytest.mark.parametrize("address", ["nobody", "+61412345678"])
async def test_an_address_of_another_kind_is_refused(owner: Session, address: str) -> None:
    refused = await owner.call("POST", "/suppression", OPT_OUT | {"address": address})
    assert problem_of(refused) == (422, "invalid_input", "body")


async def test_the_trail_tells_who_changed_what(owner: Session, owner_db: asyncpg.Connection) -> None:
    await owner.call("PATCH", "", {"sender_name": "Bo Lee"})
    await owner_db.execute("SELECT app.seal_audit(NULL, 1000)")
    found = (await owner.call("GET", f"/audit?table_name=clients&actor={owner.user_id}")).json()["items"]
    assert [(each["fields"], each["new_values"], each["is_sealed"]) for each in found] == [
        (["sender_name"], {"sender_name": "Bo Lee"}, True)
    ]


async def test_the_trail_comes_page_by_page(owner: Session) -> None:
    for name in ("A", "B", "C"):
        await owner.call("PATCH", "", {"sender_name": name})
    first = (await owner.call("GET", "/audit?limit=2&table_name=clients")).json()
    second = (await owner.call("GET", f"/audit?limit=2&table_name=clients&cursor={first['next_cursor']}")).json()
    names = [each["new_values"]["sender_name"] for page in (first, second) for each in page["items"]]
    assert names[:3] == ["C", "B", "A"]


async def test_a_member_does_not_read_the_trail(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    member = await colleague(owner, owner_db, prefect, "member")
    assert problem_of(await member.call("GET", "/audit")) == (403, "forbidden", None)
