"""Apollo's client over a scripted transport: what it reads of a person, what a failure costs and says."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from agency_os.exceptions import (
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.apollo import ApolloClient, PersonMatch, PersonQuery
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

KEY = "apollo-key-0123456789"
JO = PersonQuery("Jo", "Citizen", domain="company.example")


class Both:
    """A client, what answers it and the wall clock of both."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, self.wall)
        self.client = ApolloClient(Connection(self.script, "https://a.example", KEY, rate, self.wall, Random(1)))  # noqa: S311

    async def refused(self, count: int = 1) -> ProviderError:
        """The error of asking for so many people."""
        with pytest.raises(ProviderError) as caught:
            await self.client.match_people([JO] * count)
        return caught.value

    async def person(self) -> PersonMatch:
        """The one person found."""
        (match,) = (await self.client.match_people([JO])).matches
        assert match is not None
        return match


def matches(*people: object, **more: object) -> HttpResponse:
    return answer(200, {"status": "success", "matches": list(people), **more})


async def test_only_what_is_known_is_asked_by() -> None:
    both = Both(matches(None))
    await both.client.match_people([PersonQuery(first_name="Jo", email="", domain="company.example")])
    (request,) = both.script.requests
    assert json.loads(request.body) == {"details": [{"domain": "company.example", "first_name": "Jo"}]}
    assert request.url.endswith("/people/bulk_match?reveal_personal_emails=false&reveal_phone_number=false")


async def test_matches_keep_the_order_of_the_queries() -> None:
    result = await Both(matches({"id": "p-1"}, None, {"id": "p-3"})).client.match_people([JO] * 3)
    assert [match and match.id for match in result.matches] == ["p-1", None, "p-3"]


@pytest.mark.parametrize(
    ("told", "cost"), [("1.5", "1.5"), (0, "0"), (2.5, "2.5"), (None, "2"), (-1, "2"), ("many", "2"), (True, "2")]
)
async def test_the_credits_are_those_told_else_one_for_each_person_found(told: object, cost: str) -> None:
    both = Both(matches({"id": "p-1"}, None, {"id": "p-3"}, credits_consumed=told))
    assert (await both.client.match_people([JO] * 3)).units == Decimal(cost)


async def test_nobody_asked_for_is_no_request() -> None:
    both = Both(matches())
    result = await both.client.match_people([])
    assert (result.matches, result.units, both.script.requests) == ((), Decimal(0), [])


async def test_more_than_ten_are_asked_for_in_several_calls() -> None:
    both = Both(matches(*[None] * 10), matches(*[{"id": "p"}] * 2, credits_consumed=2))
    result = await both.client.match_people([JO] * 12)
    assert (len(result.matches), result.units, result.error) == (12, Decimal(2), None)
    assert [len(json.loads(each.body)["details"]) for each in both.script.requests] == [10, 2]


async def test_what_an_earlier_call_brought_is_kept_when_a_later_one_fails() -> None:
    both = Both(matches(*[{"id": "p"}] * 10), NoAnswerError("time-out"))
    result = await both.client.match_people([JO] * 12)
    assert (len(result.matches), result.units) == (10, Decimal(10))
    assert isinstance(result.error, ProviderUnknownError)


@pytest.mark.parametrize("email", ["email_not_unlocked@domain.com", "email_not_unlocked@company.example", "", None, 7])
async def test_a_locked_or_missing_email_is_no_email(email: object) -> None:
    person = await Both(matches({"id": "p-1", "email": email, "email_status": "verified"})).person()
    assert person.email == ("7" if email == 7 else None)


async def test_a_person_full_of_nulls_is_a_person_of_whom_nothing_is_known() -> None:
    names = (
        "first_name",
        "last_name",
        "title",
        "email",
        "organization",
        "employment_history",
        "phone_numbers",
        "state",
    )
    person = await Both(matches({"id": "p-1", **dict.fromkeys(names)})).person()
    assert person == PersonMatch("p-1", *[None] * 13)


async def test_a_company_full_of_nulls_is_read() -> None:
    organization = {"id": "o-1", "name": None, "founded_year": None, "estimated_num_employees": None, "phone": None}
    person = await Both(matches({"id": "p-1", "organization": {**organization, "primary_phone": {}}})).person()
    assert person.organization is not None
    assert (person.organization.id, person.organization.employee_count, person.organization.phone) == (
        "o-1",
        None,
        None,
    )


