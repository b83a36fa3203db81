"""Hunter's client over a scripted transport: its odd codes, what a look-up costs, whom never to ask again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.hunter import PERSON_OBJECTED, DomainPage, DomainSearch, HunterClient, HunterEmail
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

KEY = "hunter-key-0123456789"
VALID = answer(200, {"data": {"status": "valid", "score": 98, "email": "jo@company.example"}})
PENDING = answer(202, {"data": None})
NOTHING, HALF = Decimal(0), Decimal("0.5")


class Both:
    """A client, what answers it and the wall clock of both."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, self.wall)
        self.client = HunterClient(Connection(self.script, "https://h.example/v2", KEY, rate, self.wall, Random(1)))  # noqa: S311

    async def verify(self) -> HunterEmail:
        return await self.client.verify_email("jo@company.example")

    async def find(self) -> HunterEmail:
        return await self.client.find_email("company.example", "Jo", "Citizen")

    async def refused(self) -> ProviderError:
        """The error of verifying."""
        with pytest.raises(ProviderError) as caught:
            await self.verify()
        return caught.value


def problem(status: int, name: str) -> HttpResponse:
    return answer(status, {"errors": [{"id": name, "code": status, "details": "words"}]})


@pytest.mark.parametrize("status", ["valid", "invalid", "accept_all", "webmail", "disposable", "unknown"])
async def test_a_verification_costs_half_a_credit_whatever_its_verdict(status: str) -> None:
    found = await Both(answer(200, {"data": {"status": status, "score": 50}})).verify()
    assert (found.verification, found.units, found.email) == (status, HALF, "jo@company.example")


async def test_an_email_found_costs_a_credit() -> None:
    data = {"email": "jo@company.example", "score": "97", "verification": {"status": "valid"}, "position": "CEO"}
    found = await Both(answer(200, {"data": data})).find()
    assert (found.email, found.score, found.verification) == ("jo@company.example", 97, "valid")
    assert (found.units, found.position) == (Decimal(1), "CEO")


@pytest.mark.parametrize(
    "nothing",
    [
        answer(200, {"data": {"email": None, "score": None, "verification": None, "sources": None}}),
        answer(200, {"data": None}),
        problem(404, "not_found"),
    ],
    ids=["null email", "null data", "404"],
)
async def test_no_email_found_costs_nothing(nothing: HttpResponse) -> None:
    found = await Both(nothing).find()
    assert (found.email, found.units) == (None, NOTHING)


@pytest.mark.parametrize("page", [b"<html>404</html>", b"", b"{}", b'{"errors":[]}'])
async def test_a_404_that_is_not_hunters_says_nothing_of_the_person(page: bytes) -> None:
    with pytest.raises(ProviderRefusedError):
        await Both(answer(404, page)).find()


async def test_still_working_is_asked_again_with_the_same_call() -> None:
    both = Both(PENDING, PENDING, VALID)
    assert (await both.verify()).verification == "valid"
    assert len({each.url for each in both.script.requests}) == 1
    assert len(both.wall.sleeps) == 2


async def test_still_working_without_end_is_no_verdict_and_costs_nothing() -> None:
    both = Both(PENDING)
    error = await both.refused()
    assert (type(error), error.http_status, error.cost_units) == (ProviderLimitError, 202, NOTHING)
    assert len(both.script.requests) == 4


@pytest.mark.parametrize("body", [b"", b"not JSON", b'{"data":{"status":"valid"}}'])
async def test_a_success_that_says_still_working_is_never_read_as_a_verdict(body: bytes) -> None:
    assert (await Both(answer(202, body)).refused()).http_status == 202


async def test_an_odd_mail_server_is_no_verdict_for_now_and_not_asked_again() -> None:
    both = Both(problem(222, "smtp_error"))
    error = await both.refused()
    assert (type(error), error.http_status, len(both.script.requests)) == (ProviderLimitError, 222, 1)


async def test_too_fast_is_403_and_asked_again() -> None:
    both = Both(problem(403, "too_many_requests"), VALID)
    assert (await both.verify()).verification == "valid"


