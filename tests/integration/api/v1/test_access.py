"""Who is let in, over HTTP: forged tokens get 401; what is taken away is gone with the next statement, whatever the
cache says; what an API key may not; idempotency keys under concurrency and when a request is cut off.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from redis.asyncio import Redis

from agency_os.kit.http import NotSentError
from agency_os.wiring.web import Web
from tests.conftest import DatabaseUrls
from tests.factories.api import NOWHERE, api_settings, make_web, serving
from tests.factories.identity import ISSUER, AuthStandIn, Signer, make_client, make_member, problem_of
from tests.factories.tokens import b64
from tests.integration.api.v1.conftest import Session, colleague
from tests.integration.api.v1.test_campaigns import CAMPAIGN
from tests.integration.api.v1.test_keys_and_repeats import with_key
from tests.support.tcp_switch import TcpSwitch

NOT_FOUND, FORBIDDEN = (404, "not_found", None), (403, "forbidden", None)
UNAUTHENTICATED = (401, "unauthenticated", None)
GONE = {
    "soft-deleted": "UPDATE memberships SET deleted_at = now() WHERE user_id = $1",
    "no longer accepted": "UPDATE memberships SET accepted_at = NULL WHERE user_id = $1",
    "banned": "UPDATE auth.users SET banned_until = now() + interval '1 hour' WHERE id = $1",
    "deleted by the auth server": "UPDATE auth.users SET deleted_at = now() WHERE id = $1",
    "of a deleted client": """
        UPDATE clients SET deleted_at = now() WHERE id = (SELECT client_id FROM memberships WHERE user_id = $1)
    """,
}
KEY_GONE = {
    "revoked": "UPDATE api_keys SET revoked_at = now() WHERE client_id = $1",
    "run out": "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE client_id = $1",
    "of a deleted client": "UPDATE clients SET deleted_at = now() WHERE id = $1",
}
DEMOTE = "UPDATE memberships SET role = 'viewer' WHERE user_id = $1"
GARBAGE = [
    b"", b"\xff\xfe", b"{", b"null", b"5", b'"owner"', b"[]", b"{}", b"[null,null]", b'["king",null]', b'["owner"]',
    b'["owner",["campaigns:write"]]', b"[[],null]", b"[null,[5,null,{}]]", b'[{"a":1},null]', b"[" * 5000,
]  # fmt: skip
NEW_KEY = {"name": "k", "scopes": ["leads:read"]}
WRITES = ("POST", "/campaigns", CAMPAIGN)


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[Redis]:
    """The cache as a program beside the API sees it."""
    async with Redis.from_url(redis_url) as redis:
        yield redis


def key_of(session: Session) -> str:
    return f"v1:standing:{session.user_id}:{session.client_id}"


async def remembered(cache: Redis, session: Session) -> object:
    """What the cache holds of the caller in the client."""
    found = await cache.get(key_of(session))
    return None if found is None else json.loads(found)


def after(web: Web, monkeypatch: pytest.MonkeyPatch, method: str, change: Callable[[], Awaitable[object]]) -> None:
    """Let something change right after a call of the cache."""
    inner = getattr(web.infra.cache, method)

    async def call(*arguments: Any) -> Any:
        found = await inner(*arguments)
        await change()
        return found

    monkeypatch.setattr(web.infra.cache, method, call)


async def statuses(sessions: list[Session]) -> list[int]:
    """What each gets for a read and a write."""
    return [
        (await session.call(*request)).status_code
        for session in sessions
        for request in (("GET", "/campaigns", None), WRITES)
    ]


def pem_of(signer: Signer) -> bytes:
    return signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def forged(owner: Session, signer: Signer) -> dict[str, str]:
    """Tokens and the like that prove nothing, by what is wrong with them."""
    good, claims, evil = signer.token(owner.user_id), signer.claims(owner.user_id), Signer(signer.kid)
    _, body, signature = good.split(".")
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    confused = b64(b'{"alg":"HS256","kid":"key-1"}') + "." + body
    return {
        "the attacker's key": evil.token(owner.user_id),
        "jku": jwt.encode(claims, evil.private, "ES256", {"kid": "key-1", "jku": "https://evil.example/jwks.json"}),
        "kid unknown": jwt.encode(claims, signer.private, "ES256", {"kid": "../key-1"}),
        "alg none": jwt.encode(claims, "", "none", {"kid": "key-1"}),
        "alg a list": b64(b'{"alg":["ES256"],"kid":"key-1"}') + f".{body}.{signature}",
        "HS256 with the PEM": confused + "." + b64(hmac.sign(confused.encode(), pem_of(signer))),
        "run out": signer.token(owner.user_id, exp=int(time.time()) - 60),
        "another audience": signer.token(owner.user_id, aud="anon"),
        "another issuer": signer.token(owner.user_id, iss=f"{ISSUER}/"),
        "service role": signer.token(owner.user_id, role="service_role"),
        "anonymous": signer.token(owner.user_id, is_anonymous=True),
        "cut off": good[:-4],
        "padded": f"{good}==",
        "10 KB": good + "A" * 10_000,
        "no token": "secret",
        "an API key that is none": "aos_" + "A" * 43,
        "an API key with a NUL": "aos_%00",
    }  # fmt: skip


CASES = list(forged(Session(None, None, "0192f3a0-0000-7000-8000-00000000000a", {}), Signer()))  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
async def test_a_forged_token_is_told_to_log_in(owner: Session, prefect: AuthStandIn, case: str) -> None:
    owner.headers = {"Authorization": f"Bearer {forged(owner, prefect.signer)[case]}"}
    response = await owner.call("GET", "/campaigns")
    assert problem_of(response) == UNAUTHENTICATED
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x", "bearer\tx", "Bearer  ", "é"])
async def test_without_a_bearer_token_nobody_is_known(owner: Session, given: str) -> None:
    owner.headers = {"Authorization": given.encode()}  # type: ignore[dict-item]  # as bytes, whatever they are
    response = await owner.call("GET", "/campaigns")
    assert problem_of(response) == UNAUTHENTICATED
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_the_owner_is_let_in_by_the_same_means(owner: Session) -> None:
    assert (await owner.call("GET", "/campaigns")).status_code == 200


async def test_while_the_keys_cannot_be_had_it_is_said_so_and_nobody_is_let_in(
    owner: Session, prefect: AuthStandIn
) -> None:
    prefect.jwks = NotSentError("the auth server cannot be reached")
    response = await owner.call("GET", "/campaigns")
    assert problem_of(response)[0] == 503
    assert response.headers["retry-after"]


@pytest.mark.parametrize("how", GONE)
async def test_a_person_who_is_gone_is_refused_at_once_though_the_cache_remembers(
    owner: Session, owner_db: asyncpg.Connection, cache: Redis, how: str
) -> None:
    assert (await owner.call("GET", "/campaigns")).status_code == 200
    await owner_db.execute(GONE[how], owner.user_id)
    assert await remembered(cache, owner) == ["owner", None]
    assert problem_of(await owner.call("GET", "/campaigns")) == NOT_FOUND
    assert problem_of(await owner.call(*WRITES)) == NOT_FOUND


@pytest.mark.parametrize("how", GONE)
async def test_a_person_who_is_gone_sees_no_client_in_the_lists_of_his_own(
    owner: Session, owner_db: asyncpg.Connection, how: str
) -> None:
    await owner_db.execute(GONE[how], owner.user_id)
    assert (await owner.call("GET", "/api/v1/clients")).json()["items"] == []
    assert (await owner.call("GET", "/api/v1/me")).json()["clients"] == []


@pytest.mark.parametrize("how", GONE)
async def test_a_person_who_goes_between_the_early_decision_and_the_work_is_refused(
    owner: Session, owner_db: asyncpg.Connection, web: Web, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    after(web, monkeypatch, "set_many", lambda: owner_db.execute(GONE[how], owner.user_id))
    assert problem_of(await owner.call(*WRITES)) == NOT_FOUND
    assert await owner_db.fetchval("SELECT count(*) FROM campaigns") == 0


async def test_a_lower_role_holds_at_once_though_the_cache_remembers(
    owner: Session, owner_db: asyncpg.Connection, cache: Redis
) -> None:
    assert (await owner.call(*WRITES)).status_code == 201
    await owner_db.execute(DEMOTE, owner.user_id)
    assert await remembered(cache, owner) == ["owner", None]
    assert problem_of(await owner.call(*WRITES)) == FORBIDDEN
    assert (await owner.call("GET", "/campaigns")).status_code == 200


@pytest.mark.parametrize("request_", [WRITES, ("PATCH", "", {"name": "Mine"}), ("POST", "/api-keys", NEW_KEY)])
async def test_a_role_lowered_between_the_early_decision_and_the_work_is_the_one_that_counts(
    owner: Session, owner_db: asyncpg.Connection, web: Web, monkeypatch: pytest.MonkeyPatch, request_: tuple[Any, ...]
) -> None:
    after(web, monkeypatch, "set_many", lambda: owner_db.execute(DEMOTE, owner.user_id))
    assert problem_of(await owner.call(*request_)) == FORBIDDEN


async def test_a_higher_role_holds_at_once_though_the_cache_remembers_the_lower(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn, cache: Redis
) -> None:
    viewer = await colleague(owner, owner_db, prefect, "viewer")
    assert problem_of(await viewer.call(*WRITES)) == FORBIDDEN
    await owner_db.execute("UPDATE memberships SET role = 'member' WHERE user_id = $1", viewer.user_id)
    assert await remembered(cache, viewer) == ["viewer", None]
    assert (await viewer.call(*WRITES)).status_code == 201


@pytest.mark.parametrize("how", KEY_GONE)
async def test_a_key_that_is_gone_is_nobody_at_once(owner: Session, owner_db: asyncpg.Connection, how: str) -> None:
    program = await with_key(owner, owner_db)
    assert (await program.call("GET", "/campaigns")).status_code == 200
    await owner_db.execute(KEY_GONE[how], owner.client_id)
    assert problem_of(await program.call("GET", "/campaigns")) == UNAUTHENTICATED


@pytest.mark.parametrize("how", KEY_GONE)
async def test_a_key_that_goes_between_the_early_decision_and_the_work_is_refused(
    owner: Session, owner_db: asyncpg.Connection, web: Web, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    program = await with_key(owner, owner_db)
    after(web, monkeypatch, "set_many", lambda: owner_db.execute(KEY_GONE[how], owner.client_id))
    assert problem_of(await program.call(*WRITES)) == NOT_FOUND
    assert await owner_db.fetchval("SELECT count(*) FROM campaigns") == 0


async def test_a_scope_taken_away_holds_at_once(owner: Session, owner_db: asyncpg.Connection) -> None:
    program = await with_key(owner, owner_db)
    assert (await program.call(*WRITES)).status_code == 201
    await owner_db.execute("UPDATE api_keys SET scopes = ARRAY['campaigns:read']")
    assert problem_of(await program.call(*WRITES)) == FORBIDDEN


@pytest.mark.parametrize("stored", GARBAGE)
async def test_garbage_in_the_cache_changes_nothing(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn, cache: Redis, stored: bytes
) -> None:
    viewer = await colleague(owner, owner_db, prefect, "viewer")
    for session in (owner, viewer):
        await cache.set(key_of(session), stored)
    assert (await owner.call(*WRITES)).status_code == 201
    assert problem_of(await viewer.call(*WRITES)) == FORBIDDEN
    assert (await viewer.call("GET", "/campaigns")).status_code == 200


@pytest.mark.parametrize("stored", [["owner", None], [None, ["campaigns:read", "campaigns:write"]]])
async def test_a_higher_right_in_the_cache_opens_nothing(
    owner: Session, owner_db: asyncpg.Connection, prefect: AuthStandIn, cache: Redis, stored: list[object]
) -> None:
    viewer = await colleague(owner, owner_db, prefect, "viewer")
    stranger = Session(owner.http, await make_client(owner_db), owner.user_id, owner.headers)
    for session in (viewer, stranger):
        await cache.set(key_of(session), json.dumps(stored))
    assert problem_of(await viewer.call(*WRITES)) == FORBIDDEN
    assert problem_of(await stranger.call("GET", "/campaigns")) == NOT_FOUND


async def test_a_cache_that_is_flushed_or_stops_changes_no_answer(
    database_urls: DatabaseUrls, redis_url: str, owner_db: asyncpg.Connection, prefect: AuthStandIn, cache: Redis
) -> None:
    async with TcpSwitch.to(redis_url) as switch:
        url = switch.url.replace("http://", "redis://")
        web = make_web(api_settings(DATABASE_URL=database_urls.app_dsn, REDIS_URL=url), prefect=prefect)
        async with serving(web) as http:
            client_id = await make_client(owner_db)
            people = {role: await make_member(owner_db, client_id, role) for role in ("owner", "viewer")}
            sessions = [Session(http, client_id, each, prefect.signer.bearer(each)) for each in people.values()]
            assert await statuses(sessions) == [200, 201, 200, 403]
            await cache.flushdb()
            assert await statuses(sessions) == [200, 201, 200, 403]
            await switch.off()
            assert await statuses(sessions) == [200, 201, 200, 403]
            await owner_db.execute(GONE["soft-deleted"], people["owner"])
            assert await statuses(sessions) == [404, 404, 200, 403]


async def test_an_api_without_any_cache_decides_all_the_same(
    database_urls: DatabaseUrls, owner_db: asyncpg.Connection, prefect: AuthStandIn
) -> None:
    settings = api_settings(DATABASE_URL=database_urls.app_dsn, REDIS_URL=f"redis://{NOWHERE}/0")
    async with serving(make_web(settings, prefect=prefect)) as http:
        client_id = await make_client(owner_db)
        user = await make_member(owner_db, client_id, "viewer")
        assert await statuses([Session(http, client_id, user, prefect.signer.bearer(user))]) == [200, 403]


async def test_that_somebody_is_a_stranger_is_not_remembered(
    owner: Session, owner_db: asyncpg.Connection, cache: Redis
) -> None:
    other = Session(owner.http, await make_client(owner_db), owner.user_id, owner.headers)
    assert problem_of(await other.call("GET", "/campaigns")) == NOT_FOUND
    await owner_db.execute("UPDATE memberships SET client_id = $1", other.client_id)
    assert await remembered(cache, other) is None
    assert (await other.call("GET", "/campaigns")).status_code == 200
