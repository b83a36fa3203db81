"""Apollo's search client over a scripted transport: what it asks for and reads, what is repeated and what costs."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from agency_os.domain.icp import NO_ICP, Icp
from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderUnknownError,
)
from agency_os.integrations.apollo import PersonQuery
from agency_os.integrations.apollo_search import ApolloSearchClient, PeopleSearch, ProspectPage, Quota
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

KEY = "apollo-key-0123456789"
OWNERS = PeopleSearch(titles=("owner",))
ONE, NOTHING = Decimal(1), Decimal(0)


class Both:
    """A client, what answers it and the wall clock of both."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, self.wall)
        self.client = ApolloSearchClient(Connection(self.script, "https://a.example", KEY, rate, self.wall, Random(1)))  # noqa: S311

    async def search(self, **page: int) -> ProspectPage:
        return await self.client.search_people(OWNERS, **page)

    def asked(self) -> list[tuple[str, str]]:
        """The parameters of the one request."""
        (request,) = self.script.requests
        return parse_qsl(urlsplit(request.url).query)


def people(*found: object, **more: object) -> HttpResponse:
    return answer(200, {"total_entries": len(found), "people": list(found), **more})


async def test_lists_repeat_their_name_with_brackets_and_what_is_empty_is_left_out() -> None:
    both = Both(people())
    search = PeopleSearch(titles=("owner", "ceo"), employees=((1, 10), (11, 50)), domains=("a.example",))
    await both.client.search_people(search, page=2, per_page=25)
    assert both.asked() == [
        ("person_titles[]", "owner"),
        ("person_titles[]", "ceo"),
        ("organization_num_employees_ranges[]", "1,10"),
        ("organization_num_employees_ranges[]", "11,50"),
        ("q_organization_domains_list[]", "a.example"),
        ("include_similar_titles", "true"),
        ("page", "2"),
        ("per_page", "25"),
    ]


def test_a_confirmed_profile_is_searched_by_its_titles_places_and_sizes() -> None:
    icp = Icp(("Dental",), ("11-50", "200+", "many"), ("Victoria",), ("Practice Manager",), confirmed=True)
    assert PeopleSearch.of_icp(icp) == PeopleSearch(
        titles=("Practice Manager",), company_locations=("Victoria",), employees=((11, 50), (200, 10_000_000))
    )


@pytest.mark.parametrize("icp", [NO_ICP, Icp(company_sizes=("200+",), locations=("Peru",)), Icp(confirmed=True)])
def test_where_no_profile_says_it_the_defaults_are_searched(icp: Icp) -> None:
    assert PeopleSearch.of_icp(icp) == PeopleSearch(company_locations=("Australia",), employees=((5, 50),))


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"seniorities": ("boss",)}, {"email_statuses": ("perhaps",)}, {"employees": ((50, 5),)},
        {"employees": ((-1, 5),)}, {"domains": ("a.example",) * 1001},
    ],
)  # fmt: skip
def test_a_search_that_apollo_does_not_publish_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        PeopleSearch(**wrong)


@pytest.mark.parametrize("page", [{"page": 0}, {"page": 501}, {"per_page": 0}, {"per_page": 101}])
async def test_a_page_that_cannot_be_had_is_not_asked_for(page: dict[str, int]) -> None:
    both = Both(people())
    with pytest.raises(InvalidInputError):
        await both.search(**page)
    assert both.script.requests == []


async def test_a_prospect_is_read_whole_and_one_without_an_id_is_left_out() -> None:
    whole = {
        "id": "p-1", "first_name": "Jo", "last_name_obfuscated": "Ci***n", "title": "Owner", "has_email": True,
        "has_direct_phone": "Yes", "last_refreshed_at": "2026-02-01T10:00:00.000+00:00",
        "organization": {"name": "Company"},
    }  # fmt: skip
    bare = {"id": "p-2", "has_email": None, "has_direct_phone": "Maybe: please request direct dial", "title": None}
    first, second = (await Both(people(whole, bare, {"first_name": "No id"}, None, 7)).search()).prospects
    assert (first.id, first.first_name, first.obfuscated_last_name, first.title, first.company) == (
        "p-1", "Jo", "Ci***n", "Owner", "Company",
    )  # fmt: skip
    assert (first.has_email, first.has_direct_phone) == (True, True)
    assert first.refreshed_at == datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert (second.has_email, second.has_direct_phone, second.company, second.refreshed_at) == (
        False, False, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("total", "page", "more"),
    [(101, 1, True), (100, 1, False), (101, 2, False), (90_000, 500, False), (None, 1, False)],
)
async def test_there_are_more_pages_while_people_are_left_and_up_to_the_500th(
    total: int | None, page: int, more: bool
) -> None:
    both = Both(answer(200, {"total_entries": total, "people": [{"id": "p-1"}]}))
    assert (await both.search(page=page)).has_more is more


async def test_an_empty_page_is_the_last_whatever_the_total() -> None:
    assert not (await Both(answer(200, {"total_entries": 9_000, "people": []})).search()).has_more


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        ({}, Quota()),
        (
            {"x_minute_requests_left": "7", "x_hourly_requests_left": "8", "x_24_hour_requests_left": "9"},
            Quota(7, 8, 9),
        ),
        ({"x_minute_requests_left": "soon"}, Quota()),
    ],
)
async def test_the_windows_are_read_where_they_are_told(headers: dict[str, str], quota: Quota) -> None:
    assert (await Both(answer(200, {"people": []}, **headers)).search()).quota == quota


