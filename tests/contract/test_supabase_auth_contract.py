"""The embedded auth server against Supabase Auth's published description: each request of it, each answer to it.

What the description leaves out (the key set, the claims, the shape of errors) is compared with what was found beside
it in the provider's source.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.conftest import DatabaseUrls
from tests.factories.auth import PASSWORD, SERVICE_KEY, URL, Auth, auth_in_process
from tests.support.published import Published, published, read_spec

pytestmark = pytest.mark.needs("specs")

ADA = "ada@agency.example"
NOBODY = "00000000-0000-4000-8000-000000000000"
_ERROR = '{"$ref": "#/components/schemas/ErrorSchema"}'


@pytest.fixture
async def auth(tmp_path: Path, database_urls: DatabaseUrls) -> AsyncIterator[Auth]:
    async with auth_in_process(tmp_path, database_urls) as running:
        yield running


def _published() -> Published:
    return published("supabase-auth/openapi.json", f"{URL}/auth/v1", _ERROR)


def _supplement(name: str) -> Any:
    return read_spec("supabase-auth/supplement.json")[name]


def _judge(auth: Auth, *, requests: bool = True) -> list[int]:
    """Hold every exchange so far against the description; the statuses."""
    exchanges = [each for each in auth.recorder.exchanges if "/control/" not in each[0].url]
    for request, response in exchanges:
        if requests:
            _published().check_request(request)
        _published().check_answer(request, response)
    return [response.status for _, response in exchanges]


async def test_a_session_from_sign_up_to_logout(auth: Auth) -> None:
    session = await auth.sign_up(full_name="Ada")
    await auth.log_in()
    _, following = await auth.refresh(session["refresh_token"])
    token = following["access_token"]
    await auth.call("GET", "/user", token=token)
    await auth.call("PUT", "/user", {"email": "ada2@agency.example", "password": "another", "data": {"a": 1}}, token)
    for scope in ("others", "local"):
        await auth.call("POST", f"/logout?scope={scope}", token=token)
    assert _judge(auth) == [200, 200, 200, 200, 200, 204, 204]


async def test_recovery_by_digits_and_by_link(auth: Auth) -> None:
    await auth.sign_up()
    for _ in range(2):
        await auth.call("POST", "/recover", {"email": ADA})
    first, second = await auth.mails(ADA)
    await auth.call("POST", "/verify", {"type": "recovery", "email": ADA, "token": second["token"]})
    await auth.call("GET", f"/verify?type=recovery&token={first['token_hash']}&redirect_to=http://localhost:3000/")
    assert _judge(auth) == [200, 200, 200, 200, 302]


async def test_what_the_server_says_of_itself(auth: Auth) -> None:
    await auth.call("GET", "/health")
    await auth.call("GET", "/settings")
    assert _judge(auth) == [200, 200]


async def test_the_administration(auth: Auth) -> None:
    user = (await auth.sign_up())["user"]
    path = f"/admin/users/{user['id']}"
    await auth.call("GET", "/admin/users?page=1&per_page=10", token=SERVICE_KEY)
    await auth.call("GET", path, token=SERVICE_KEY)
    await auth.call("PUT", path, {"email": "bob@agency.example", "user_metadata": {"a": 1}}, SERVICE_KEY)
    await auth.call("DELETE", path, token=SERVICE_KEY)
    await auth.call("GET", f"/admin/users/{NOBODY}", token=SERVICE_KEY)
    assert _judge(auth) == [200, 200, 200, 200, 200, 404]


async def test_every_refusal_has_the_shape_of_an_error(auth: Auth) -> None:
    session = await auth.sign_up()
    await auth.sign_up("bob@agency.example")
    await auth.call("POST", "/signup", {"email": ADA, "password": PASSWORD})
    await auth.call("POST", "/signup", {"email": "eve@agency.example", "password": "short"})
    await auth.call("POST", "/signup", b"{")
    await auth.log_in(password="wrong password")
    await auth.refresh("unknown")
    await auth.call("POST", "/logout")
    await auth.call("GET", "/admin/users", token=session["access_token"])
    await auth.call("GET", "/admin/users")
    await auth.call("PUT", "/user", {"email": "bob@agency.example"}, session["access_token"])
    assert _judge(auth, requests=False)[2:] == [422, 422, 400, 400, 400, 401, 403, 401, 422]


async def test_the_claims_of_a_token_are_the_published_ones(auth: Auth) -> None:
    token = (await auth.sign_up())["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    found = _supplement("access_token_claims")
    assert sorted(claims) == sorted(found)
    assert {name: type(value) for name, value in claims.items()} == {name: type(value) for name, value in found.items()}
    assert sorted(claims["user_metadata"]) == sorted(found["user_metadata"])
    assert claims["app_metadata"] == found["app_metadata"]


async def test_the_key_set_has_the_published_form_and_may_be_cached_as_long(auth: Auth) -> None:
    response = await auth.raw("GET", "/auth/v1/.well-known/jwks.json")
    (key,), (found,) = json.loads(response.body)["keys"], _supplement("jwks_asymmetric")["keys"]
    own = ("kid", "x", "y")
    assert {name: len(value) if name in own else value for name, value in key.items()} == {
        name: len(value) if name in own else value for name, value in found.items()
    }
    assert response.headers["cache-control"] == _supplement("jwks_headers")["Cache-Control"]


@pytest.mark.parametrize(
    ("name", "version"),
    [("error_default", None), ("error_with_api_version_2024_01_01", "2024-01-01"), ("error_weak_password", None)],
)
async def test_an_error_is_word_for_word_the_published_one(auth: Auth, name: str, version: str | None) -> None:
    weak = name == "error_weak_password"
    path = "/auth/v1/signup" if weak else "/auth/v1/token?grant_type=password"
    headers = {"x_supabase_api_version": version} if version else {}
    response = await auth.raw("POST", path, {"email": ADA, "password": "short"}, **headers)
    assert json.loads(response.body) == _supplement(name)


async def test_a_refresh_token_used_again_is_refused_word_for_word(auth: Auth) -> None:
    session = await auth.sign_up()
    await auth.refresh(session["refresh_token"])
    auth.wait(seconds=11)
    assert await auth.refresh(session["refresh_token"]) == (400, _supplement("error_refresh_token"))
