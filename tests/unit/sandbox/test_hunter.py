"""The sandbox's Hunter: what it finds, what it charges and charges once, its plan, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers, QueryParams

from agency_os_sandbox.gateway import Answer, Call
from agency_os_sandbox.providers.hunter import Hunter
from agency_os_sandbox.world.directory import Contact
from tests.factories.sandbox import MONDAY_NINE, World, directory

Ask = Callable[..., Answer]
KEY = {"x-api-key": "key"}
HALF, NOTHING = Decimal("0.5"), Decimal(0)


def someone(wanted: Callable[[Contact], bool]) -> Contact:
    return next(each for each in directory().contacts if wanted(each))


KNOWN = someone(lambda each: each.hunter_score > 80 and not each.private)
NOT_KNOWN = someone(lambda each: each.hunter_score < 35 and not each.private)
PRIVATE = someone(lambda each: each.private)


@pytest.fixture
def hunter(world: World) -> Hunter:
    return Hunter(world.store, directory())


@pytest.fixture
def ask(world: World, hunter: Hunter) -> Ask:
    """Asks an operation of Hunter for its answer, as the gateway does: in a transaction."""
    operations = {each.name: each for each in hunter.operations()}

    def call(name: str, query: dict[str, str], headers: dict[str, str] = KEY) -> Answer:
        operation = operations[name]
        asked = Call(
            name, "GET", operation.path, Headers(headers), QueryParams(query), {}, b"", MONDAY_NINE,
            "http://127.0.0.1:9",
        )  # fmt: skip
        operation.describe(asked)
        with world.store.transaction():
            return operation.handle(asked)

    return call


def find(ask: Ask, person: Contact) -> Answer:
    domain, first, last = person.company.domain, person.first_name, person.last_name
    return ask("email_finder", {"domain": domain, "first_name": first, "last_name": last})


def units(*answers: Answer) -> list[Decimal]:
    return [row.units for answer in answers for row in answer.rows]


def test_an_email_found_costs_a_credit(ask: Ask) -> None:
    answer = find(ask, KNOWN)
    assert answer.content["data"]["email"] == KNOWN.email
    assert units(answer) == [Decimal(1)]


def test_a_person_not_known_is_nulls_and_free(ask: Ask) -> None:
    answer = find(ask, NOT_KNOWN)
    assert (answer.status, answer.content["data"]["email"], answer.content["data"]["score"]) == (200, None, None)
    assert units(answer) == [NOTHING]


def test_a_domain_not_known_is_404_and_free(ask: Ask) -> None:
    answer = ask("email_finder", {"domain": "nowhere.example", "first_name": "No", "last_name": "Body"})
    assert (answer.status, units(answer)) == (404, [NOTHING])


def test_a_verification_costs_half_a_credit(ask: Ask) -> None:
    assert units(ask("email_verifier", {"email": KNOWN.email})) == [HALF]


def test_the_same_look_up_again_is_answered_the_same_and_charged_once(ask: Ask) -> None:
    one, other = find(ask, KNOWN), find(ask, KNOWN)
    assert one.content == other.content
    assert (units(one, other), other.rows[0].replay) == ([Decimal(1), NOTHING], True)


def test_the_same_look_up_in_another_spelling_is_the_same(ask: Ask) -> None:
    spellings = (KNOWN.email, f" {KNOWN.email.upper()} ")
    assert units(*(ask("email_verifier", {"email": each}) for each in spellings)) == [HALF, NOTHING]


def test_finding_and_verifying_are_charged_each(ask: Ask) -> None:
    assert units(find(ask, KNOWN), ask("email_verifier", {"email": KNOWN.email})) == [Decimal(1), HALF]


def test_whoever_objected_is_451_and_free(ask: Ask) -> None:
    answers = [find(ask, PRIVATE), ask("email_verifier", {"email": PRIVATE.email})]
    assert [answer.status for answer in answers] == [451, 451]
    assert units(*answers) == []


def test_a_used_up_plan_refuses_what_costs_and_answers_what_was_paid_for(ask: Ask, hunter: Hunter) -> None:
    hunter.limit_plan(Decimal(1))
    assert [find(ask, KNOWN).status, ask("email_verifier", {"email": KNOWN.email}).status] == [200, 429]
    assert (find(ask, KNOWN).status, find(ask, NOT_KNOWN).status) == (200, 200)


def test_what_a_used_up_plan_refused_is_charged_once_the_plan_allows_it(ask: Ask, hunter: Hunter) -> None:
    hunter.limit_plan(NOTHING)
    refused = ask("email_verifier", {"email": KNOWN.email})
    hunter.limit_plan(None)
    assert units(refused, ask("email_verifier", {"email": KNOWN.email})) == [HALF]


FILTERS: dict[str, tuple[dict[str, str], Callable[[dict[str, object]], bool]]] = {
    "generic": ({"type": "generic"}, lambda each: each["type"] == "generic"),
    "executives": ({"seniority": "executive"}, lambda each: each["seniority"] == "executive"),
    "some": ({"seniority": "junior,senior"}, lambda each: each["seniority"] in ("junior", "senior")),
    "managers": ({"department": "management"}, lambda each: each["department"] == "management"),
    "named": ({"required_field": "full_name,position"}, lambda each: bool(each["first_name"] and each["position"])),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_domain_search_shows_those_who_fit(ask: Ask, name: str) -> None:
    asked, fits = FILTERS[name]
    domains = [company.domain for company in directory().companies[:40]]
    found = [
        each
        for domain in domains
        for each in ask("domain_search", {"domain": domain, "limit": "100", **asked}).content["data"]["emails"]
    ]
    assert found
    assert [each for each in found if not fits(each)] == []


def test_a_domain_search_costs_a_credit_for_each_ten_emails_begun(ask: Ask) -> None:
    asked = {"domain": KNOWN.company.domain}
    one = ask("domain_search", asked)
    assert 0 < len(one.content["data"]["emails"]) <= 10
    beyond, unknown = {**asked, "offset": "50"}, {"domain": "nowhere.example"}
    others = [ask("domain_search", each) for each in (beyond, unknown, asked)]
    assert (units(one, *others), others[2].rows[0].replay) == ([Decimal(1), NOTHING, NOTHING, NOTHING], True)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"authorization": "Bearer "}])
@pytest.mark.parametrize("operation", ["domain_search", "email_finder", "email_verifier", "account"])
def test_without_a_key_nothing_is_told_or_charged(ask: Ask, operation: str, headers: dict[str, str]) -> None:
    answer = ask(operation, {"email": KNOWN.email}, headers)
    assert (answer.status, answer.rows) == (401, ())


@pytest.mark.parametrize("headers", [KEY, {"authorization": "Bearer key"}])
def test_a_key_counts_in_either_header(ask: Ask, headers: dict[str, str]) -> None:
    assert ask("account", {}, headers).status == 200


@pytest.mark.parametrize(
    ("operation", "query"),
    [
        ("domain_search", {}),
        ("domain_search", {"domain": "a.example", "limit": "0"}),
        ("domain_search", {"domain": "a.example", "limit": "101"}),
        ("domain_search", {"domain": "a.example", "limit": "\u0661"}),
        ("domain_search", {"domain": "a.example", "offset": "-1"}),
        ("domain_search", {"domain": "a.example", "type": "private"}),
        ("email_finder", {}),
        ("email_finder", {"domain": "a.example"}),
        ("email_finder", {"first_name": "Jo", "last_name": "Lee"}),
        ("email_finder", {"domain": "a.example", "first_name": "Jo"}),
        ("email_verifier", {}),
        ("email_verifier", {"email": "nobody"}),
    ],
)
def test_a_malformed_look_up_is_refused_and_free(ask: Ask, operation: str, query: dict[str, str]) -> None:
    answer = ask(operation, query)
    assert (answer.status, answer.rows) == (400, ())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(
            ["domain", "company", "first_name", "last_name", "email", "limit", "offset", "type", "required_field"]
        ),
        st.text(max_size=30),
    )
)
def test_a_look_up_from_anybody_is_answered_or_refused(ask: Ask, query: dict[str, str]) -> None:
    for operation in ("domain_search", "email_finder", "email_verifier"):
        assert ask(operation, query).status in (200, 400, 404, 451)
