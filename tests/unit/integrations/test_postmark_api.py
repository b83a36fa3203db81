"""Postmark's client: pages, details that stand for a webhook, and errors by Postmark's own codes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest

from agency_os.exceptions import InvalidInputError, Outcome, ProviderAnswerError, ProviderError, ProviderLimitError
from agency_os.integrations.postmark_api import PostmarkClient
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DAYS: dict[str, Any] = {"since": date(2026, 11, 22), "until": date(2026, 11, 24)}
MAIL = {"MessageID": "m-1", "From": "pat@company.example", "Status": "Processed", "TextBody": "Yes.", "Headers": []}


def client_of(script: Script) -> PostmarkClient:
    wall = FakeWallClock()
    return PostmarkClient(Connection(script, "https://p.example", "token-1", RateLimit(1000, wall), wall, Random(1)))  # noqa: S311


def page(total: object, *ids: object) -> dict[str, object]:
    return {"TotalCount": total, "InboundMessages": [{"MessageID": each, "Status": "Failed"} for each in ids]}


@pytest.mark.parametrize(
    ("total", "ids", "offset", "following"),
    [
        (2, ["a", "b"], 0, None), (5, ["a", "b"], 0, 2), (5, ["a"], 4, None), (5, [], 2, None), (3, ["a", None], 0, 2),
        (20_000, ["a"], 9_998, 9_999), (20_000, ["a", "b"], 9_998, None),
    ],
)  # fmt: skip
async def test_pages_follow_until_the_end_or_postmarks_depth(
    total: int, ids: list[str | None], offset: int, following: int | None
) -> None:
    script = Script(answer(200, page(total, *ids)))
    found = await client_of(script).search_inbound(**DAYS, offset=offset, count=2, status="failed")
    assert [each.message_id for each in found.found] == [each for each in ids if each]
    assert (found.total, found.next_offset) == (total, following)
    assert script.requests[0].url.endswith(
        f"?count=2&offset={offset}&fromdate=2026-11-22&todate=2026-11-24&status=failed"
    )


async def test_a_message_found_is_known_by_its_webhooks_id() -> None:
    found = await client_of(Script(answer(200, page(1, "m-1")))).search_inbound(**DAYS)
    details = await client_of(Script(answer(200, MAIL))).inbound("m-1", now=NOW)
    assert details is not None
    assert found.found[0].event_id == details.mail.event_id == "inbound:m-1"
    assert (details.mail.received_at, details.mail.text, details.status) == (NOW, "Yes.", "processed")
    assert found.found[0].status == "failed"


@pytest.mark.parametrize(("count", "offset"), [(0, 0), (501, 0), (1, -1), (500, 9_501)])
async def test_a_page_that_postmark_does_not_give_out_is_never_asked_for(count: int, offset: int) -> None:
    script = Script(answer(200, page(0)))
    with pytest.raises(InvalidInputError):
        await client_of(script).search_inbound(**DAYS, count=count, offset=offset)
    assert script.requests == []


@pytest.mark.parametrize("body", [{}, {"TotalCount": "many", "InboundMessages": []}, {"TotalCount": 1}])
async def test_a_page_without_its_list_is_unreadable(body: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerError):
        await client_of(Script(answer(200, body))).search_inbound(**DAYS)


@pytest.mark.parametrize("missing", ["MessageID", "From"])
async def test_details_without_sender_or_id_are_unreadable(missing: str) -> None:
    shown = {name: value for name, value in MAIL.items() if name != missing}
    with pytest.raises(ProviderAnswerError):
        await client_of(Script(answer(200, shown))).inbound("m-1", now=NOW)


async def test_a_message_that_is_not_there_is_none() -> None:
    gone = answer(422, {"ErrorCode": 701, "Message": "This message was not found."})
    assert await client_of(Script(gone)).inbound("m-1", now=NOW) is None
    with pytest.raises(ProviderError):
        await client_of(Script(answer(422, {"ErrorCode": 700, "Message": "No."}))).inbound("m-1", now=NOW)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [(422, 703, Outcome.NOT_ACCEPTED), (500, 0, Outcome.UNKNOWN), (503, 100, Outcome.NOT_ACCEPTED)],
)
async def test_an_error_says_what_became_of_a_retry(status: int, code: int, outcome: Outcome) -> None:
    script = Script(answer(status, {"ErrorCode": code, "Message": "No."}))
    with pytest.raises(ProviderError) as caught:
        await client_of(script).retry_inbound("m-1")
    assert (caught.value.outcome, caught.value.provider_code, len(script.requests)) == (outcome, str(code), 1)


@pytest.mark.parametrize("body", [{"ErrorCode": 701, "Message": "No."}, {"Message": "OK"}])
async def test_a_retry_counts_only_when_postmark_says_so(body: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerError):
        await client_of(Script(answer(200, body))).retry_inbound("m-1")


async def test_a_wrong_token_is_the_operators() -> None:
    words = {"ErrorCode": 10, "Message": "Bad token token-1."}
    with pytest.raises(ProviderLimitError) as caught:
        await client_of(Script(answer(401, words))).search_inbound(**DAYS)
    assert "token-1" not in str(caught.value)
