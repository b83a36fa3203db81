"""The keys of a project: which are taken, how often they are asked for, and what holds while nobody answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agency_os.exceptions import AuthenticationError, UnavailableError
from agency_os.integrations.supabase import ASK_AGAIN, KEYS_LAST, STALE_KEYS_LAST
from agency_os.kit.http import HttpRequest, HttpResponse, NoAnswerError, NotSentError
from tests.factories.tokens import (
    ADA,
    EC,
    EC_PUBLISHED,
    JWKS,
    RSA,
    RSA_PUBLISHED,
    SECONDS,
    Project,
    claims,
    ecdsa,
    key_set,
    published,
    signs,
)
from tests.support.wire import Script, answer

OTHER = ec.generate_private_key(ec.SECP256R1())
P384, SECP256K1 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256K1())
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505  # to be refused
AWAY = NotSentError("project.supabase.co cannot be reached")
GOOD_SET = key_set(EC_PUBLISHED)


def token(project: Project, *, kid: str = "ec-1", key: Any = EC) -> str:
    """A token that does not run out within the test."""
    return project.token(project.header(kid=kid), claims(exp=SECONDS + 10**6), ecdsa(key))


def project_of(*answers: HttpResponse | Exception) -> Project:
    return Project(script=Script(*answers))


WRONG_KEYS: dict[str, tuple[dict[str, Any], str, Any]] = {
    "RSA of 1024 bits": (published(WEAK, "odd"), "RS256", signs("RS256", WEAK)),
    "P-384 as ES256": (published(P384, "odd"), "ES256", ecdsa(P384)),
    "P-384 without alg": (published(P384, "odd", alg=None), "ES256", ecdsa(P384)),
    "secp256k1 as ES256": (published(SECP256K1, "odd"), "ES256", ecdsa(SECP256K1)),
    "P-256 that says ES384": (published(OTHER, "odd", alg="ES384"), "ES256", ecdsa(OTHER)),
    "RSA that says PS256": (published(RSA, "odd", alg="PS256"), "RS256", signs("RS256")),
    "RSA that says HS256": (published(RSA, "odd", alg="HS256"), "RS256", signs("RS256")),
    "for encryption": (published(OTHER, "odd", use="enc"), "ES256", ecdsa(OTHER)),
    "for other operations": (published(OTHER, "odd", key_ops=["encrypt"]), "ES256", ecdsa(OTHER)),
    "operations that are a number": (published(OTHER, "odd", key_ops=5), "ES256", ecdsa(OTHER)),
    "a shared secret": ({"kty": "oct", "kid": "odd", "k": "a" * 43}, "HS256", signs("HS256", b"i\xa6\x9a" * 10)),
    "without a kid": (published(OTHER, None), "ES256", ecdsa(OTHER)),
    "kid a number": (published(OTHER, None) | {"kid": 5}, "ES256", ecdsa(OTHER)),
    "kty a list": (published(OTHER, "odd", kty=["EC"]), "ES256", ecdsa(OTHER)),
    "x a number": (published(OTHER, "odd", x=5), "ES256", ecdsa(OTHER)),
    "a point off the curve": (published(OTHER, "odd", y="AAAA"), "ES256", ecdsa(OTHER)),
    "without a curve": (published(OTHER, "odd", crv=None), "ES256", ecdsa(OTHER)),
    "with its private half": (published(OTHER, "odd", d="AAAA"), "ES256", ecdsa(OTHER)),
}


@pytest.mark.parametrize("case", WRONG_KEYS)
async def test_a_published_key_of_the_wrong_kind_opens_nothing_and_the_good_ones_beside_it_hold(case: str) -> None:
    key, algorithm, sign = WRONG_KEYS[case]
    project = project_of(key_set(key, EC_PUBLISHED))
    with pytest.raises(AuthenticationError):
        await project.verify(project.token(project.header(alg=algorithm, kid="odd"), sign=sign))
    assert (await project.verify(token(project))).user_id == ADA


async def test_keys_are_asked_for_at_the_projects_own_address_and_held_for_ten_minutes() -> None:
    project = project_of(GOOD_SET)
    for _ in range(3):
        await project.verify(token(project))
    project.wall.advance(KEYS_LAST.total_seconds() - 1)
    await project.verify(token(project))
    assert [(each.method, each.url) for each in project.asked.requests] == [("GET", JWKS)]


async def test_after_ten_minutes_they_are_asked_for_again() -> None:
    project = project_of(GOOD_SET)
    await project.verify(token(project))
    project.wall.advance(KEYS_LAST.total_seconds())
    await project.verify(token(project))
    assert len(project.asked.requests) == 2


async def test_a_new_key_is_fetched_as_soon_as_a_token_names_it() -> None:
    project = project_of(GOOD_SET, key_set(EC_PUBLISHED, published(OTHER, "ec-2")))
    await project.verify(token(project))
    project.wall.advance(ASK_AGAIN.total_seconds())
    assert (await project.verify(token(project, kid="ec-2", key=OTHER))).user_id == ADA
    assert (await project.verify(token(project))).user_id == ADA


async def test_a_key_that_is_no_longer_published_opens_nothing_after_the_next_fetch() -> None:
    project = project_of(GOOD_SET, key_set(published(OTHER, "ec-2")))
    await project.verify(token(project))
    project.wall.advance(KEYS_LAST.total_seconds())
    with pytest.raises(AuthenticationError):
        await project.verify(token(project))
    assert (await project.verify(token(project, kid="ec-2", key=OTHER))).user_id == ADA


async def test_the_key_behind_a_kid_may_change_its_kind() -> None:
    project = project_of(GOOD_SET, key_set(RSA_PUBLISHED | {"kid": "ec-1"}))
    await project.verify(token(project))
    project.wall.advance(KEYS_LAST.total_seconds())
    with pytest.raises(AuthenticationError):
        await project.verify(token(project))


async def test_unknown_kids_ask_once_in_fifteen_seconds_however_many_callers_name_them() -> None:
    project = project_of(GOOD_SET)
    await project.verify(token(project))
    for _ in range(3):
        project.wall.advance(ASK_AGAIN.total_seconds())
        forged = [project.verify(token(project, kid=f"kid-{n}")) for n in range(50)]
        assert {type(each) for each in await asyncio.gather(*forged, return_exceptions=True)} == {AuthenticationError}
    assert len(project.asked.requests) == 4


async def test_an_unknown_kid_does_not_ask_again_before() -> None:
    project = project_of(GOOD_SET)
    await project.verify(token(project))
    project.wall.advance(ASK_AGAIN.total_seconds() - 0.1)
    with pytest.raises(AuthenticationError):
        await project.verify(token(project, kid="kid-2"))
    assert len(project.asked.requests) == 1


class Slow:
    """Answers when it is let; ``waiting`` is set while a request hangs."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.inner = Script(*answers)
        self.may_answer = asyncio.Event()
        self.waiting = asyncio.Event()

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.waiting.set()
        await self.may_answer.wait()
        return await self.inner.send(request)

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_fifty_callers_at_once_make_one_fetch() -> None:
    slow = Slow(GOOD_SET)
    project = Project(script=slow)
    callers = [asyncio.create_task(project.verify(token(project))) for _ in range(50)]
    await slow.waiting.wait()
    slow.may_answer.set()
    assert {user.user_id for user in await asyncio.gather(*callers)} == {ADA}
    assert len(slow.inner.requests) == 1


