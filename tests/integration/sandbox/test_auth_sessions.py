"""Sign-up, the password and refresh grants, and logout: sessions begin, go on and end as in Supabase Auth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import jwt
import pytest

from tests.conftest import DatabaseUrls
from tests.factories.auth import PASSWORD, URL, Auth, auth_in_process


@pytest.fixture
async def auth(tmp_path: Path, database_urls: DatabaseUrls) -> AsyncIterator[Auth]:
    async with auth_in_process(tmp_path, database_urls) as running:
        yield running


async def test_a_sign_up_is_a_session_and_a_profile_of_the_product(auth: Auth, database_urls: DatabaseUrls) -> None:
    session = await auth.sign_up("Ada@Agency.Example", full_name="Ada Agency")
    owner = await asyncpg.connect(database_urls.owner_dsn)
    profile = await owner.fetchrow("SELECT id::text, email, full_name FROM public.users")
    await owner.close()
    assert tuple(profile) == (session["user"]["id"], "ada@agency.example", "Ada Agency")
    assert (session["token_type"], session["expires_in"]) == ("bearer", 3600)


async def test_the_password_is_kept_as_bcrypt(auth: Auth, database_urls: DatabaseUrls) -> None:
    await auth.sign_up()
    owner = await asyncpg.connect(database_urls.owner_dsn)
    kept = await owner.fetchval("SELECT encrypted_password FROM auth.users")
    await owner.close()
    assert kept.startswith("$2b$10$")


async def test_the_token_is_verified_by_the_published_key_and_claims_what_is_published(auth: Auth) -> None:
    session = await auth.sign_up(full_name="Ada")
    _, jwks = await auth.call("GET", "/.well-known/jwks.json")
    token = session["access_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(
        token, jwt.PyJWKSet.from_dict(jwks)[kid].key, ["ES256"], audience="authenticated", issuer=f"{URL}/auth/v1",
        options={"verify_exp": False, "verify_iat": False},
    )  # fmt: skip
    began = int(auth.moment.timestamp())
    assert {name: claims[name] for name in ("sub", "exp", "iat", "email", "phone", "role", "aal", "is_anonymous")} == {
        "sub": session["user"]["id"], "exp": began + 3600, "iat": began, "email": "ada@agency.example", "phone": "",
        "role": "authenticated", "aal": "aal1", "is_anonymous": False,
    }  # fmt: skip
    assert claims["amr"] == [{"method": "password", "timestamp": began}]
    assert (claims["app_metadata"]["provider"], claims["user_metadata"]["full_name"]) == ("email", "Ada")


async def test_a_password_opens_a_session_of_its_own(auth: Auth) -> None:
    first = await auth.sign_up()
    status, second = await auth.log_in("ADA@agency.example")
    assert (status, second["user"]["id"]) == (200, first["user"]["id"])
    assert second["refresh_token"] != first["refresh_token"]


@pytest.mark.parametrize(("email", "password"), [("ada@agency.example", "wrong!"), ("nobody@agency.example", PASSWORD)])
async def test_a_wrong_password_and_an_unknown_address_are_told_alike(auth: Auth, email: str, password: str) -> None:
    await auth.sign_up()
    assert await auth.log_in(email, password) == (
        400,
        {"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"},
    )


async def test_an_address_signs_up_once_also_at_the_same_moment(auth: Auth) -> None:
    body = {"email": "ada@agency.example", "password": PASSWORD}
    answers = await asyncio.gather(*(auth.call("POST", "/signup", body) for _ in range(4)))
    refused = [answer for status, answer in answers if status == 422]
    assert [answer["error_code"] for answer in refused] == ["user_already_exists"] * 3


async def test_a_refresh_gives_the_next_token_of_the_same_session(auth: Auth) -> None:
    session = await auth.sign_up()
    auth.wait(minutes=50)
    status, following = await auth.refresh(session["refresh_token"])
    before, after = (
        jwt.decode(each["access_token"], options={"verify_signature": False}) for each in (session, following)
    )
    assert (status, following["refresh_token"] != session["refresh_token"]) == (200, True)
    assert (after["session_id"], after["amr"]) == (before["session_id"], before["amr"])
    assert after["exp"] == before["exp"] + 3000


@pytest.mark.parametrize("seconds", [0, 10])
async def test_a_token_used_again_within_ten_seconds_gives_the_same_next_one(auth: Auth, seconds: int) -> None:
    session = await auth.sign_up()
    _, first = await auth.refresh(session["refresh_token"])
    auth.wait(seconds=seconds)
    status, again = await auth.refresh(session["refresh_token"])
    assert (status, again["refresh_token"]) == (200, first["refresh_token"])


async def test_a_token_used_again_later_is_refused_and_revokes_its_family(auth: Auth) -> None:
    session = await auth.sign_up()
    _, following = await auth.refresh(session["refresh_token"])
    auth.wait(seconds=10.001)
    stolen = await auth.refresh(session["refresh_token"])
    assert stolen == (
        400,
        {"code": 400, "error_code": "refresh_token_already_used", "msg": "Invalid Refresh Token: Already Used"},
    )
    assert await auth.refresh(following["refresh_token"]) == stolen
    auth.wait(seconds=11)
    assert await auth.refresh(following["refresh_token"]) == stolen


async def test_a_revoked_family_leaves_the_users_other_sessions_alone(auth: Auth) -> None:
    session = await auth.sign_up()
    _, other = await auth.log_in()
    await auth.refresh(session["refresh_token"])
    auth.wait(seconds=11)
    await auth.refresh(session["refresh_token"])
    assert (await auth.refresh(other["refresh_token"]))[0] == 200


async def test_refreshes_at_the_same_moment_get_one_and_the_same_token(auth: Auth) -> None:
    session = await auth.sign_up()
    answers = await asyncio.gather(*(auth.refresh(session["refresh_token"]) for _ in range(8)))
    assert {status for status, _ in answers} == {200}
    assert len({answer["refresh_token"] for _, answer in answers}) == 1


async def test_a_token_that_nobody_gave_out_is_not_found(auth: Auth) -> None:
    status, answer = await auth.refresh("4nYUCw0wZR_DNOTSDbSGMQ")
    assert (status, answer["error_code"]) == (400, "refresh_token_not_found")


@pytest.mark.parametrize(
    ("scope", "ended"), [("", {0, 1}), ("?scope=global", {0, 1}), ("?scope=local", {0}), ("?scope=others", {1})]
)
async def test_logout_ends_the_sessions_of_its_scope(auth: Auth, scope: str, ended: set[int]) -> None:
    sessions = [await auth.sign_up(), (await auth.log_in())[1]]
    assert await auth.call("POST", f"/logout{scope}", token=sessions[0]["access_token"]) == (204, None)
    for number, session in enumerate(sessions):
        refreshed, answer = await auth.refresh(session["refresh_token"])
        seen, _ = await auth.call("GET", "/user", token=session["access_token"])
        assert (refreshed, seen) == ((400, 403) if number in ended else (200, 200)), answer


async def test_a_logout_ends_nobody_elses_session(auth: Auth) -> None:
    session, other = await auth.sign_up(), await auth.sign_up("bob@agency.example")
    await auth.call("POST", "/logout", token=session["access_token"])
    assert (await auth.refresh(other["refresh_token"]))[0] == 200


async def test_an_access_token_is_valid_for_an_hour(auth: Auth) -> None:
    token = (await auth.sign_up())["access_token"]
    auth.wait(seconds=3599)
    assert (await auth.call("GET", "/user", token=token))[0] == 200
    auth.wait(seconds=1)
    status, answer = await auth.call("GET", "/user", token=token)
    assert (status, answer["error_code"]) == (403, "bad_jwt")
