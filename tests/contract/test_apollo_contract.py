"""Apollo as published: what our client sends strictly, what the sandbox answers so that nulls pass."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from agency_os.exceptions import ProviderError
from agency_os.integrations.apollo import ApolloClient, PersonQuery
from agency_os_sandbox.world.directory import Contact
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import directory
from tests.support.published import ContractError, Published, published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/apollo/api/v1"
ERROR_SCHEMA = json.dumps({"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}})
KNOWLEDGE = ["full", "unverified", "guessed", "no_email"]


def examples() -> list[Any]:
    """The published answers to a bulk match, as text or as JSON."""
    operation = read_spec("apollo/openapi.json")["paths"]["/people/bulk_match"]["post"]
    values = [
        each["value"] for each in operation["responses"]["200"]["content"]["application/json"]["examples"].values()
    ]
    return [json.loads(value) if isinstance(value, str) else value for value in values]


def known_as(apollo: str) -> Contact:
    """A person of whom Apollo knows so much."""
    return next(contact for contact in directory().contacts if contact.apollo == apollo)


def asking_for(contact: Contact) -> PersonQuery:
    return PersonQuery(
        first_name=contact.first_name,
        last_name=contact.last_name,
        organization_name=contact.company.name,
        domain=contact.company.domain,
    )


@pytest.fixture
def judge() -> Published:
    return published("apollo/openapi.json", BASE, ERROR_SCHEMA)


@pytest.fixture
def client(wire: Wire) -> ApolloClient:
    return ApolloClient(wire.connection(BASE, "key"))


@pytest.mark.parametrize("apollo", KNOWLEDGE)
async def test_a_match_is_as_published(wire: Wire, client: ApolloClient, judge: Published, apollo: str) -> None:
    contact = known_as(apollo)
    (match,) = (await client.match_people([asking_for(contact)])).matches
    assert match is not None
    assert match.email == (None if apollo == "no_email" else contact.email)
    assert wire.check(judge) == [200]


async def test_every_field_that_we_can_ask_by_is_published(wire: Wire, client: ApolloClient, judge: Published) -> None:
    contact = known_as("full")
    query = PersonQuery(
        contact.first_name, contact.last_name, f"{contact.first_name} {contact.last_name}", contact.email,
        contact.company.name, contact.company.domain, contact.linkedin_url or "https://www.linkedin.com/in/x",
        contact.id,
    )  # fmt: skip
    await client.match_people([query])
    assert wire.check(judge) == [200]


async def test_more_than_ten_people_are_asked_for_in_calls_as_published(
    wire: Wire, client: ApolloClient, judge: Published
) -> None:
    people = [asking_for(contact) for contact in directory().contacts[:23]]
    result = await client.match_people(people)
    assert (len(result.matches), wire.check(judge)) == (23, [200, 200, 200])


async def test_nobody_found_costs_nothing_and_is_as_published(
    wire: Wire, client: ApolloClient, judge: Published
) -> None:
    result = await client.match_people([PersonQuery("No", "Body", domain="nowhere.example")])
    assert (result.matches, result.units, wire.check(judge)) == ((None,), Decimal(0), [200])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"details": [{"email": "a@b.example"}] * 11}, "RECORD_LIMIT_EXCEEDED"),
        ({"details": []}, "INVALID_REQUEST"),
        ({}, "INVALID_REQUEST"),
        (b"{", "INVALID_REQUEST"),
    ],
)
async def test_a_malformed_match_is_refused_as_published(wire: Wire, judge: Published, body: object, code: str) -> None:
    url = f"{BASE}/people/bulk_match"
    assert await wire.check_raw(judge, "POST", url, body, x_api_key="key") == 400
    response = await wire.raw("POST", url, body, x_api_key="key")
    assert json.loads(response.body)["error_code"] == code


async def test_a_missing_key_is_refused_in_plain_text(wire: Wire, judge: Published) -> None:
    body = {"details": [{"email": "a@b.example"}]}
    assert await wire.check_raw(judge, "POST", f"{BASE}/people/bulk_match", body) == 401


@pytest.mark.parametrize(("kind", "statuses"), [("429", [429, 200]), ("500", [500]), ("refused", [422])])
async def test_a_fault_speaks_as_published(
    wire: Wire, client: ApolloClient, judge: Published, kind: str, statuses: list[int]
) -> None:
    await wire.fault("apollo", kind)
    if statuses[-1] == 200:
        await client.match_people([asking_for(known_as("full"))])
    else:
        with pytest.raises(ProviderError):
            await client.match_people([asking_for(known_as("full"))])
    assert wire.check(judge) == statuses


async def test_what_we_are_told_to_pay_is_what_the_oracle_charged(wire: Wire, client: ApolloClient) -> None:
    result = await client.match_people([asking_for(contact) for contact in directory().contacts[:10]])
    rows = wire.sandbox.store.all("SELECT units FROM oracle WHERE provider = 'apollo' AND accepted = 1")
    assert result.units == sum(Decimal(row["units"]) for row in rows) > 0


BROKEN: dict[str, dict[str, Any]] = {
    "a wrong field": {"details": [{"mail": "a@b.example"}]},
    "a wrong type": {"details": [{"email": 7}]},
    "no list": {"details": {"email": "a@b.example"}},
    "a field beside": {"details": [{"email": "a@b.example"}], "plan": "pro"},
}


@pytest.mark.parametrize("body", BROKEN)
async def test_a_broken_match_is_not_as_published(
    wire: Wire, client: ApolloClient, judge: Published, body: str
) -> None:
    await client.match_people([asking_for(known_as("full"))])
    ((request, _),) = wire.recorder.exchanges
    judge.check_request(request)
    with pytest.raises(ContractError):
        judge.check_request(replace(request, body=json.dumps(BROKEN[body]).encode()))


async def test_our_client_reads_every_published_answer(wire: Wire) -> None:
    for published_answer in examples():
        count = len(published_answer["matches"])
        script = Script(answer(200, published_answer))
        client = ApolloClient(wire.connection(BASE, "key", script))
        result = await client.match_people([PersonQuery(email="a@b.example")] * count)
        assert [match.id for match in result.matches if match is not None] == [
            match["id"] for match in published_answer["matches"] if match is not None
        ]