async def test_a_search_is_repeated_after_no_answer() -> None:
    both = Both(NoAnswerError("cut off"), answer(503, b""), people({"id": "p-1"}))
    assert len((await both.search()).prospects) == 1
    assert len(both.script.requests) == 3


async def test_a_search_waits_as_long_as_it_is_asked_to() -> None:
    both = Both(answer(429, {"message": "too many"}, retry_after="7"), people())
    before = both.wall.monotonic()
    await both.search()
    assert both.wall.monotonic() - before >= 7


async def test_a_wait_beyond_a_workers_patience_is_left_to_the_caller() -> None:
    both = Both(answer(429, {"message": "600 times per hour"}, retry_after="1800"))
    with pytest.raises(ProviderLimitError) as caught:
        await both.search()
    assert (caught.value.retry_after, len(both.script.requests)) == (1800, 1)


@pytest.mark.parametrize("body", [{}, {"people": None}, {"people": {}}])
async def test_an_answer_without_a_list_of_people_is_no_result(body: object) -> None:
    with pytest.raises(ProviderAnswerError) as caught:
        await Both(answer(200, body)).search()
    assert caught.value.cost_units == NOTHING


Ask = Any
PAID: dict[str, Ask] = {
    "match_person": lambda client: client.match_person(PersonQuery(id="p-1")),
    "enrich_organization": lambda client: client.enrich_organization("company.example"),
    "job_postings": lambda client: client.job_postings("o-1"),
}


@pytest.mark.parametrize("operation", PAID)
@pytest.mark.parametrize("failure", [NoAnswerError("cut off"), answer(500, b""), answer(504, b""), answer(599, b"")])
async def test_what_may_have_cost_a_credit_is_not_asked_again(
    operation: str, failure: HttpResponse | Exception
) -> None:
    both = Both(failure)
    with pytest.raises(ProviderUnknownError) as caught:
        await PAID[operation](both.client)
    assert (caught.value.outcome, caught.value.operation) == (Outcome.UNKNOWN, operation)
    assert len(both.script.requests) == 1


@pytest.mark.parametrize("operation", PAID)
@pytest.mark.parametrize("failure", [NotSentError("refused"), answer(429, {"message": "too many"})])
async def test_what_cannot_have_cost_anything_is_asked_again(operation: str, failure: HttpResponse | Exception) -> None:
    both = Both(failure, answer(200, {"person": None, "organization": None}))
    assert (await PAID[operation](both.client)).units in (NOTHING, ONE)
    assert len(both.script.requests) == 2


@pytest.mark.parametrize("operation", PAID)
async def test_an_answer_that_cannot_be_read_costs_a_credit(operation: str) -> None:
    with pytest.raises(ProviderAnswerError) as caught:
        await PAID[operation](Both(answer(200, b"<html>")).client)
    assert caught.value.cost_units == ONE


async def test_an_error_tells_the_key_to_nobody() -> None:
    both = Both(answer(422, {"error": f"no such thing as {KEY}"}))
    with pytest.raises(ProviderError) as caught:
        await both.client.match_person(PersonQuery(email="jo@company.example"))
    (request,) = both.script.requests
    error = caught.value
    assert (request.headers["x-api-key"], request.body) == (KEY, b"")
    assert KEY not in f"{error} {error!r} {error.__dict__} {request!r} {request.url} {both.client!r}"
    assert "jo@company.example" not in f"{error} {request!r}"


async def test_a_match_asks_by_what_is_known_and_reveals_nothing_that_costs_more() -> None:
    both = Both(answer(200, {"person": {"id": "p-1"}}))
    result = await both.client.match_person(PersonQuery(first_name="Jo", domain="company.example"))
    assert (result.person and result.person.id, result.units) == ("p-1", ONE)
    assert both.asked() == [
        ("first_name", "Jo"), ("domain", "company.example"), ("reveal_personal_emails", "false"),
        ("reveal_phone_number", "false"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"organization": None}, {"organization": {}}, {"organization": []}])
async def test_a_company_that_is_not_known_costs_nothing(body: object) -> None:
    result = await Both(answer(200, body)).client.enrich_organization("nowhere.example")
    assert (result.organization, result.units) == (None, NOTHING)


async def test_a_company_found_is_read_and_costs_a_credit() -> None:
    body = {"organization": {"id": "o-1", "name": "Company", "primary_domain": "company.example", "phone": None}}
    both = Both(answer(200, body))
    result = await both.client.enrich_organization("company.example")
    assert result.organization is not None
    assert (result.organization.id, result.organization.domain, result.units) == ("o-1", "company.example", ONE)
    assert both.asked() == [("domain", "company.example")]


@pytest.mark.parametrize(("postings", "hiring"), [([{"id": "j"}, {"id": "k"}], True), ([], False), (None, False)])
async def test_open_positions_say_whether_a_company_hires(postings: object, hiring: bool) -> None:
    both = Both(answer(200, {"organization_job_postings": postings}))
    found = await both.client.job_postings("o/1")
    assert (found.is_hiring, found.units) == (hiring, ONE)
    assert both.script.requests[0].url == "https://a.example/organizations/o%2F1/job_postings?page=1&per_page=10"