async def test_a_used_up_plan_is_429_and_not_asked_again_now() -> None:
    both = Both(problem(429, "too_many_requests"))
    error = await both.refused()
    assert (type(error), error.outcome, len(both.script.requests)) == (ProviderLimitError, Outcome.NOT_ACCEPTED, 1)


async def test_a_wrong_key_can_heal() -> None:
    assert isinstance(await Both(problem(401, "authentication_failed")).refused(), ProviderLimitError)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"errors":[{"id":"claimed_email","code":451}]}'])
async def test_whoever_objected_is_told_apart_whatever_the_body(body: bytes) -> None:
    both = Both(answer(451, body))
    error = await both.refused()
    assert (type(error), error.provider_code) == (ProviderRefusedError, PERSON_OBJECTED)
    assert len(both.script.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_wrong_question_is_refused_for_good(status: int) -> None:
    both = Both(problem(status, "wrong_params"))
    error = await both.refused()
    assert (type(error), error.provider_code, len(both.script.requests)) == (ProviderRefusedError, "wrong_params", 1)


@pytest.mark.parametrize("failure", [NoAnswerError("time-out"), NotSentError("refused"), problem(500, "internal")])
async def test_a_look_up_is_repeated_after_what_passes(failure: HttpResponse | Exception) -> None:
    both = Both(failure, VALID)
    assert (await both.verify()).units == HALF
    assert len(both.script.requests) == 2


async def test_a_time_out_that_does_not_pass_is_unknown() -> None:
    error = await Both(NoAnswerError("time-out")).refused()
    assert (type(error), error.outcome) == (ProviderUnknownError, Outcome.UNKNOWN)


@pytest.mark.parametrize("data", [None, {}, {"status": None}, {"status": ""}, []])
async def test_a_verification_without_a_status_is_charged_and_no_verdict(data: object) -> None:
    error = await Both(answer(200, {"data": data})).refused()
    assert (type(error), error.cost_units) == (ProviderAnswerError, HALF)


async def test_names_are_spelt_into_the_address_safely() -> None:
    both = Both(answer(200, {"data": None}))
    await both.client.find_email("company.example", "Zoë & Co", "O'Neil")
    assert both.script.requests[0].url == (
        "https://h.example/v2/email-finder?domain=company.example&first_name=Zo%C3%AB+%26+Co&last_name=O%27Neil"
        "&max_duration=10"
    )


async def test_the_api_key_shows_in_its_header_alone() -> None:
    both = Both(answer(400, {"errors": [{"id": f"x {KEY}", "details": f"key {KEY} is wrong"}]}))
    error = await both.refused()
    (request,) = both.script.requests
    assert request.headers["X-API-KEY"] == KEY
    assert KEY not in f"{error} {error!r} {error.__dict__} {request!r} {request.url} {both.client!r}"


async def test_an_answer_that_cannot_be_read_counts_as_paid() -> None:
    assert (await Both(answer(200, b"<html>")).refused()).cost_units == HALF
    with pytest.raises(ProviderAnswerError) as caught:
        await Both(answer(200, b"<html>")).find()
    assert caught.value.cost_units == Decimal(1)


SEARCH = DomainSearch("company.example")


def emails(count: int, **meta: object) -> HttpResponse:
    found = [{"value": f"jo{number}@company.example"} for number in range(count)]
    return answer(200, {"data": {"emails": found}, "meta": meta})


async def searched(response: HttpResponse, **page: int) -> DomainPage:
    return await Both(response).client.search_domain(SEARCH, **page)


async def test_a_domain_search_asks_by_the_published_names() -> None:
    both = Both(emails(0))
    search = DomainSearch("company.example", "personal", ("senior", "executive"), ("it", "hr"))
    await both.client.search_domain(search, limit=25, offset=50)
    assert both.script.requests[0].url == (
        "https://h.example/v2/domain-search?domain=company.example&type=personal&seniority=senior%2Cexecutive"
        "&department=it%2Chr&limit=25&offset=50"
    )


@pytest.mark.parametrize(("count", "cost"), [(0, 0), (1, 1), (10, 1), (11, 2), (52, 6), (100, 10)])
async def test_a_credit_shows_up_to_ten_emails_of_a_domain(count: int, cost: int) -> None:
    page = await searched(emails(count, results=count), limit=100)
    assert (len(page.emails), page.units) == (count, Decimal(cost))


@pytest.mark.parametrize(
    ("meta", "offset", "following"),
    [({"results": 9}, 0, 3), ({"results": 9}, 6, None), ({"results": None}, 0, None), ({}, 6, None)],
)
async def test_a_page_says_where_the_next_begins(meta: dict[str, object], offset: int, following: int | None) -> None:
    assert (await searched(emails(3, **meta), offset=offset)).next_offset == following


async def test_an_empty_page_is_the_last_whatever_the_total() -> None:
    assert (await searched(emails(0, results=50))).next_offset is None


async def test_an_email_of_a_domain_is_read_with_whatever_is_null() -> None:
    whole = {
        "value": "jo@company.example", "type": "personal", "confidence": "97", "first_name": "Jo", "last_name": None,
        "position": "CEO", "seniority": "executive", "department": "executive", "linkedin": "https://l.example/jo",
        "phone_number": None, "verification": {"status": "valid"},
    }  # fmt: skip
    bare = {"value": "info@company.example", "verification": None}
    body = {"data": {"emails": [whole, bare, {"value": None}, None, 7], "accept_all": None, "pattern": "{first}"}}
    page = await searched(answer(200, body))
    jo, info = page.emails
    assert (jo.email, jo.kind, jo.confidence, jo.first_name, jo.last_name) == (
        "jo@company.example", "personal", 97, "Jo", None,
    )  # fmt: skip
    assert (jo.verification, jo.linkedin_url, jo.position) == ("valid", "https://l.example/jo", "CEO")
    assert (info.kind, info.verification, page.accept_all, page.pattern) == (None, None, None, "{first}")


@pytest.mark.parametrize(
    ("response", "found"), [(problem(404, "not_found"), 0), (answer(200, {"data": {"emails": []}}), 0)]
)
async def test_a_domain_without_emails_costs_nothing(response: HttpResponse, found: int) -> None:
    page = await searched(response)
    assert (len(page.emails), page.total, page.units) == (found, found, NOTHING)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"emails": None}}, {"data": []}])
