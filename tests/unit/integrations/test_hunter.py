"""Hunter's client over a scripted transport: its own meaning of 202, 222, 403, 404, 429 and 451, and what it costs."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from urllib.parse import parse_qs, urlsplit

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
from agency_os.integrations.hunter import PERSON_OBJECTED, HunterClient, HunterEmail
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.factories.json_values import any_json
from tests.support.wire import Script, answer

KEY = "hunter_0123456789abcdef"
FOUND = answer(200, {"data": {"email": "jo@company.example", "score": 92, "verification": {"status": "valid"}}})
VALID = answer(200, {"data": {"email": "jo@company.example", "score": 98, "status": "valid"}})


class Both:
    """A client and what answers it."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, self.wall)
        self.client = HunterClient(self.script, "https://h.example/v2", KEY, rate, self.wall, Random(1))  # noqa: S311

    async def find(self) -> HunterEmail:
        """Look one person up."""
        return await self.client.find_email("company.example", "Jo", "Lee & Co")

    async def refused(self) -> ProviderError:
        """The error of one verification."""
        with pytest.raises(ProviderError) as caught:
            await self.client.verify_email("jo@company.example")
        return caught.value


def problem(status: int, name: str = "x", details: str = "words") -> HttpResponse:
    return answer(status, {"errors": [{"id": name, "code": status, "details": details}]})


async def test_an_email_found_costs_a_credit() -> None:
    found = await Both(FOUND).find()
    assert (found.email, found.score, found.verification) == ("jo@company.example", 92, "valid")
    assert found.units == Decimal(1)


async def test_the_person_is_asked_for_by_an_escaped_query() -> None:
    both = Both(FOUND)
    await both.find()
    query = parse_qs(urlsplit(both.script.requests[0].url).query)
    assert (query["domain"], query["last_name"]) == (["company.example"], ["Lee & Co"])


@pytest.mark.parametrize("data", [{"email": None, "score": None, "verification": None}, {}, None])
async def test_nulls_are_nobody_and_cost_nothing(data: object) -> None:
    found = await Both(answer(200, {"data": data})).find()
    assert (found.email, found.score, found.verification, found.units) == (None, None, None, Decimal(0))


async def test_a_domain_that_hunter_does_not_know_is_nobody_and_costs_nothing() -> None:
    found = await Both(problem(404, "not_found")).find()
    assert (found.email, found.units) == (None, Decimal(0))


async def test_a_verdict_costs_half_a_credit() -> None:
    verdict = await Both(VALID).client.verify_email("jo@company.example")
    assert (verdict.verification, verdict.units) == ("valid", Decimal("0.5"))


async def test_still_working_is_asked_again() -> None:
    both = Both(answer(202, {"data": None}), answer(202, {"data": None}), VALID)
    assert (await both.client.verify_email("jo@company.example")).verification == "valid"
    assert len(both.script.requests) == 3


async def test_working_without_end_is_no_verdict_and_costs_nothing() -> None:
    both = Both(answer(202, {"data": None}))
    error = await both.refused()
    assert (type(error), error.http_status, error.cost_units) == (ProviderLimitError, 202, Decimal(0))
    assert len(both.script.requests) == 4


async def test_no_verdict_can_heal_later_and_is_not_asked_again_now() -> None:
    both = Both(problem(222, "smtp_error"))
    error = await both.refused()
    assert (type(error), error.http_status) == (ProviderLimitError, 222)
    assert len(both.script.requests) == 1


async def test_too_fast_is_asked_again() -> None:
    both = Both(problem(403, "too_many_requests"), VALID)
    await both.client.verify_email("jo@company.example")
    assert len(both.wall.sleeps) > 0


async def test_a_used_up_plan_heals_later_and_is_not_asked_again_now() -> None:
    both = Both(problem(429, "too_many_requests"))
    error = await both.refused()
    assert (type(error), error.outcome, error.cost_units) == (ProviderLimitError, Outcome.NOT_ACCEPTED, Decimal(0))
    assert len(both.script.requests) == 1


async def test_a_wrong_key_of_ours_can_heal() -> None:
    assert isinstance(await Both(problem(401, "authentication_failed")).refused(), ProviderLimitError)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"errors": [{"id": "claimed_email"}]}', b'{"errors": null}'])
async def test_whoever_objected_is_known_by_the_status_whatever_the_body(body: bytes) -> None:
    both = Both(answer(451, body))
    error = await both.refused()
    assert (type(error), error.provider_code) == (ProviderRefusedError, PERSON_OBJECTED)
    assert len(both.script.requests) == 1


async def test_a_malformed_look_up_is_refused_for_good() -> None:
    error = await Both(problem(400, "wrong_params")).refused()
    assert (type(error), error.provider_code) == (ProviderRefusedError, "wrong_params")


async def test_an_unknown_address_to_verify_is_an_error_and_not_nobody() -> None:
    assert isinstance(await Both(problem(404, "not_found")).refused(), ProviderRefusedError)


async def test_a_look_up_is_asked_again_after_an_outage_within_bounds() -> None:
    both = Both(NoAnswerError("time-out"))
    assert isinstance(await both.refused(), ProviderUnknownError)
    assert len(both.script.requests) == 4


async def test_an_outage_that_passes_is_not_noticed() -> None:
    both = Both(NotSentError("refused"), problem(500), VALID)
    assert (await both.client.verify_email("jo@company.example")).verification == "valid"


@pytest.mark.parametrize("body", [b"{}", b'{"data": null}', b'{"data": {"status": null}}'])
async def test_a_verification_without_a_verdict_counts_as_paid(body: bytes) -> None:
    error = await Both(answer(200, body)).refused()
    assert (type(error), error.cost_units) == (ProviderAnswerError, Decimal("0.5"))


async def test_the_api_key_stands_in_its_header_alone_and_is_never_said_back() -> None:
    both = Both(problem(401, "authentication_failed", f"No user for {KEY}"))
    error = await both.refused()
    (request,) = both.script.requests
    assert request.headers["X-API-KEY"] == KEY
    assert KEY not in f"{error} {error!r} {both.client!r} {request!r} {request.url}"


@given(any_json("email", "score", "verification", "status", "position", "phone_number"))
async def test_a_finding_of_any_shape_is_read(data: object) -> None:
    found = await Both(answer(200, {"data": data})).find()
    assert found.units == (Decimal(1) if found.email else Decimal(0))


@given(st.sampled_from([200, 202, 222, 400, 403, 429, 451, 500]), st.binary(max_size=60))
async def test_bytes_in_any_answer_are_a_providers_error(status: int, body: bytes) -> None:
    assert (await Both(answer(status, body)).refused()).provider == "hunter"


async def test_an_unreadable_answer_counts_as_paid() -> None:
    assert (await Both(answer(200, b"<html>")).refused()).cost_units == Decimal("0.5")
    with pytest.raises(ProviderAnswerError) as caught:
        await Both(answer(200, b"<html>")).find()
    assert caught.value.cost_units == Decimal(1)
