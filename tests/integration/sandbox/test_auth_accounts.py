"""One's own account, recovery by mail, the administration, and what the server says of itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from tests.conftest import DatabaseUrls
from tests.factories.auth import PASSWORD, SERVICE_KEY, Auth, auth_in_process

ADA = "ada@agency.example"
NEW_PASSWORD = "another horse"


@pytest.fixture
async def auth(tmp_path: Path, database_urls: DatabaseUrls) -> AsyncIterator[Auth]:
    async with auth_in_process(tmp_path, database_urls) as running:
        yield running


async def test_the_user_is_who_signed_up(auth: Auth) -> None:
    session = await auth.sign_up(full_name="Ada")
    status, user = await auth.call("GET", "/user", token=session["access_token"])
    assert (status, user) == (200, session["user"])
    assert (user["email"], user["role"], user["user_metadata"]["full_name"]) == (ADA, "authenticated", "Ada")


async def test_metadata_changes_by_key_and_a_null_takes_one_away(auth: Auth) -> None:
    token = (await auth.sign_up(full_name="Ada", team="red"))["access_token"]
    _, user = await auth.call("PUT", "/user", {"data": {"team": None, "city": "Perth"}}, token)
    found = user["user_metadata"]
    assert (found["full_name"], found["city"], "team" in found) == ("Ada", "Perth", False)


async def test_a_new_password_ends_the_other_sessions_and_the_old_password(auth: Auth) -> None:
    session, other = await auth.sign_up(), (await auth.log_in())[1]
    status, _ = await auth.call("PUT", "/user", {"password": NEW_PASSWORD}, session["access_token"])
    kept, ended = [await auth.refresh(each["refresh_token"]) for each in (session, other)]
    assert (status, kept[0], ended[0]) == (200, 200, 400)
    assert ((await auth.log_in())[0], (await auth.log_in(password=NEW_PASSWORD))[0]) == (400, 200)


async def test_the_same_password_is_no_new_one(auth: Auth) -> None:
    token = (await auth.sign_up())["access_token"]
    status, answer = await auth.call("PUT", "/user", {"password": PASSWORD}, token)
    assert (status, answer["error_code"]) == (422, "same_password")


async def test_another_address_is_the_login_from_then_on(auth: Auth) -> None:
    token = (await auth.sign_up())["access_token"]
    _, user = await auth.call("PUT", "/user", {"email": "Countess@Agency.example"}, token)
    assert (user["email"], user["user_metadata"]["email"]) == ("countess@agency.example",) * 2
    assert ((await auth.log_in())[0], (await auth.log_in("countess@agency.example"))[0]) == (400, 200)


async def test_an_address_in_use_cannot_be_taken(auth: Auth) -> None:
    await auth.sign_up("bob@agency.example")
    token = (await auth.sign_up())["access_token"]
    status, answer = await auth.call("PUT", "/user", {"email": "bob@agency.example"}, token)
    assert (status, answer["error_code"]) == (422, "email_exists")


async def test_nobody_gives_themself_rights(auth: Auth) -> None:
    token = (await auth.sign_up())["access_token"]
    status, answer = await auth.call("PUT", "/user", {"app_metadata": {"role": "owner"}}, token)
    assert (status, answer["error_code"]) == (403, "not_admin")
    await auth.call("PUT", "/user", {"role": "service_role"}, token)
    assert (await auth.call("GET", "/user", token=token))[1]["role"] == "authenticated"


async def test_recovery_lets_the_reader_of_the_mail_set_another_password(auth: Auth) -> None:
    await auth.sign_up()
    assert await auth.call("POST", "/recover", {"email": ADA}) == (200, {})
    (mail,) = await auth.mails(ADA)
    body = {"type": "recovery", "email": ADA, "token": mail["token"]}
    status, session = await auth.call("POST", "/verify", body)
    changed, _ = await auth.call("PUT", "/user", {"password": NEW_PASSWORD}, session["access_token"])
    assert (status, changed, (await auth.log_in(password=NEW_PASSWORD))[0]) == (200, 200, 200)


async def test_the_database_keeps_the_hash_of_a_one_time_token_alone(auth: Auth, database_urls: DatabaseUrls) -> None:
    await auth.sign_up()
    await auth.call("POST", "/recover", {"email": ADA})
    (mail,) = await auth.mails(ADA)
    owner = await asyncpg.connect(database_urls.owner_dsn)
    kept = await owner.fetchval("SELECT recovery_token FROM auth.users")
    await owner.close()
    assert (kept, mail["token"] in kept) == (mail["token_hash"], False)


async def test_a_one_time_token_is_used_once(auth: Auth) -> None:
    await auth.sign_up()
    await auth.call("POST", "/recover", {"email": ADA})
    (mail,) = await auth.mails(ADA)
    body = {"type": "recovery", "token_hash": mail["token_hash"]}
    first, second = [await auth.call("POST", "/verify", body) for _ in range(2)]
    assert (first[0], second[0], second[1]["error_code"]) == (200, 403, "otp_expired")


async def test_a_one_time_token_is_valid_for_an_hour(auth: Auth) -> None:
    await auth.sign_up()
    await auth.call("POST", "/recover", {"email": ADA})
    (mail,) = await auth.mails(ADA)
    auth.wait(seconds=3601)
    status, answer = await auth.call("POST", "/verify", {"type": "recovery", "token_hash": mail["token_hash"]})
    assert (status, answer["error_code"]) == (403, "otp_expired")


@pytest.mark.parametrize("change", [{"type": "signup"}, {"email": "bob@agency.example"}, {"token": "00000000"}])
async def test_a_one_time_token_is_for_one_address_and_one_end(auth: Auth, change: dict[str, str]) -> None:
    await auth.sign_up()
    await auth.call("POST", "/recover", {"email": ADA})
    (mail,) = await auth.mails(ADA)
    body = {"type": "recovery", "email": ADA, "token": mail["token"], **change}
    assert (await auth.call("POST", "/verify", body))[0] == 403


async def test_recovery_tells_nobody_who_has_an_account(auth: Auth) -> None:
    assert await auth.call("POST", "/recover", {"email": ADA}) == (200, {})
    assert await auth.mails(ADA) == []


async def _followed(auth: Auth, redirect_to: str) -> tuple[int, str, dict[str, list[str]]]:
    """Follow a recovery mail's link: the status, the page it leads to, and what stands behind its `#`."""
    await auth.sign_up()
    await auth.raw("POST", f"/auth/v1/recover?redirect_to={redirect_to}", {"email": ADA})
    (mail,) = await auth.mails(ADA)
    link = urlsplit(mail["link"])
    response = await auth.raw("GET", f"{link.path}?{link.query}")
    page, _, fragment = response.headers["location"].partition("#")
    return response.status, page, parse_qs(fragment)


