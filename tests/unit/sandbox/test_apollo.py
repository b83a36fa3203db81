"""The sandbox's Apollo: whom it finds and by what, what it charges, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from starlette.datastructures import Headers, QueryParams

from agency_os_sandbox.gateway import Answer, Call
from agency_os_sandbox.providers.apollo import Apollo
from agency_os_sandbox.world.directory import Contact
from tests.factories.json_values import any_json
from tests.factories.sandbox import MONDAY_NINE, World, directory

Ask = Callable[..., Answer]
KEY = {"x-api-key": "key"}


def someone(apollo: str) -> Contact:
    return next(each for each in directory().contacts if each.apollo == apollo)


FULL, NO_EMAIL, UNKNOWN = someone("full"), someone("no_email"), someone("unknown")


@pytest.fixture
def ask(world: World) -> Ask:
    """Asks an operation of Apollo for its answer."""
    operations = {each.name: each for each in Apollo(world.store, directory()).operations()}

    def call(name: str, body: object = None, headers: dict[str, str] = KEY, **path: str) -> Answer:
        operation = operations[name]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked = Call(
            name, operation.method, operation.path, Headers(headers), QueryParams(), path, content, MONDAY_NINE,
            "http://127.0.0.1:9",
        )  # fmt: skip
        operation.describe(asked)
        return operation.handle(asked)

    return call


def match(ask: Ask, *details: dict[str, Any]) -> dict[str, Any]:
    answer = ask("people.bulk_match", {"details": list(details)})
    assert answer.status == 200
    content: dict[str, Any] = answer.content
    return content


@pytest.mark.parametrize(
    "by",
    [
        {"id": FULL.id},
        {"email": FULL.email.upper()},
        {"first_name": FULL.first_name, "last_name": FULL.last_name, "domain": FULL.company.domain},
        {"name": f"{FULL.first_name} {FULL.last_name}", "organization_name": FULL.company.name},
    ],
    ids=["id", "email", "domain", "company"],
)
def test_a_person_is_found_by_any_of_the_published_ways_for_one_credit(ask: Ask, by: dict[str, Any]) -> None:
    content = match(ask, by)
    assert content["matches"][0]["id"] == FULL.id
    assert content["credits_consumed"] == 1


@pytest.mark.parametrize("by", [{"id": UNKNOWN.id}, {"name": "No Body"}, {"first_name": FULL.first_name}, {}])
def test_nobody_found_is_null_in_its_place_and_free(ask: Ask, by: dict[str, Any]) -> None:
    content = match(ask, by, {"id": FULL.id})
    assert [each is None for each in content["matches"]] == [True, False]
    assert (content["credits_consumed"], content["missing_records"]) == (1, 1)


def test_an_address_that_apollo_lacks_is_null(ask: Ask) -> None:
    (person,) = match(ask, {"id": NO_EMAIL.id})["matches"]
    assert (person["email"], person["email_status"]) == (None, "unavailable")


def test_the_oracle_holds_what_is_charged_for_each_person(ask: Ask) -> None:
    rows = ask("people.bulk_match", {"details": [{"id": FULL.id}, {"id": UNKNOWN.id}]}).rows
    assert [row.units for row in rows] == [Decimal(1), Decimal(0)]


def test_the_same_person_again_costs_again(ask: Ask) -> None:
    rows = [*ask("people.match", {"id": FULL.id}).rows, *ask("people.match", {"id": FULL.id}).rows]
    assert [row.units for row in rows] == [Decimal(1)] * 2


@pytest.mark.parametrize("headers", [{}, {"x-api-key": " "}, {"authorization": "Bearer key"}])
@pytest.mark.parametrize(
    "operation",
    ["people.bulk_match", "people.match", "people.search", "organizations.enrich", "organizations.job_postings"],
)
def test_without_a_key_nothing_is_told_or_charged(ask: Ask, operation: str, headers: dict[str, str]) -> None:
    answer = ask(operation, {"details": [{"id": FULL.id}]}, headers, organization_id=FULL.company.id)
    assert (answer.status, answer.media, answer.rows) == (401, "text/plain", ())


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", [], 7, None, {}, {"details": []}, {"details": {}}, {"details": [7]}, {"details": [{}] * 11}],
)
def test_a_malformed_match_is_refused_and_free(ask: Ask, body: object) -> None:
    answer = ask("people.bulk_match", body)
    assert (answer.status, answer.rows) == (400, ())


def test_open_positions_cost_a_credit_and_are_always_the_same(ask: Ask) -> None:
    one, other = (ask("organizations.job_postings", organization_id=FULL.company.id) for _ in range(2))
    assert one.content == other.content
    assert [row.units for row in one.rows] == [Decimal(1)]


def test_an_unknown_company_is_refused_and_free(ask: Ask) -> None:
    answer = ask("organizations.job_postings", organization_id="nobody")
    assert (answer.status, answer.rows) == (422, ())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=any_json("details", "id", "email", "name", "first_name", "last_name", "domain", "linkedin_url"))
def test_json_from_anybody_is_answered_or_refused(ask: Ask, value: object) -> None:
    for operation, body in (
        ("people.bulk_match", value), ("people.bulk_match", {"details": [value]}), ("people.match", value),
    ):  # fmt: skip
        assert ask(operation, body).status in (200, 400, 422)
