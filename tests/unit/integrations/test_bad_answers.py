"""Every call of every provider's client against answers that no provider publishes: a typed error, and no crash.

The error names provider, operation and the request as the provider knows it, and says what became of the request.
"""

from __future__ import annotations

from random import Random

import pytest

from agency_os.exceptions import Outcome, ProviderError
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.factories.calls import ProviderCall, every_call
from tests.support.wire import Script, answer

KEY = "secret_key_0123456789"
REQUEST_ID = "req-1"
_IDS = dict.fromkeys(("x_request_id", "request_id", "twilio_request_id", "dg_request_id", "requestid"), REQUEST_ID)
HTML = b"<!doctype html><html><body><h1>Bad gateway</h1></body></html>"
UNREADABLE = {"no JSON": b'{"data": [', "a page": HTML, "a list": b"[[[[", "not UTF-8": b"\xff\xfe\x00"}
REFUSALS = {
    "a page instead of an error": answer(502, HTML, content_type="text/html", **_IDS),
    "a redirect": answer(302, b"", location="https://elsewhere.example/", **_IDS),
    "an error without words": answer(400, b"", **_IDS),
    "an error of another shape": answer(422, ["no", {"such": "thing"}], **_IDS),
}
CALLS = [pytest.param(each, id=each.name) for each in every_call()]
CALLS_THAT_ANSWER = [pytest.param(each, id=each.name) for each in every_call() if not each.empty_is_fine]


async def fault_of(each: ProviderCall, *answers: HttpResponse | Exception) -> ProviderError:
    """The error of one call."""
    wall = FakeWallClock()
    script = Script(*answers)
    connection = Connection(script, "https://p.example", KEY, RateLimit(1000, wall), wall, Random(1))  # noqa: S311
    with pytest.raises(ProviderError) as caught:
        await each.call(connection)
    error = caught.value
    assert (error.provider, error.operation) == (each.provider, each.operation)
    assert KEY not in f"{error} {error!r} {error.__dict__} {connection!r}"
    return error


@pytest.mark.parametrize("each", CALLS)
@pytest.mark.parametrize("body", UNREADABLE)
async def test_an_accepted_request_with_an_unreadable_answer_is_said_to_be_accepted(
    each: ProviderCall, body: str
) -> None:
    error = await fault_of(each, answer(200, UNREADABLE[body], content_type="text/html", **_IDS))
    assert (error.outcome, error.request_id) == (Outcome.ACCEPTED, REQUEST_ID)


@pytest.mark.parametrize("each", CALLS_THAT_ANSWER)
async def test_an_empty_answer_is_no_result(each: ProviderCall) -> None:
    error = await fault_of(each, answer(200, b"", **_IDS))
    assert (error.outcome, error.request_id) == (Outcome.ACCEPTED, REQUEST_ID)


@pytest.mark.parametrize("each", CALLS)
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_in_any_shape_names_its_request(each: ProviderCall, refusal: str) -> None:
    error = await fault_of(each, REFUSALS[refusal])
    assert (error.http_status, error.request_id) == (REFUSALS[refusal].status, REQUEST_ID)


@pytest.mark.parametrize("each", CALLS)
async def test_no_connection_means_that_nothing_was_accepted(each: ProviderCall) -> None:
    assert (await fault_of(each, NotSentError("refused"))).outcome is Outcome.NOT_ACCEPTED


@pytest.mark.parametrize("each", CALLS)
async def test_no_answer_leaves_the_outcome_unknown(each: ProviderCall) -> None:
    assert (await fault_of(each, NoAnswerError("cut off, or over 10 MB"))).outcome is Outcome.UNKNOWN