async def test_the_link_of_the_mail_leads_back_with_a_session(auth: Auth) -> None:
    status, page, found = await _followed(auth, "http://localhost:3000/reset")
    assert (status, page, found["type"]) == (302, "http://localhost:3000/reset", ["recovery"])
    assert (await auth.call("GET", "/user", token=found["access_token"][0]))[0] == 200


@pytest.mark.parametrize(
    "page",
    ["https://evil.example/", "http://evil.example\\@127.0.0.1/", "http://127.0.0.1@evil.example/", "javascript:x",
     "http://[::1", "//evil.example", "http://127.0.0.1%0A.evil.example",
     "http://127.0.0.1\\.evil.example", "http://[::1]evil.example", "http://localhost.evil.example"],
)  # fmt: skip
async def test_a_session_is_never_handed_to_a_page_elsewhere(auth: Auth, page: str) -> None:
    assert (await _followed(auth, page))[1] == "http://127.0.0.1:3000"


async def test_a_link_that_is_used_up_leads_back_with_the_error(auth: Auth) -> None:
    response = await auth.raw("GET", "/auth/v1/verify?type=recovery&token=abc")
    found = parse_qs(urlsplit(response.headers["location"]).fragment)
    assert (response.status, found["error_code"], "access_token" in found) == (302, ["otp_expired"], False)


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example:9"}])
async def test_no_web_page_reads_the_mails(auth: Auth, headers: dict[str, str]) -> None:
    response = await auth.raw("GET", "/control/mails", **headers)
    assert (response.status, "access-control-allow-origin" in response.headers) == (403, False)


async def _created(auth: Auth, **more: Any) -> dict[str, Any]:
    body = {"email": "bob@agency.example", "password": PASSWORD, **more}
    status, user = await auth.call("POST", "/admin/users", body, SERVICE_KEY)
    assert status == 200, user
    return dict(user)