async def test_a_domain_search_without_a_list_counts_as_paid(body: object) -> None:
    with pytest.raises(ProviderAnswerError) as caught:
        await searched(answer(200, body), limit=25)
    assert caught.value.cost_units == Decimal(3)


async def test_a_404_of_another_server_says_nothing_of_the_domain() -> None:
    with pytest.raises(ProviderRefusedError):
        await searched(answer(404, b"<html>"))


@pytest.mark.parametrize("wrong", [{"kind": "private"}, {"seniorities": ("boss",)}, {"departments": ("it", "magic")}])
def test_a_search_that_hunter_does_not_publish_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        DomainSearch("company.example", **wrong)


@pytest.mark.parametrize("page", [{"limit": 0}, {"limit": 101}, {"offset": -1}])
async def test_a_page_that_cannot_be_had_is_not_asked_for(page: dict[str, int]) -> None:
    both = Both(emails(1))
    with pytest.raises(InvalidInputError):
        await both.client.search_domain(SEARCH, **page)
    assert both.script.requests == []


async def test_an_account_is_read_with_whatever_is_null() -> None:
    data = {"plan_name": "Growth", "reset_date": "2026-04-01", "requests": {"credits": {"used": 7.5, "available": 50}}}
    account = await Both(answer(200, {"data": data})).client.account()
    assert (account.plan, account.resets_on) == ("Growth", date(2026, 4, 1))
    assert (account.credits_used, account.credits_available) == (Decimal("7.5"), Decimal(50))
    bare = await Both(
        answer(200, {"data": {"plan_name": None, "requests": None, "email": "a@b.example"}})
    ).client.account()
    assert (bare.plan, bare.resets_on, bare.credits_used, bare.credits_available) == (None,) * 4


async def test_an_answer_without_an_account_is_no_result() -> None:
    with pytest.raises(ProviderAnswerError):
        await Both(answer(200, {"data": None})).client.account()
