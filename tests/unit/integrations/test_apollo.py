"""Apollo's client over a scripted transport: what was found, what it cost, and what each failure leaves behind."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import (
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.apollo import ApolloClient, PersonMatch, PersonQuery
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.factories.json_values import any_json
from tests.support.wire import Script, answer

KEY = "apollo_0123456789abcdef"
JO = PersonQuery(first_name="Jo", last_name="Lee", domain="company.example")
PERSON: dict[str, Any] = {
    "id": "p-1",
    "first_name": "Jo",
    "last_name": "Lee",
    "email": "jo@company.example",
    "email_status": "verified",
    "organization_id": "o-1",
    "organization": {"id": "o-1", "name": "Company", "estimated_num_employees": "12"},
}


class Both:
    """A client and what answers it."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, self.wall)
        self.client = ApolloClient(self.script, "https://a.example", KEY, rate, self.wall, Random(1))  # noqa: S311

    async def refused(self) -> ProviderError:
        """The error of one match."""
        with pytest.raises(ProviderError) as caught:
            await self.client.match_people([JO])
        return caught.value

    async def person(self) -> PersonMatch:
        """The one person that is found."""
        (found,) = (await self.client.match_people([JO])).matches
        assert found is not None
        return found


def matches(*entries: object, **extra: object) -> HttpResponse:
    return answer(200, {"matches": list(entries), **extra})


async def test_a_time_out_is_unknown_and_a_match_that_may_cost_is_not_repeated() -> None:
    both = Both(NoAnswerError("time-out"))
    error = await both.refused()
    assert (type(error), error.outcome) == (ProviderUnknownError, Outcome.UNKNOWN)
    assert len(both.script.requests) == 1


async def test_a_server_error_is_unknown_and_a_match_that_may_cost_is_not_repeated() -> None:
    both = Both(answer(500, {"error": "Internal server error"}))
    assert (await both.refused()).outcome is Outcome.UNKNOWN
    assert len(both.script.requests) == 1


async def test_a_refused_connection_is_repeated_and_then_not_accepted() -> None:
    both = Both(NotSentError("refused"))
    error = await both.refused()
    assert (type(error), error.outcome) == (ProviderLimitError, Outcome.NOT_ACCEPTED)
    assert len(both.script.requests) == 3


async def test_too_fast_waits_as_asked_and_is_repeated() -> None:
    both = Both(answer(429, {"message": "too many"}, retry_after="2"), matches(PERSON))
    assert (await both.person()).id == "p-1"
    assert sum(both.wall.sleeps) == pytest.approx(2)


@pytest.mark.parametrize(
    "refusal", [answer(401, b"Invalid API key."), answer(403, {"error": "no access", "error_code": "API_INACCESSIBLE"})]
)
async def test_a_wrong_key_or_plan_of_ours_can_heal_and_is_not_repeated_now(refusal: HttpResponse) -> None:
    both = Both(refusal)
    error = await both.refused()
    assert (type(error), error.cost_units) == (ProviderLimitError, Decimal(0))
    assert len(both.script.requests) == 1


async def test_a_malformed_match_is_refused_for_good_with_apollos_code() -> None:
    error = await Both(answer(400, {"error_code": "RECORD_LIMIT_EXCEEDED", "error_message": "too many"})).refused()
    assert (type(error), error.provider_code) == (ProviderRefusedError, "RECORD_LIMIT_EXCEEDED")


async def test_the_api_key_stands_in_its_header_alone_and_is_never_said_back() -> None:
    both = Both(answer(401, f"Invalid API key {KEY}".encode()))
    error = await both.refused()
    (request,) = both.script.requests
    assert request.headers["x-api-key"] == KEY
    assert KEY not in f"{error} {error!r} {both.client!r} {request!r} {request.url} {request.body!r}"


async def test_a_locked_email_is_no_email() -> None:
    both = Both(matches({**PERSON, "email": "email_not_unlocked@domain.com"}))
    assert (await both.person()).email is None


async def test_nulls_are_not_known() -> None:
    found = await Both(matches({"id": "p-1", "organization": None, "employment_history": None, "email": None})).person()
    assert (found.email, found.organization, found.employment_start_date, found.phone) == (None, None, None, None)


async def test_nobody_found_is_none_in_its_place_and_costs_nothing() -> None:
    both = Both(matches(PERSON, None))
    result = await both.client.match_people([JO, PersonQuery(name="No Body")])
    assert [match is None for match in result.matches] == [False, True]
    assert result.units == Decimal(1)