async def test_fifty_callers_who_waited_for_a_fetch_that_failed_do_not_each_try_themselves() -> None:
    slow = Slow(AWAY)
    project = Project(script=slow)
    callers = [asyncio.create_task(project.verify(token(project))) for _ in range(50)]
    await slow.waiting.wait()
    project.wall.advance(5)  # so long it hung
    slow.may_answer.set()
    found = await asyncio.gather(*callers, return_exceptions=True)
    assert {type(each) for each in found} == {UnavailableError}
    assert len(slow.inner.requests) == 1


async def test_nobody_with_an_old_key_waits_for_a_fetch_that_hangs() -> None:
    slow = Slow(GOOD_SET)
    slow.may_answer.set()
    project = Project(script=slow)
    await project.verify(token(project))
    project.wall.advance(KEYS_LAST.total_seconds())
    slow.may_answer.clear()
    slow.waiting.clear()
    first = asyncio.create_task(project.verify(token(project)))
    await slow.waiting.wait()
    assert (await asyncio.wait_for(project.verify(token(project)), 1)).user_id == ADA
    slow.may_answer.set()
    assert (await first).user_id == ADA


async def test_a_caller_who_gives_up_during_the_fetch_does_not_lock_the_others_out() -> None:
    slow = Slow(GOOD_SET)
    project = Project(script=slow)
    first = asyncio.create_task(project.verify(token(project)))
    await slow.waiting.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    slow.may_answer.set()
    project.wall.advance(1)
    assert (await project.verify(token(project))).user_id == ADA


