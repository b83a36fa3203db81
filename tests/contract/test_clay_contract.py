"""Clay's table, as users and Clay's community describe it: rows in, acknowledgements, and the callbacks."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agency_os.exceptions import ProviderError, SignatureError
from agency_os.integrations import clay
from agency_os.integrations.clay import ClayClient, ClayRow, parse_answer
from agency_os.integrations.clay_facts import ClaySource, facts_of
from agency_os.integrations.webhook import Webhook
from agency_os.kit.http import HttpRequest
from agency_os_sandbox.signers import SIGNERS
from agency_os_sandbox.signing import Attempt
from agency_os_sandbox.world.directory import Contact
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import MONDAY_NINE, SECRETS, directory
from tests.support.published import ContractError, Published

BASE = f"{HOST}/clay"
URL = f"{BASE}/v3/sources/webhook/table-1"
KEY = "a" * 64
DESCRIPTION: dict[str, Any] = json.loads((Path(__file__).parent / "descriptions" / "clay.json").read_text())


@pytest.fixture
def judge() -> Published:
    return Published(DESCRIPTION, BASE)


@pytest.fixture
def client(wire: Wire) -> ClayClient:
    return ClayClient(wire.connection(URL, "token"), Decimal(4))


def row_of(contact: Contact, number: int = 1) -> ClayRow:
    return ClayRow(
        f"{KEY}.{number}", contact.first_name, contact.last_name, contact.email, contact.company.name,
        contact.company.domain, contact.linkedin_url,
    )  # fmt: skip


def callbacks(wire: Wire) -> list[dict[str, Any]]:
    rows = wire.sandbox.store.all("SELECT body FROM outbox WHERE provider = 'clay' ORDER BY n")
    return [json.loads(row["body"]) for row in rows]


async def test_what_finds_something_costs_the_rows_price_and_nothing_costs_nothing(
    wire: Wire, client: ClayClient, judge: Published
) -> None:
    for number, contact in enumerate(directory().contacts[:30], 1):
        await client.hand_over(row_of(contact, number))
    assert set(wire.check(judge)) == {200}
    charged = wire.sandbox.store.all("SELECT units FROM oracle WHERE provider = 'clay' ORDER BY seq")
    source = ClaySource(client, Decimal(1))
    found = [facts_of(parse_answer(json.dumps(body).encode()), MONDAY_NINE.date()) for body in callbacks(wire)]
    assert [Decimal(row["units"]) for row in charged] == [source.charged(each) for each in found]
    assert {Decimal(0), Decimal(4)} == {Decimal(row["units"]) for row in charged}


async def test_the_callback_names_our_row_and_is_as_described(wire: Wire, client: ClayClient, judge: Published) -> None:
    people = directory().contacts[:30]
    for number, contact in enumerate(people, 1):
        await client.hand_over(row_of(contact, number))
    found = callbacks(wire)
    for body in found:
        judge.check_message(body, {"$ref": "#/components/schemas/Callback"})
    answers = [parse_answer(json.dumps(body).encode()) for body in found]
    assert [answer.id for answer in answers] == [f"{KEY}.{number}" for number in range(1, 31)]
    known = [(answer, person) for answer, person in zip(answers, people, strict=True) if answer.email]
    assert 15 < len(known) < 30
    assert all(answer.email == person.email for answer, person in known)


async def test_what_the_table_sends_opens_our_callback_and_nothing_else_does(wire: Wire, client: ClayClient) -> None:
    await client.hand_over(row_of(directory().contacts[0]))
    body = json.dumps(callbacks(wire)[0]).encode()
    headers = SIGNERS["clay"](Attempt("http://api.example/webhooks/clay", "e", body, MONDAY_NINE), SECRETS)
    source = clay.webhooks(SECRETS.clay_secret)
    source.admit(headers, "")
    assert source.name_event(Webhook(body, headers, ""), MONDAY_NINE).kind == "row"
    for wrong in ({}, {"x-agency-os-secret": "other"}, {"x-agency-os-secret": ""}):
        with pytest.raises(SignatureError):
            source.admit(wrong, "")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"id": f"{KEY}.1"}, {}, 401),
        ({"email": "a@b.example"}, {"x_clay_webhook_auth": "token"}, 400),
        (b"{", {"x_clay_webhook_auth": "token"}, 400),
        ({"id": f"{KEY}.1", "company": "x" * 100_000}, {"x_clay_webhook_auth": "token"}, 413),
    ],
    ids=["no token", "no id", "no JSON", "too long"],
)
async def test_a_refusal_is_as_described(
    wire: Wire, judge: Published, body: object, headers: dict[str, str], status: int
) -> None:
    assert await wire.check_raw(judge, "POST", URL, body, **headers) == status


@pytest.mark.parametrize(("kind", "statuses"), [("429", [429, 200]), ("500", [500]), ("refused", [400])])
async def test_a_fault_speaks_as_described(
    wire: Wire, client: ClayClient, judge: Published, kind: str, statuses: list[int]
) -> None:
    await wire.fault("clay", kind)
    with suppress(ProviderError):
        await client.hand_over(row_of(directory().contacts[0]))
    assert wire.check(judge) == statuses


async def test_a_webhook_takes_fifty_thousand_rows(wire: Wire, client: ClayClient, judge: Published) -> None:
    wire.sandbox.store.set_meta("clay_rows", "50000")
    with pytest.raises(ProviderError, match="limit of submissions"):
        await client.hand_over(row_of(directory().contacts[0]))
    assert wire.check(judge) == [403]


@pytest.mark.parametrize(
    "broken",
    [{"id": "mine"}, {"first_name": "Jo"}, {"id": f"{KEY}.1", "surname": "Citizen"}, {"id": f"{KEY}.1", "email": 7}],
    ids=["another id", "no id", "unknown column", "a number"],
)
def test_a_broken_row_fails_the_judge(judge: Published, broken: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json", "x-clay-webhook-auth": "token"}
    with pytest.raises(ContractError):
        judge.check_request(HttpRequest("POST", URL, headers, json.dumps(broken).encode()))
