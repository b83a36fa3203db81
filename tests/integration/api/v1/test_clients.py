"""Clients and the caller himself, over the API."""

from __future__ import annotations

import asyncpg
import httpx

from tests.factories.identity import AuthStandIn, make_account, make_key, problem_of
from tests.integration.api.v1.conftest import Session, colleague

CLIENT = {"name": "Vine & Co", "sender_name": "Ann Carter", "postal_address": "1 Example Street, Sydney NSW 2000"}


async def test_whoever_makes_a_client_owns_it_and_starts_trialing(
    http: httpx.AsyncClient, prefect: AuthStandIn, owner_db: asyncpg.Connection
) -> None:
    headers = prefect.signer.bearer(await make_account(owner_db, "ann@vine.example"))
    made = await http.post("/api/v1/clients", json=CLIENT, headers=headers)
    me = (await http.get("/api/v1/me", headers=headers)).json()
    assert (made.status_code, made.json()["subscription_status"], made.json()["credits_remaining"]) == (
        201,
        "trialing",
        1250,
    )
    assert [(each["client_id"], each["role"]) for each in me["clients"]] == [(made.json()["id"], "owner")]


async def test_an_unconfirmed_address_makes_no_client(
    http: httpx.AsyncClient, prefect: AuthStandIn, owner_db: asyncpg.Connection
) -> None:
    headers = prefect.signer.bearer(await make_account(owner_db, "ann@vine.example", confirmed=False))
    assert problem_of(await http.post("/api/v1/clients", json=CLIENT, headers=headers)) == (403, "forbidden", None)


async def test_nobody_collects_trials(owner: Session) -> None:
    made = [await owner.call("POST", "/api/v1/clients", CLIENT) for _ in range(3)]
    assert [each.status_code for each in made] == [201, 201, 409]


async def test_the_list_holds_the_callers_own_clients_alone(owner: Session, owner_db: asyncpg.Connection) -> None:
    await owner_db.execute("INSERT INTO clients (name) VALUES ('Somebody else')")
    found = (await owner.call("GET", "/api/v1/clients")).json()["items"]
    assert [each["id"] for each in found] == [str(owner.client_id)]


async def test_a_change_is_of_the_named_fields_and_leaves_plan_and_credits(owner: Session) -> None:
    before = (await owner.call("GET", "")).json()
    changed = (await owner.call("PATCH", "", {"sender_name": "Bo Lee", "abn": "51824753556"})).json()
    assert changed == before | {"sender_name": "Bo Lee", "abn": "51824753556", "updated_at": changed["updated_at"]}
    refused = await owner.call("PATCH", "", {"credits_remaining": 10**6})
    assert problem_of(refused) == (422, "invalid_input", "body.credits_remaining")


async def test_a_key_is_told_its_client_and_its_rights(owner: Session, owner_db: asyncpg.Connection) -> None:
    secret = await make_key(owner_db, owner.client_id, owner.user_id, "client:read", "leads:read")
    me = await owner.http.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    (client,) = me.json()["clients"]
    assert (me.json()["kind"], client["client_id"]) == ("api_key", str(owner.client_id))
    assert client["permissions"] == ["client:read", "leads:read"]


async def test_a_member_may_not_change_the_client(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    member = await colleague(owner, owner_db, prefect, "member")
    assert problem_of(await member.call("PATCH", "", {"name": "Mine"})) == (403, "forbidden", None)