@pytest.mark.parametrize("error", [AWAY, NoAnswerError("no whole answer"), answer(503), answer(500, {"keys": []})])
async def test_old_keys_hold_for_a_day_while_the_auth_server_is_away(error: HttpResponse | Exception) -> None:
    project = project_of(GOOD_SET, error)
    await project.verify(token(project))
    project.wall.advance(STALE_KEYS_LAST.total_seconds() - 1)
    assert (await project.verify(token(project))).user_id == ADA
    project.wall.advance(1)
    with pytest.raises(UnavailableError):
        await project.verify(token(project))


async def test_while_it_is_away_it_is_asked_once_in_fifteen_seconds() -> None:
    project = project_of(GOOD_SET, AWAY)
    await project.verify(token(project))
    project.wall.advance(KEYS_LAST.total_seconds())
    for _ in range(30):
        await project.verify(token(project))
        project.wall.advance(1)
    assert len(project.asked.requests) == 1 + 2


async def test_without_any_keys_yet_it_is_said_that_they_cannot_be_had_and_a_second_later_all_is_well() -> None:
    project = project_of(AWAY, GOOD_SET)
    with pytest.raises(UnavailableError):
        await project.verify(token(project))
    project.wall.advance(1)
    assert (await project.verify(token(project))).user_id == ADA


BROKEN: dict[str, HttpResponse] = {
    "empty": answer(200, b""),
    "a page": answer(200, b"<html>"),
    "null": answer(200, b"null"),
    "a list": answer(200, [EC_PUBLISHED]),
    "a number": answer(200, 5),
    "without keys": answer(200, {}),
    "keys null": answer(200, {"keys": None}),
    "keys a number": answer(200, {"keys": 5}),
    "keys an object": answer(200, {"keys": {"ec-1": EC_PUBLISHED}}),
    "keys a text": answer(200, {"keys": "ec-1"}),
    "cut off": answer(200, GOOD_SET.body[:40]),
    "not UTF-8": answer(200, b'{"keys":["\xff"]}'),
    "nested deep": answer(200, b'{"keys":' + b"[" * 100_000),
    "not found": answer(404, {"keys": [EC_PUBLISHED]}),
    "elsewhere": answer(302, {"keys": [EC_PUBLISHED]}, Location="https://evil.example"),
    "an error": answer(500, {"keys": [EC_PUBLISHED]}),
    "an answer without content": answer(204, b""),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_no_key_set_counts_as_no_answer(case: str) -> None:
    project = project_of(BROKEN[case], GOOD_SET)
    with pytest.raises(UnavailableError):
        await project.verify(token(project))
    project.wall.advance(1)
    assert (await project.verify(token(project))).user_id == ADA


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_no_key_set_takes_no_key_away(case: str) -> None:
    project = project_of(GOOD_SET, BROKEN[case])
    await project.verify(token(project))
    project.wall.advance(KEYS_LAST.total_seconds())
    assert (await project.verify(token(project))).user_id == ADA


@pytest.mark.parametrize("entry", [None, 5, "ec-1", [], {}, {"kty": "EC"}, {"kid": "ec-1"}, {"kty": None, "kid": "x"}])
async def test_an_entry_that_is_no_key_is_passed_over(entry: object) -> None:
    project = project_of(answer(200, {"keys": [entry, EC_PUBLISHED]}))
    assert (await project.verify(token(project))).user_id == ADA


async def test_an_empty_set_takes_every_key_away() -> None:
    project = project_of(GOOD_SET, key_set())
    await project.verify(token(project))
    project.wall.advance(KEYS_LAST.total_seconds())
    with pytest.raises(AuthenticationError):
        await project.verify(token(project))


async def test_a_project_that_signs_with_its_secret_alone_needs_no_key_set() -> None:
    project = Project("hs256", script=Script(AWAY))
    assert (await project.verify(project.token())).user_id == ADA
    assert project.asked.requests == []