async def test_an_account_made_by_the_administration_confirms_its_address_first(auth: Auth) -> None:
    await _created(auth)
    status, refused = await auth.log_in("bob@agency.example")
    await auth.call("POST", "/resend", {"type": "signup", "email": "bob@agency.example"})
    (mail,) = await auth.mails("bob@agency.example")
    verified, _ = await auth.call("POST", "/verify", {"type": "signup", "token_hash": mail["token_hash"]})
    assert (status, refused["error_code"], verified) == (400, "email_not_confirmed", 200)
    assert (await auth.log_in("bob@agency.example"))[0] == 200


async def test_an_account_made_by_the_administration_has_a_profile(auth: Auth, database_urls: DatabaseUrls) -> None:
    user = await _created(auth, email_confirm=True, user_metadata={"full_name": "Bob"}, app_metadata={"plan": "a"})
    owner = await asyncpg.connect(database_urls.owner_dsn)
    profile = await owner.fetchrow("SELECT id::text, full_name FROM public.users")
    await owner.close()
    assert (tuple(profile), user["app_metadata"]["plan"]) == ((user["id"], "Bob"), "a")
    assert (await auth.log_in("bob@agency.example"))[0] == 200


async def test_accounts_are_listed_by_pages_the_newest_first(auth: Auth) -> None:
    for number in range(3):
        auth.wait(seconds=1)
        await auth.sign_up(f"p{number}@agency.example")
    response = await auth.raw("GET", "/auth/v1/admin/users?page=1&per_page=2", token=SERVICE_KEY)
    found = json.loads(response.body)
    assert [user["email"] for user in found["users"]] == ["p2@agency.example", "p1@agency.example"]
    assert (response.headers["x-total-count"], 'page=2&per_page=2>; rel="next"' in response.headers["link"]) == (
        "3",
        True,
    )


async def test_the_administration_changes_what_is_given(auth: Auth) -> None:
    user = await _created(auth, app_metadata={"plan": "a", "seat": 1})
    change = {"email": "rob@agency.example", "password": NEW_PASSWORD, "app_metadata": {"plan": "b"}}
    status, changed = await auth.call("PUT", f"/admin/users/{user['id']}", change, SERVICE_KEY)
    assert (status, changed["email"]) == (200, "rob@agency.example")
    assert {name: changed["app_metadata"][name] for name in ("plan", "seat")} == {"plan": "b", "seat": 1}
    assert (await auth.log_in("rob@agency.example", NEW_PASSWORD))[0] == 200


async def test_a_ban_ends_the_sessions_and_lasts_as_long_as_it_says(auth: Auth) -> None:
    session = await auth.sign_up()
    path = f"/admin/users/{session['user']['id']}"
    await auth.call("PUT", path, {"ban_duration": "1h30m"}, SERVICE_KEY)
    refreshed, _ = await auth.refresh(session["refresh_token"])
    banned = await auth.log_in()
    auth.wait(minutes=90)
    assert (refreshed, banned[0], banned[1]["error_code"]) == (400, 400, "user_banned")
    assert (await auth.log_in())[0] == 200


async def test_a_deleted_account_is_found_nowhere_and_its_row_stays(auth: Auth, database_urls: DatabaseUrls) -> None:
    session = await auth.sign_up()
    path = f"/admin/users/{session['user']['id']}"
    assert await auth.call("DELETE", path, token=SERVICE_KEY) == (200, {})
    found = [await auth.call("GET", path, token=SERVICE_KEY), await auth.call("DELETE", path, token=SERVICE_KEY)]
    assert [(status, answer["error_code"]) for status, answer in found] == [(404, "user_not_found")] * 2
    assert (await auth.call("GET", "/user", token=session["access_token"]))[0] == 403
    assert ((await auth.refresh(session["refresh_token"]))[0], (await auth.log_in())[0]) == (400, 400)
    owner = await asyncpg.connect(database_urls.owner_dsn)
    assert await owner.fetchval("SELECT deleted_at IS NOT NULL FROM auth.users")
    await owner.close()


