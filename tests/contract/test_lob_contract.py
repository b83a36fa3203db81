"""Lob as described: every request of our client strictly, every answer and event of the sandbox, so that nulls pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderRefusedError
from agency_os.integrations.lob import NOT_DELETABLE, UNDELIVERABLE, LobClient
from agency_os.integrations.postal_provider import (
    MailPiece,
    PieceKind,
    Postcard,
)
from agency_os.kit.http import HttpRequest
from tests.contract.conftest import HOST, Wire
from tests.contract.lob_description import lob_judge
from tests.factories.postal import BARE, CARD, HARRY, LETTER
from tests.factories.sandbox import MONDAY_NINE
from tests.support.published import ContractError, Published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/lob/v1"
LIVE = "live_0123456789abcdef"
BASIC = "Basic bGl2ZV8wMTIzNDU2Nzg5YWJjZGVmOg=="  # LIVE and an empty password


@pytest.fixture
def judge() -> Published:
    return lob_judge(BASE)


@pytest.fixture
def client(wire: Wire) -> LobClient:
    wire.wall.start = datetime.now(UTC)  # the rate's window ends by the sandbox's wall clock
    return LobClient(wire.connection(BASE, LIVE))


def rows(wire: Wire) -> list[tuple[str | None, str | None, Decimal, bool, bool]]:
    """Recipient, touch, units, accepted and replay of what the oracle saw."""
    found = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'lob' ORDER BY seq")
    return [
        (row["recipient"], row["touch"], Decimal(row["units"]), bool(row["accepted"]), bool(row["replay"]))
        for row in found
    ]


def let_pass(wire: Wire, **span: float) -> None:
    with wire.sandbox.store.transaction():
        wire.sandbox.clock.advance(wire.sandbox.clock.now + timedelta(**span))


@pytest.mark.parametrize("card", [CARD, BARE, replace(CARD, size="6x9", send_at=MONDAY_NINE + timedelta(days=3))])
async def test_a_postcard_is_as_published(wire: Wire, client: LobClient, judge: Published, card: Postcard) -> None:
    made = await client.create_postcard(card, key="touch-1")
    assert (made.kind, made.units, made.is_cancelled) == (PieceKind.POSTCARD, Decimal(1), False)
    assert made.metadata == card.metadata
    assert made.send_at == (card.send_at or MONDAY_NINE + timedelta(minutes=5))
    assert wire.check(judge) == [200]


async def test_a_letter_is_as_published(wire: Wire, client: LobClient, judge: Published) -> None:
    made = await client.create_letter(LETTER, key="touch-1")
    again = await client.read_piece(made.id)
    assert (made.kind, made.units, again.units, again.id) == (PieceKind.LETTER, Decimal(1), Decimal(0), made.id)
    assert wire.check(judge) == [200, 200]


async def test_a_piece_is_scanned_on_its_way(wire: Wire, client: LobClient, judge: Published) -> None:
    made = await client.create_postcard(CARD, key="touch-1")
    let_pass(wire, days=30)
    arrived = await client.read_piece(made.id)
    assert [scan.name for scan in arrived.scans[:2]] == ["Mailed", "In Transit"]
    assert arrived.scans[-1].name in ("Delivered", "Returned to Sender")
    assert wire.check(judge) == [200, 200]


async def test_under_a_test_key_nothing_is_scanned(wire: Wire) -> None:
    client = LobClient(wire.connection(BASE, "test_0123456789abcdef"))
    made = await client.create_postcard(CARD, key="touch-1")
    let_pass(wire, days=30)
    assert (await client.read_piece(made.id)).scans == ()


async def test_a_piece_is_cancelled_before_it_is_printed(wire: Wire, client: LobClient, judge: Published) -> None:
    made = await client.create_letter(LETTER, key="touch-1")
    await client.cancel_piece(made.id)
    assert (await client.read_piece(made.id)).is_cancelled
    assert wire.check(judge) == [200, 200, 200]


async def test_what_is_printed_is_not_cancelled(wire: Wire, client: LobClient, judge: Published) -> None:
    made = await client.create_postcard(CARD, key="touch-1")
    let_pass(wire, minutes=5)
    with pytest.raises(ProviderRefusedError) as caught:
        await client.cancel_piece(made.id)
    assert caught.value.provider_code == NOT_DELETABLE
    assert wire.check(judge) == [200, 422]


@pytest.mark.parametrize(
    ("line", "word", "delivers"),
    [
        ("deliverable", "deliverable", True),
        ("unnecessary unit", "deliverable_unnecessary_unit", True),
        ("missing unit", "deliverable_missing_unit", False),
        ("undeliverable no match", "undeliverable", False),
    ],
)
async def test_a_verification_is_as_published(
    wire: Wire, client: LobClient, judge: Published, line: str, word: str, delivers: bool
) -> None:
    verdict = await client.verify_address(replace(HARRY, line1=line, postal_code="11111"))
    assert (verdict.deliverability, verdict.is_deliverable, verdict.units) == (word, delivers, Decimal(0))
    assert wire.check(judge) == [200]


async def test_a_test_key_verifies_nothing(wire: Wire, judge: Published) -> None:
    client = LobClient(wire.connection(BASE, "test_0123456789abcdef"))
    verdict = await client.verify_address(HARRY)
    assert (verdict.deliverability, verdict.is_deliverable) == (None, False)
    assert wire.check(judge) == [200]


async def test_an_undeliverable_address_is_refused(wire: Wire, client: LobClient, judge: Published) -> None:
    with pytest.raises(ProviderRefusedError) as caught:
        await client.create_postcard(replace(CARD, to=replace(HARRY, line1="undeliverable no match")), key="touch-1")
    assert (caught.value.provider_code, caught.value.http_status) == (UNDELIVERABLE, 422)
    assert wire.check(judge) == [422]


async def test_a_key_gives_the_same_piece_for_a_day(wire: Wire, client: LobClient, judge: Published) -> None:
    first = await client.create_postcard(CARD, key="touch-1")
    let_pass(wire, hours=23)
    second = await client.create_postcard(CARD, key="touch-1")
    let_pass(wire, hours=1)
    third = await client.create_postcard(CARD, key="touch-1")
    assert second.id == first.id
    assert third.id != first.id
    who = "Harry Zhang, 210 King St, 94107"
    made, replayed = (who, "t-1", Decimal(1), True, False), (who, "t-1", Decimal(0), False, True)
    assert rows(wire) == [made, replayed, made]
    assert wire.check(judge) == [200, 200, 200]


async def test_a_key_with_another_body_leaves_the_outcome_unknown(
    wire: Wire, client: LobClient, judge: Published
) -> None:
    await client.create_postcard(CARD, key="touch-1")
    with pytest.raises(ProviderError) as caught:
        await client.create_postcard(BARE, key="touch-1")
    assert (caught.value.provider_code, caught.value.outcome) == ("conflict", Outcome.UNKNOWN)
    assert wire.check(judge) == [200, 422]


async def test_a_key_may_stand_in_the_query_but_not_twice(wire: Wire, client: LobClient, judge: Published) -> None:
    made = await client.create_postcard(BARE, key="touch-1")
    body, typed = wire.recorder.exchanges[0][0].body, {"content_type": "application/json", "authorization": BASIC}
    again = await wire.raw("POST", f"{BASE}/postcards?idempotency_key=touch-1", body, **typed)
    twice = await wire.raw("POST", f"{BASE}/postcards?idempotency_key=k", body, idempotency_key="k", **typed)
    assert (json.loads(again.body)["id"], twice.status) == (made.id, 422)


CREATE: dict[str, Callable[[LobClient], Any]] = {
    "postcard": lambda client: client.create_postcard(CARD, key="touch-1"),
    "letter": lambda client: client.create_letter(LETTER, key="touch-1"),
}


@pytest.mark.parametrize("create", CREATE)
async def test_a_rate_that_is_over_is_waited_for_and_is_as_published(
    wire: Wire, client: LobClient, judge: Published, create: str
) -> None:
    await wire.fault("lob", "429")
    made: MailPiece = await CREATE[create](client)
    assert made.units == Decimal(1)
    assert 0 < sum(wire.wall.sleeps) <= 3
    assert wire.check(judge) == [429, 200]
    for _, response in wire.recorder.exchanges:
        limits = [int(response.headers[f"ratelimit-{name}"]) for name in ("limit", "remaining", "reset")]
        assert limits[0] > limits[1] >= 0
        assert limits[2] >= int(wire.wall.start.timestamp())


@pytest.mark.parametrize("create", CREATE)
@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        ("500", 500, Outcome.UNKNOWN),
        ("refused", 422, Outcome.NOT_ACCEPTED),
        ("accepted_then_500", 500, Outcome.UNKNOWN),
    ],
)
async def test_a_failed_creation_is_sent_once_and_as_published(
    wire: Wire, client: LobClient, judge: Published, create: str, kind: str, status: int, outcome: Outcome
) -> None:
    await wire.fault("lob", kind)
    with pytest.raises(ProviderError) as caught:
        await CREATE[create](client)
    assert caught.value.outcome is outcome
    assert wire.check(judge) == [status]


async def test_what_was_accepted_before_the_500_is_found_under_its_key(wire: Wire, client: LobClient) -> None:
    await wire.fault("lob", "accepted_then_500")
    with pytest.raises(ProviderError):
        await client.create_postcard(CARD, key="touch-1")
    await client.create_postcard(CARD, key="touch-1")
    assert [row[2:] for row in rows(wire)] == [(Decimal(1), True, False), (Decimal(0), False, True)]


async def test_a_look_up_is_repeated_after_500(wire: Wire, client: LobClient, judge: Published) -> None:
    made = await client.create_postcard(CARD, key="touch-1")
    await wire.fault("lob", "500")
    await client.read_piece(made.id)
    await wire.fault("lob", "500")
    await client.verify_address(HARRY)
    assert wire.check(judge) == [200, 500, 200, 500, 200]


AUSTRALIA = {"name": "Jo", "address_line1": "1 George St", "address_country": "AU", "address_zip": "2000"}
WIRE_CARD = {
    "to": {
        "name": "Harry",
        "address_line1": "210 King St",
        "address_city": "San Francisco",
        "address_state": "CA",
        "address_zip": "94107",
    },
    "front": "<b>f</b>",
    "back": "<b>b</b>",
    "use_type": "marketing",
}


@pytest.mark.parametrize(
    ("method", "path", "body", "authorization", "status", "code"),
    [
        ("POST", "/postcards", WIRE_CARD, "", 401, "unauthorized"),
        ("POST", "/postcards", WIRE_CARD, "Basic a2V5Og==", 401, "invalid_api_key"),
        ("POST", "/postcards", b"{", BASIC, 422, "bad_request"),
        ("POST", "/postcards", {}, BASIC, 422, "invalid"),
        ("POST", "/postcards", {**WIRE_CARD, "use_type": None}, BASIC, 422, "mail_use_type_can_not_be_null"),
        ("POST", "/postcards", {**WIRE_CARD, "to": AUSTRALIA}, BASIC, 422, "invalid_international_feature"),
        ("POST", "/postcards", {**WIRE_CARD, "from": AUSTRALIA}, BASIC, 422, "foreign_return_address"),
        ("POST", "/postcards", {**WIRE_CARD, "front": "words"}, BASIC, 422, "invalid_file"),
        ("POST", "/postcards", {**WIRE_CARD, "send_date": "2020-01-01"}, BASIC, 422, "invalid"),
        ("POST", "/letters", WIRE_CARD, BASIC, 422, "invalid"),
        ("GET", "/letters/ltr_0", None, BASIC, 404, "not_found"),
        ("DELETE", "/postcards/psc_0", None, BASIC, 404, "not_found"),
        ("POST", "/us_verifications", {"primary_line": "1 A St"}, BASIC, 422, "invalid"),
    ],
)
async def test_what_no_client_of_ours_asks_is_answered_as_published(
    wire: Wire, judge: Published, method: str, path: str, body: object, authorization: str, status: int, code: str
) -> None:
    headers = {"content-type": "application/json"} | ({"authorization": authorization} if authorization else {})
    response = await wire.raw(method, BASE + path, body, **headers)
    judge.check_answer(HttpRequest(method, BASE + path, headers), response)
    assert (response.status, json.loads(response.body)["error"]["code"]) == (status, code)


async def test_a_form_is_read_as_well(wire: Wire) -> None:
    form = (
        "to[name]=Harry&to[address_line1]=210+King+St&to[address_city]=SF&to[address_state]=CA&to[address_zip]=94107"
        "&front=%3Cb%3Ef%3C/b%3E&back=%3Cb%3Eb%3C/b%3E&use_type=marketing&metadata[touch]=t-9"
    )
    media = "application/x-www-form-urlencoded"
    response = await wire.raw("POST", f"{BASE}/postcards", form.encode(), content_type=media, authorization=BASIC)
    assert json.loads(response.body)["metadata"] == {"touch": "t-9"}
    assert rows(wire)[0][:2] == ("Harry, 210 King St, 94107", "t-9")


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "a field more": lambda body: body | {"urgent": True},
    "a field of the address more": lambda body: body["to"].update(planet="Earth"),
    "no recipient": lambda body: body.pop("to"),
    "no purpose": lambda body: body.pop("use_type"),
    "another size": lambda body: body.update(size="A4"),
    "a recipient without a name": lambda body: body["to"].pop("name"),
    "a long name": lambda body: body["to"].update(name="n" * 41),
    "a state in full": lambda body: body["to"].update(address_state="California"),
    "a sender abroad": lambda body: body["from"].update(address_country="AU"),
    "a file that is none": lambda body: body.update(front="words"),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_request_fails_the_judge(wire: Wire, client: LobClient, judge: Published, broken: str) -> None:
    await client.create_postcard(CARD, key="touch-1")
    request = wire.recorder.exchanges[0][0]
    judge.check_request(request)
    body = json.loads(request.body)
    changed = BROKEN[broken](body)
    body = changed if isinstance(changed, dict) and "front" in changed else body
    with pytest.raises(ContractError):
        judge.check_request(replace(request, body=json.dumps(body).encode()))


async def test_a_request_without_credentials_or_with_a_long_key_fails_the_judge(
    wire: Wire, client: LobClient, judge: Published
) -> None:
    await client.create_postcard(CARD, key="touch-1")
    request = wire.recorder.exchanges[0][0]
    without = {name: value for name, value in request.headers.items() if name != "Authorization"}
    for headers in (without, {**request.headers, "Idempotency-Key": "k" * 257}):
        with pytest.raises(ContractError):
            judge.check_request(replace(request, headers=headers))


def example(path: str, method: str) -> Any:
    """The first published example of an operation's answer."""
    document = read_spec("lob/openapi.json")
    answered: Any = document["paths"][path][method]["responses"]["200"]
    while "content" not in answered or "$ref" in answered.get("content", {}):
        reference = answered.get("$ref") or answered["content"]["$ref"]
        answered = document
        for step in reference.removeprefix("#/").split("/"):
            answered = answered[step]
        answered = answered if "content" in answered else {"content": answered}
    media = answered["content"]["application/json"]
    return media["example"] if "example" in media else next(iter(media["examples"].values()))["value"]


async def test_our_client_reads_the_published_answers(wire: Wire) -> None:
    def reader(path: str, method: str) -> LobClient:
        return LobClient(wire.connection(BASE, LIVE, Script(answer(200, example(path, method)))))

    card = await reader("/postcards", "post").create_postcard(CARD, key="k")
    assert (card.id[:4], card.created_at is not None, card.send_at is not None) == ("psc_", True, True)
    letter = await reader("/letters/{ltr_id}", "get").read_piece("ltr_4868c3b754655f90")
    assert (letter.kind, letter.id[:4]) == (PieceKind.LETTER, "ltr_")
    verdict = await reader("/us_verifications", "post").verify_address(HARRY)
    assert (verdict.is_deliverable, verdict.line1, verdict.postal_code) == (True, "210 KING ST", "94107-1702")
    await reader("/postcards/{psc_id}", "delete").cancel_piece("psc_123456789")
