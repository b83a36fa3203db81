"""Members and invitations: who comes in, in which role, and how somebody leaves."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx
import pytest

from tests.factories.identity import AuthStandIn, make_account, problem_of
from tests.integration.api.v1.conftest import Session, colleague

INVITED = {"email": "Sam@Vine.example", "role": "member"}


@pytest.fixture
async def sam(http: httpx.AsyncClient, owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn) -> Session:
    """Somebody with a confirmed account and no membership."""
    user_id = await make_account(owner_db, "sam@vine.example")
    return Session(http, owner.client_id, user_id, prefect.signer.bearer(user_id))


async def invite(owner: Session) -> str:
    made = await owner.call("POST", "/invitations", INVITED)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_an_invitation_is_found_accepted_and_makes_a_member(owner: Session, sam: Session) -> None:
    invitation = await invite(owner)
    (found,) = (await sam.call("GET", "/api/v1/me")).json()["invitations"]
    accepted = await sam.call("POST", f"/api/v1/invitations/{invitation}/accept")
    assert (found["id"], accepted.json()["role"]) == (invitation, "member")
    assert (await sam.call("GET", "/campaigns")).status_code == 200


async def test_an_unaccepted_invitation_opens_nothing(owner: Session, sam: Session) -> None:
    await invite(owner)
    assert problem_of(await sam.call("GET", "/campaigns")) == (404, "not_found", None)


@pytest.mark.parametrize("how", ["another address", "unconfirmed", "revoked", "expired", "used"])
async def test_an_invitation_is_of_one_confirmed_address_and_of_one_use(
    owner: Session, sam: Session, owner_db: asyncpg.Connection, how: str
) -> None:
    invitation = await invite(owner)
    changes = {
        "another address": "UPDATE auth.users SET email = 'other@vine.example' WHERE id = $1",
        "unconfirmed": "UPDATE auth.users SET email_confirmed_at = NULL WHERE id = $1",
        "expired": "UPDATE invitations SET expires_at = now() - interval '1 s' WHERE $1 = $1::uuid",
    }
    if how == "revoked":
        assert (await owner.call("DELETE", f"/invitations/{invitation}")).status_code == 204
    elif how == "used":
        assert (await sam.call("POST", f"/api/v1/invitations/{invitation}/accept")).status_code == 200
    else:
        await owner_db.execute(changes[how], sam.user_id)
    refused = await sam.call("POST", f"/api/v1/invitations/{invitation}/accept")
    assert refused.status_code == (403 if how == "unconfirmed" else 404)


async def test_two_acceptances_at_once_make_one_membership(
    owner: Session, sam: Session, owner_db: asyncpg.Connection
) -> None:
    path = f"/api/v1/invitations/{await invite(owner)}/accept"
    answers = await asyncio.gather(*(sam.call("POST", path) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 404, 404, 404]
    assert await owner_db.fetchval("SELECT count(*) FROM memberships WHERE user_id = $1", sam.user_id) == 1


async def test_a_second_invitation_to_the_same_address_is_a_conflict(owner: Session) -> None:
    await invite(owner)
    assert problem_of(await owner.call("POST", "/invitations", INVITED)) == (409, "conflict", None)


async def test_whoever_left_may_be_invited_again(owner: Session, sam: Session) -> None:
    await sam.call("POST", f"/api/v1/invitations/{await invite(owner)}/accept")
    assert (await owner.call("DELETE", f"/members/{sam.user_id}")).status_code == 204
    accepted = await sam.call("POST", f"/api/v1/invitations/{await invite(owner)}/accept")
    assert (accepted.status_code, (await sam.call("GET", "/campaigns")).status_code) == (200, 200)


async def test_a_removed_member_is_out_at_once(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    member = await colleague(owner, owner_db, prefect, "member")
    assert (await member.call("GET", "/campaigns")).status_code == 200
    await owner.call("DELETE", f"/members/{member.user_id}")
    assert problem_of(await member.call("GET", "/campaigns")) == (404, "not_found", None)


async def test_the_last_owner_stays(owner: Session) -> None:
    path = f"/members/{owner.user_id}"
    assert problem_of(await owner.call("PATCH", path, {"role": "admin"})) == (409, "conflict", None)
    assert problem_of(await owner.call("DELETE", path)) == (409, "conflict", None)


async def test_two_owners_who_remove_one_another_leave_one(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    other = await colleague(owner, owner_db, prefect, "owner")
    await asyncio.gather(
        owner.call("DELETE", f"/members/{other.user_id}"), other.call("DELETE", f"/members/{owner.user_id}")
    )
    left = "SELECT count(*) FROM memberships WHERE role = 'owner' AND deleted_at IS NULL"
    assert await owner_db.fetchval(left) == 1


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
async def test_an_admin_does_not_touch_an_owner(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn, verb: str
) -> None:
    admin = await colleague(owner, owner_db, prefect, "admin")
    refused = await admin.call(verb, f"/members/{owner.user_id}", {"role": "viewer"} if verb == "PATCH" else None)
    assert problem_of(refused) == (403, "forbidden", None)


async def test_an_admin_makes_nobody_an_owner(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    admin = await colleague(owner, owner_db, prefect, "admin")
    refused = await admin.call("PATCH", f"/members/{admin.user_id}", {"role": "owner"})
    assert problem_of(refused) == (403, "forbidden", None)


async def test_a_profile_follows_its_account(owner: Session, owner_db: asyncpg.Connection) -> None:
    await owner_db.execute("UPDATE auth.users SET email = 'new@vine.example' WHERE id = $1", owner.user_id)
    (member,) = (await owner.call("GET", "/members")).json()["items"]
    assert member["email"] == "new@vine.example"