async def test_the_address_of_a_deleted_account_may_be_used_again(auth: Auth) -> None:
    first = await auth.sign_up()
    await auth.call("DELETE", f"/admin/users/{first['user']['id']}", {"should_soft_delete": True}, SERVICE_KEY)
    second = (await auth.sign_up())["user"]["id"]
    assert second != first["user"]["id"]
    assert (await auth.log_in())[1]["user"]["id"] == second


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_administration_is_for_the_service_key_alone(auth: Auth, method: str) -> None:
    token = (await auth.sign_up())["access_token"]
    body = None if method == "GET" else {"email": "bob@agency.example"}
    answers = [await auth.call(method, "/admin/users", body, given) for given in (None, token, SERVICE_KEY + "x")]
    assert [(status, answer["error_code"]) for status, answer in answers] == [
        (401, "no_authorization"), (403, "not_admin"), (403, "bad_jwt"),
    ]  # fmt: skip


async def test_a_browsers_client_may_call_from_anywhere(auth: Auth) -> None:
    asked = {
        "access_control_request_method": "POST",
        "access_control_request_headers": "apikey,authorization,x-client-info",
    }
    before = await auth.raw("OPTIONS", "/auth/v1/token", origin="http://localhost:3000", **asked)
    answer = await auth.raw("GET", "/auth/v1/user", origin="http://localhost:3000")
    assert (before.status, before.headers["access-control-allow-origin"]) == (200, "*")
    assert "apikey" in before.headers["access-control-allow-headers"]
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, "*")
    assert "x-sb-error-code" in answer.headers["access-control-expose-headers"]


async def test_an_error_has_the_variant_that_the_client_asks_for(auth: Auth) -> None:
    body = {"email": ADA, "password": "short"}
    older = await auth.raw("POST", "/auth/v1/signup", body)
    newer = await auth.raw("POST", "/auth/v1/signup", body, x_supabase_api_version="2024-01-01")
    said = "Password should be at least 6 characters."
    weak = {"weak_password": {"reasons": ["length"]}}
    assert json.loads(older.body) == {"code": 422, "error_code": "weak_password", "msg": said, **weak}
    assert json.loads(newer.body) == {"code": "weak_password", "message": said, **weak}
    assert (older.headers["x-sb-error-code"], newer.headers["x-supabase-api-version"]) == (
        "weak_password",
        "2024-01-01",
    )


async def test_the_server_says_what_a_login_page_may_offer(auth: Auth) -> None:
    status, settings = await auth.call("GET", "/settings")
    assert (status, settings["mailer_autoconfirm"], settings["external"]["email"]) == (200, True, True)
    assert (settings["disable_signup"], settings["external"]["phone"]) == (False, False)


async def test_the_key_may_be_cached_for_ten_minutes_and_holds_nothing_secret(auth: Auth) -> None:
    response = await auth.raw("GET", "/auth/v1/.well-known/jwks.json")
    (key,) = json.loads(response.body)["keys"]
    assert response.headers["cache-control"] == "public, max-age=600"
    assert (sorted(key), key["alg"]) == (["alg", "crv", "ext", "key_ops", "kid", "kty", "use", "x", "y"], "ES256")


async def test_it_is_healthy_while_its_database_answers(auth: Auth) -> None:
    status, health = await auth.call("GET", "/health")
    assert (status, health["name"]) == (200, "GoTrue")
    await auth.server.close()
    assert (await auth.call("GET", "/health"))[0] == 503


async def test_a_connection_that_the_database_cuts_is_made_anew(auth: Auth, database_urls: DatabaseUrls) -> None:
    await auth.sign_up()
    owner = await asyncpg.connect(database_urls.owner_dsn)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND datname = current_database()"
    await owner.execute(cut, "supabase_auth_admin")
    await owner.close()
    statuses = [(await auth.log_in())[0] for _ in range(3)]
    assert (statuses[-1], {*statuses} <= {200, 500}) == (200, True)


async def test_its_login_reaches_nothing_but_the_schema_auth(auth: Auth) -> None:
    connection = await asyncpg.connect(auth.dsn)
    reachable = await connection.fetch(
        "SELECT n.nspname, p AS privilege FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace,"
        " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND has_table_privilege(c.oid, p)"
    )
    await connection.close()
    assert {(row["nspname"], row["privilege"]) for row in reachable} == {
        ("auth", privilege) for privilege in ("SELECT", "INSERT", "UPDATE")
    }
