"""Hunter's client over a scripted transport: its odd codes, what a look-up costs, whom never to ask again."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from agency_os.exceptions import (
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.hunter import PERSON_OBJECTED, HunterClient, HunterEmail
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
