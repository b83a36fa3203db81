"""Whatever a request holds that it should not: a 4xx that names it, never a 5xx, and nothing written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.conftest import DatabaseUrls
from tests.factories.auth import PASSWORD, SERVICE_KEY, Auth, auth_in_process

ADA = "ada@agency.example"


@pytest.fixture
async def auth(tmp_path: Path, database_urls: DatabaseUrls) -> AsyncIterator[Auth]:
    async with auth_in_process(tmp_path, database_urls) as running:
        yield running


_POSTS = (
    "/signup", "/token?grant_type=password", "/token?grant_type=refresh_token", "/recover", "/resend", "/verify",
    "/admin/users",
)  # fmt: skip
_NO_OBJECT = (
    b"", b"{", b"[]", b'"text"', b"null", b"1", b"\xff\xfe", b'{"email": NaN}', b'{"data": 1e999}',
    b'{"email": "a\\u0000@agency.example"}', b'{"email": "\\ud800@agency.example"}', b'{"\\u0000": 1}',
    b'{"data": {"a": ["\\u0000"]}}', b"[" * 100_000, b'{"a":' * 200 + b"1" + b"}" * 200, b"9" * 10_000,
)  # fmt: skip


@pytest.mark.parametrize("path", _POSTS)
async def test_a_body_that_is_no_storable_json_object_is_bad_json(auth: Auth, path: str) -> None:
    answers = [await auth.call("POST", path, body, SERVICE_KEY) for body in _NO_OBJECT]
    assert [(status, answer["error_code"]) for status, answer in answers] == [(400, "bad_json")] * len(_NO_OBJECT)


@pytest.mark.parametrize("value", [1, True, [], {}, 1.5])
@pytest.mark.parametrize("name", ["email", "password", "phone"])
async def test_a_field_of_another_type_is_named(auth: Auth, name: str, value: object) -> None:
    body = {"email": ADA, "password": PASSWORD, name: value}
    for path in ("/signup", "/token?grant_type=password", "/admin/users"):
        status, answer = await auth.call("POST", path, body, SERVICE_KEY)
        assert (status, f"{name} must be a string" in answer["msg"]) == (400, True)


@pytest.mark.parametrize("value", ["text", 1, [], True])
async def test_metadata_is_an_object(auth: Auth, value: object) -> None:
    body = {"email": ADA, "password": PASSWORD, "data": value, "user_metadata": value}
    answers = [await auth.call("POST", path, body, SERVICE_KEY) for path in ("/signup", "/admin/users")]
    assert [status for status, _ in answers] == [400, 400]


@pytest.mark.parametrize(
    "email",
    ["", " ", "ada", "ada@", "@agency.example", "a b@agency.example", "ada@agency", "ada@agency..example",
     "a@b@c.example", "ada@agency.example\nbcc: x@y.example", "<ada@agency.example>", f"{'a' * 65}@agency.example",
     f"ada@{'b' * 300}.example"],
)  # fmt: skip
async def test_what_is_no_address_is_said(auth: Auth, email: str) -> None:
    status, answer = await auth.call("POST", "/signup", {"email": email, "password": PASSWORD})
    assert (status, answer["error_code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("password", "status", "code"),
    [
        ("", 400, "validation_failed"),
        ("12345", 422, "weak_password"),
        ("x" * 73, 400, "validation_failed"),
        ("ä" * 37, 400, "validation_failed"),
    ],
)
async def test_a_password_that_cannot_be_kept_is_refused(auth: Auth, password: str, status: int, code: str) -> None:
    answered, answer = await auth.call("POST", "/signup", {"email": ADA, "password": password})
    assert (answered, answer["error_code"]) == (status, code)


@pytest.mark.parametrize("password", ["123456", "x" * 72, "ä" * 36, "pass word ✓"])
async def test_a_password_at_the_limits_works(auth: Auth, password: str) -> None:
    status, _ = await auth.call("POST", "/signup", {"email": ADA, "password": password})
    assert (status, (await auth.log_in(password=password))[0]) == (200, 200)


async def test_what_follows_bcrypts_limit_is_never_cut_off(auth: Auth) -> None:
    await auth.call("POST", "/signup", {"email": ADA, "password": "x" * 72})
    status, answer = await auth.log_in(password="x" * 73)
    assert (status, answer["error_code"]) == (400, "invalid_credentials")


@pytest.mark.parametrize(
    "query", ["", "?grant_type=", "?grant_type=pkce", "?grant_type=%00", "?grant_type=password%20"]
)
async def test_a_grant_that_is_not_served_is_said(auth: Auth, query: str) -> None:
    status, answer = await auth.call("POST", f"/token{query}", {"email": ADA, "password": PASSWORD})
    assert (status, answer["msg"]) == (400, "unsupported_grant_type")


async def test_a_body_over_a_megabyte_is_refused_by_its_length(auth: Auth) -> None:
    body = json.dumps({"email": ADA, "password": PASSWORD, "data": {"a": "x" * 1024 * 1024}}).encode()
    unsaid, _ = await auth.call("POST", "/signup", body)
    said, _ = await auth.call("POST", "/signup", b"{}", content_length="9" * 30)
    assert (unsaid, said) == (413, 413)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "token"])
async def test_no_bearer_token_is_401(auth: Auth, header: str) -> None:
    for method, path in (("GET", "/user"), ("PUT", "/user"), ("POST", "/logout"), ("GET", "/admin/users")):
        status, answer = await auth.call(method, path, authorization=header)
        assert (status, answer["error_code"]) == (401, "no_authorization")


async def test_a_token_that_was_not_signed_here_is_bad(auth: Auth) -> None:
    token = (await auth.sign_up())["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    stranger = ec.generate_private_key(ec.SECP256R1())
    (published,) = auth.server.context.keys.jwks()["keys"]
    forged = [
        "x", "a.b.c", token[:-4] + "AAAA", "é.é.é",
        jwt.encode(claims, "", "none", {"kid": kid}),
        jwt.encode(claims, published["x"] + published["y"], "HS256", {"kid": kid}),
        jwt.encode(claims, stranger, "ES256", {"kid": kid}),
    ]  # fmt: skip
    answers = [await auth.call("GET", "/user", token=each) for each in forged]
    assert [(status, answer["error_code"]) for status, answer in answers] == [(403, "bad_jwt")] * len(forged)


@pytest.mark.parametrize(
    "change",
    [{"aud": "anon"}, {"iss": "https://evil.example"}, {"sub": "x"}, {"sub": None}, {"session_id": "x"},
     {"session_id": None}, {"exp": "soon"}, {"exp": 0}],
)  # fmt: skip
async def test_a_token_of_ours_with_other_claims_is_bad(auth: Auth, change: dict[str, object]) -> None:
    claims = jwt.decode((await auth.sign_up())["access_token"], options={"verify_signature": False})
    keys = auth.server.context.keys
    token = jwt.encode({**claims, **change}, keys._private, "ES256", {"kid": keys._kid})
    status, answer = await auth.call("GET", "/user", token=token)
    assert (status, answer["error_code"]) == (403, "bad_jwt")


async def test_a_token_of_another_key_id_is_bad(auth: Auth) -> None:
    claims = jwt.decode((await auth.sign_up())["access_token"], options={"verify_signature": False})
    token = jwt.encode(claims, auth.server.context.keys._private, "ES256", {"kid": "other"})
    assert (await auth.call("GET", "/user", token=token))[0] == 403


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "page=1e3", "per_page=0", "per_page=1001", "page=99999999999"]
)
async def test_a_page_that_cannot_be_is_said(auth: Auth, query: str) -> None:
    status, answer = await auth.call("GET", f"/admin/users?{query}", token=SERVICE_KEY)
    assert (status, answer["msg"].startswith("Bad Pagination Parameters: ")) == (400, True)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "user_id", ["x", "%00", "00000000-0000-4000-8000-00000000000", "00000000-0000-4000-8000-000000000000"]
)
async def test_an_account_that_is_not_there_is_404(auth: Auth, method: str, user_id: str) -> None:
    body: dict[str, str] | None = {} if method == "PUT" else None
    assert (await auth.call(method, f"/admin/users/{user_id}", body, SERVICE_KEY))[0] == 404


@pytest.mark.parametrize(
    "change",
    [{"ban_duration": "soon"}, {"ban_duration": "9999999h"}, {"role": "a b"}, {"role": "x" * 64},
     {"email_confirm": "yes"}, {"email": "ada"}, {"app_metadata": 1}, {"phone": "+61400000000"}],
)  # fmt: skip
async def test_a_change_that_cannot_be_made_is_400(auth: Auth, change: dict[str, object]) -> None:
    user = (await auth.sign_up())["user"]
    made, _ = await auth.call("POST", "/admin/users", {"email": "bob@agency.example", **change}, SERVICE_KEY)
    changed, _ = await auth.call("PUT", f"/admin/users/{user['id']}", change, SERVICE_KEY)
    assert (made, changed) == (400, 400)


async def test_an_id_in_use_and_one_that_is_none_are_refused(auth: Auth) -> None:
    user = (await auth.sign_up())["user"]
    answers = [
        await auth.call("POST", "/admin/users", {"email": "bob@agency.example", "id": each}, SERVICE_KEY)
        for each in (user["id"], "x")
    ]
    assert [status for status, _ in answers] == [422, 400]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"type": "recovery"}, 400), ({"type": "recovery", "token": "1"}, 400), ({"type": "x", "token_hash": "a"}, 400),
     ({"type": "invite", "token_hash": "a"}, 403), ({"type": "recovery", "token_hash": "x" * 10_000}, 403),
     ({"type": 1, "token_hash": "a"}, 400)],
)  # fmt: skip
async def test_a_one_time_token_that_is_none_is_refused(auth: Auth, body: dict[str, object], status: int) -> None:
    assert (await auth.call("POST", "/verify", body))[0] == status


async def test_no_empty_token_opens_an_account_that_asked_for_none(auth: Auth) -> None:
    await auth.sign_up()
    answers = [await auth.raw("GET", f"/auth/v1/verify?type=recovery&token={each}") for each in ("", "%00", "%F0")]
    assert [("access_token" in answer.headers["location"]) for answer in answers] == [False] * 3


@pytest.mark.parametrize("scope", ["all", "%00", "GLOBAL"])
async def test_an_unknown_logout_is_said_and_ends_nothing(auth: Auth, scope: str) -> None:
    session = await auth.sign_up()
    status, _ = await auth.call("POST", f"/logout?scope={scope}", token=session["access_token"])
    assert (status, (await auth.refresh(session["refresh_token"]))[0]) == (400, 200)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/user", 405)])
async def test_what_is_not_served_is_said_in_the_same_shape(auth: Auth, method: str, path: str, status: int) -> None:
    answered, answer = await auth.call(method, path)
    assert (answered, answer["code"], "is not served" in answer["msg"]) == (status, status, True)


async def test_anonymous_accounts_and_telephones_are_not_served(auth: Auth) -> None:
    bodies: tuple[dict[str, str], ...] = ({}, {"phone": "+61400000000", "password": PASSWORD})
    anonymous, phone = [(await auth.call("POST", "/signup", body))[1]["error_code"] for body in bodies]
    assert (anonymous, phone) == ("anonymous_provider_disabled", "phone_provider_disabled")


async def test_a_header_that_postgresql_could_not_keep_does_no_harm(auth: Auth) -> None:
    body = {"email": ADA, "password": PASSWORD}
    status, _ = await auth.call("POST", "/signup", body, user_agent="\x00é" * 2000)
    assert status == 200


async def test_a_sign_up_that_the_product_refuses_leaves_no_account(auth: Auth, database_urls: DatabaseUrls) -> None:
    owner = await asyncpg.connect(database_urls.owner_dsn)
    await owner.execute("ALTER TABLE public.users ADD CONSTRAINT no_ada CHECK (email <> 'ada@agency.example')")
    status, answer = await auth.call("POST", "/signup", {"email": ADA, "password": PASSWORD})
    count = await owner.fetchval("SELECT count(*) FROM auth.users")
    await owner.close()
    assert (status, answer["error_code"], count) == (500, "unexpected_failure", 0)