@pytest.mark.parametrize(("told", "units"), [(2.5, "2.5"), (0, "0"), (-1, "1"), (None, "1"), ("many", "1")])
async def test_the_credits_are_apollos_count_or_one_a_person(told: object, units: str) -> None:
    result = await Both(matches(PERSON, credits_consumed=told)).client.match_people([JO])
    assert result.units == Decimal(units)


@pytest.mark.parametrize("entries", [[], [PERSON, PERSON]])
async def test_another_number_of_matches_is_nobodys_data_and_is_paid_for(entries: list[object]) -> None:
    error = await Both(matches(*entries)).refused()
    assert (type(error), error.outcome) == (ProviderAnswerError, Outcome.ACCEPTED)
    assert error.cost_units == len(entries)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b"\xff"])
async def test_an_unreadable_answer_counts_as_paid_in_full(body: bytes) -> None:
    both = Both(answer(200, body))
    with pytest.raises(ProviderAnswerError) as caught:
        await both.client.match_people([JO, JO])
    assert caught.value.cost_units == Decimal(2)


async def test_people_are_asked_for_ten_at_a_time_in_their_order() -> None:
    people = [PersonQuery(id=f"p-{number}") for number in range(12)]
    both = Both(
        matches(*({"id": each.id} for each in people[:10])), matches(*({"id": each.id} for each in people[10:]))
    )
    result = await both.client.match_people(people)
    assert [match.id for match in result.matches if match] == [each.id for each in people]
    assert [len(json.loads(request.body)["details"]) for request in both.script.requests] == [10, 2]


async def test_what_was_paid_for_is_kept_when_a_later_call_fails() -> None:
    both = Both(matches(*[PERSON] * 10), NoAnswerError("time-out"))
    result = await both.client.match_people([JO] * 12)
    assert (len(result.matches), result.units) == (10, Decimal(10))
    assert isinstance(result.error, ProviderUnknownError)


async def test_nobody_asked_for_is_no_request() -> None:
    both = Both(matches())
    assert (await both.client.match_people([])).matches == ()
    assert both.script.requests == []


async def test_only_what_is_known_is_asked_by_and_nothing_costly_is_revealed() -> None:
    both = Both(matches(PERSON))
    await both.client.match_people([JO])
    (request,) = both.script.requests
    asked = {"first_name": "Jo", "last_name": "Lee", "domain": "company.example"}
    assert json.loads(request.body) == {"details": [asked]}
    assert "reveal_personal_emails=false&reveal_phone_number=false" in request.url


async def test_the_present_job_is_the_one_at_the_own_company() -> None:
    posts = [
        {"current": True, "organization_id": "o-2", "start_date": "2020-01-01"},
        {"current": True, "organization_id": "o-1", "start_date": "2024-05-01"},
        {"current": False, "organization_id": "o-1", "start_date": "2019-01-01"},
    ]
    assert (await Both(matches({**PERSON, "employment_history": posts})).person()).employment_start_date == date(
        2024, 5, 1
    )


async def test_open_positions_are_counted_cost_one_credit_and_may_be_asked_again() -> None:
    both = Both(answer(500, b""), NoAnswerError("time-out"), answer(200, {"organization_job_postings": [{}, {}]}))
    result = await both.client.job_postings("o/../1")
    assert (result.count, result.is_hiring, result.units) == (2, True, Decimal(1))
    assert both.script.requests[0].url.startswith("https://a.example/organizations/o%2F..%2F1/job_postings?")


async def test_no_open_position_is_not_hiring() -> None:
    assert not (await Both(answer(200, {"organization_job_postings": None})).client.job_postings("o-1")).is_hiring


@given(any_json("organization", "employment_history", "phone_numbers", "current", "start_date", *PERSON))
async def test_a_person_of_any_shape_is_read(value: object) -> None:
    entry = {**PERSON, **value} if isinstance(value, dict) else value
    result = await Both(matches(entry)).client.match_people([JO])
    assert len(result.matches) == 1


@given(st.sampled_from([200, 400, 401, 429, 500]), st.binary(max_size=60))
async def test_bytes_in_any_answer_are_a_providers_error(status: int, body: bytes) -> None:
    assert (await Both(answer(status, body)).refused()).provider == "apollo"
