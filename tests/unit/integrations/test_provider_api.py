"""The shared client: which error an answer becomes, what is repeated, how fast, and that keys show nowhere."""

from __future__ import annotations

from random import Random

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, ProviderRefusedError, ProviderUnknownError
from agency_os.integrations.provider_api import NOT_SENT, Connection, Dialect, Problem, ProviderApi
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import USER_AGENT, HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit, RetryPolicy
from tests.support.wire import Script, answer

KEY = "key_0123456789"
DIALECT = Dialect(
    "acme",
    lambda response: Problem(response.headers.get("code"), response.body.decode()),
    kinds={"mended": ProviderLimitError, 418: ProviderLimitError, 202: ProviderLimitError},
    passing=frozenset({202, "slow"}),
)


class Both:
    """The client, what answers it, and its wall clock."""

    def __init__(self, *answers: HttpResponse | Exception, per_second: float = 1000) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(per_second, self.wall)
        connection = Connection(self.script, "https://x.example/v1/", KEY, rate, self.wall, Random(1))  # noqa: S311
        policy = RetryPolicy(attempts=3, first_wait=1.0, longest_wait=5.0)
        self.api = ProviderApi(connection, DIALECT, {"X-Key": KEY}, policy=policy)

    async def refused(self, method: str = "POST") -> ProviderError:
        """The error of one call."""
        with pytest.raises(ProviderError) as caught:
            await (self.api.act("op", "/a", b"{}") if method == "POST" else self.api.look_up("op", "/a"))
        return caught.value


@pytest.mark.parametrize(
    ("status", "code", "is_action", "kind"),
    [
        (500, None, True, ProviderUnknownError),
        (503, None, False, ProviderLimitError),
        (429, None, True, ProviderLimitError),
        (408, None, True, ProviderLimitError),
        (425, None, True, ProviderLimitError),
        (400, None, True, ProviderRefusedError),
        (302, None, True, ProviderRefusedError),
        (400, "mended", True, ProviderLimitError),
        (418, "unheard", True, ProviderLimitError),
    ],
)
def test_an_answers_code_comes_before_its_status_and_that_before_the_general_rule(
    status: int, code: str | None, is_action: bool, kind: type[ProviderError]
) -> None:
    assert DIALECT.kind_of(status, code, is_action=is_action) is kind


async def test_an_action_is_repeated_only_where_nothing_was_done() -> None:
    assert [
        await _requests_of(answer(500), "POST"),
        await _requests_of(answer(429), "POST"),
        await _requests_of(answer(400, code="slow"), "POST"),
        await _requests_of(NotSentError("refused"), "POST"),
    ] == [1, 1, 3, 3]


async def test_a_look_up_is_repeated_after_an_outage_and_not_after_a_refusal() -> None:
    assert [await _requests_of(answer(status), "GET") for status in (500, 202, 404, 429)] == [3, 3, 1, 1]


async def test_no_connection_has_a_code_of_its_own() -> None:
    assert (await Both(NotSentError("refused")).refused()).provider_code == NOT_SENT


async def test_a_redirect_is_never_followed() -> None:
    both = Both(answer(302, b"", location="https://evil.example/"))
    assert (await both.refused()).http_status == 302
    assert len(both.script.requests) == 1


async def test_waits_grow_with_jitter_up_to_their_bound() -> None:
    both = Both(NotSentError("refused"))
    await both.refused()
    first, second = both.wall.sleeps
    assert 0.5 <= first <= 1.0 <= second <= 2.0


async def test_a_pause_that_was_asked_for_holds_for_the_next_call_as_well() -> None:
    both = Both(answer(429, b"", retry_after="4"), answer(200, {}))
    await both.refused()
    await both.api.act("op", "/a", b"{}")
    assert sum(both.wall.sleeps) == pytest.approx(4)


async def test_requests_leave_no_faster_than_the_rate() -> None:
    both = Both(answer(200, {}), per_second=2)
    for _ in range(5):
        await both.api.look_up("op", "/a")
    assert both.wall.monotonic() == pytest.approx(2.0)


async def test_every_request_names_us_and_carries_the_key_in_its_header_alone() -> None:
    both = Both(answer(200, {}))
    await both.api.act("op", "/a", b"{}", query={"q": "a b"}, headers={"More": "x"})
    (request,) = both.script.requests
    assert (request.headers["User-Agent"], request.headers["X-Key"]) == (USER_AGENT, KEY)
    assert (request.url, request.headers["More"]) == ("https://x.example/v1/a?q=a+b", "x")


async def test_a_key_that_is_said_back_shows_nowhere() -> None:
    both = Both(answer(400, f"your key {KEY} is bad".encode(), x_request_id="r-1"))
    error = await both.refused()
    assert KEY not in f"{error} {error!r} {error.__dict__} {both.api!r} {both.script.requests[0]!r}"
    assert (error.request_id, error.provider, error.operation) == ("r-1", "acme", "op")


async def _requests_of(found: HttpResponse | Exception, method: str) -> int:
    both = Both(found)
    await both.refused(method)
    return len(both.script.requests)


@pytest.mark.parametrize("first", [answer(500), NoAnswerError("cut off")])
async def test_a_refusal_after_a_try_that_may_have_arrived_proves_nothing(
    first: HttpResponse | Exception,
) -> None:
    error = await Both(first, answer(400, code="bad")).refused("GET")
    assert (error.outcome, error.http_status, error.provider_code) == (Outcome.UNKNOWN, 400, "bad")


async def test_what_is_not_there_is_not_there_whatever_came_before() -> None:
    assert (await Both(answer(500), answer(404)).refused("GET")).outcome is Outcome.NOT_ACCEPTED