async def test_numbers_and_dates_are_read_however_they_are_spelt() -> None:
    organization: dict[str, Any] = {
        "estimated_num_employees": "1600", "founded_year": 2015.0, "sanitized_phone": None, "phone": " 02 5550 1234 ",
        "latest_funding_round_date": "2025-03-04T00:00:00.000+00:00",
    }  # fmt: skip
    person = await Both(matches({"id": 12, "organization": organization})).person()
    company = person.organization
    assert company is not None
    assert (person.id, company.employee_count, company.founded_year) == ("12", 1600, 2015)
    assert (company.phone, company.latest_funding_date) == ("02 5550 1234", date(2025, 3, 4))


async def test_the_job_at_the_persons_own_company_counts_before_another_current_one() -> None:
    posts = [
        {"current": True, "organization_id": "o-2", "start_date": "2010-01-01"},
        {"current": False, "organization_id": "o-1", "start_date": "2012-01-01"},
        {"current": True, "organization_id": "o-1", "start_date": "2020-05-06"},
    ]
    person = await Both(matches({"id": "p", "organization_id": "o-1", "employment_history": posts})).person()
    assert person.employment_start_date == date(2020, 5, 6)


async def test_the_first_phone_that_is_told_is_taken() -> None:
    numbers = [
        {"raw_number": None},
        {"raw_number": "0491 570 006", "sanitized_number": "+61491570006"},
        {"raw_number": 1},
    ]
    assert (await Both(matches({"id": "p", "phone_numbers": numbers})).person()).phone == "+61491570006"


@pytest.mark.parametrize("entries", [[], [{"id": "p-1"}], [{"id": "p-1"}] * 3, None, {}, "two"])
async def test_another_number_of_matches_than_asked_is_charged_and_used_for_nobody(entries: object) -> None:
    error = await Both(answer(200, {"matches": entries, "credits_consumed": 2})).refused(2)
    assert (type(error), error.outcome, error.cost_units) == (ProviderAnswerError, Outcome.ACCEPTED, Decimal(2))


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"\xff\xfe"])
async def test_an_answer_that_cannot_be_read_costs_a_credit_for_each_asked(body: bytes) -> None:
    error = await Both(answer(200, body)).refused(3)
    assert (error.outcome, error.cost_units) == (Outcome.ACCEPTED, Decimal(3))


@pytest.mark.parametrize("failure", [NoAnswerError("time-out"), answer(500, {}), answer(503, b"down")])
async def test_a_match_that_may_have_been_paid_for_is_unknown_and_not_repeated(
    failure: HttpResponse | Exception,
) -> None:
    both = Both(failure)
    assert (await both.refused()).outcome is Outcome.UNKNOWN
    assert len(both.script.requests) == 1


async def test_a_refused_connection_costs_nothing_and_is_repeated() -> None:
    both = Both(NotSentError("refused"), matches({"id": "p-1"}))
    assert (await both.person()).id == "p-1"
    assert (await Both(NotSentError("refused")).refused()).outcome is Outcome.NOT_ACCEPTED


async def test_too_fast_is_repeated_after_the_time_told() -> None:
    both = Both(answer(429, {"message": "slow down"}, retry_after="4"), matches({"id": "p-1"}))
    assert (await both.person()).id == "p-1"
    assert sum(both.wall.sleeps) == pytest.approx(4)


async def test_a_day_s_limit_is_not_slept_on() -> None:
    both = Both(answer(429, {"message": "600 times per hour"}, retry_after="3600"))
    error = await both.refused()
    assert (type(error), error.retry_after, both.wall.sleeps) == (ProviderLimitError, 3600, [])


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (answer(401, b"Invalid access credentials."), "Invalid access credentials"),
        (answer(403, {"error": "needs a master key", "error_code": "API_INACCESSIBLE"}), "API_INACCESSIBLE"),
    ],
)
async def test_a_wrong_key_or_plan_can_heal_and_says_so(response: HttpResponse, words: str) -> None:
    error = await Both(response).refused()
    assert isinstance(error, ProviderLimitError)
    assert words in str(error)


@pytest.mark.parametrize(
    "body", [{"error": "bad"}, {"message": "bad"}, {"status": "failed", "error_code": "X", "error_message": "bad"}]
)
async def test_each_shape_of_a_refusal_is_read(body: dict[str, str]) -> None:
    error = await Both(answer(422, body)).refused()
    assert (type(error), error.provider_code) == (ProviderRefusedError, body.get("error_code"))
    assert "bad" in str(error)


async def test_the_api_key_shows_in_its_header_alone() -> None:
    both = Both(answer(401, f"key {KEY} is unknown".encode()))
    error = await both.refused()
    (request,) = both.script.requests
    assert request.headers["x-api-key"] == KEY
    assert KEY not in f"{error} {error!r} {error.__dict__} {request!r} {request.url} {both.client!r}"
