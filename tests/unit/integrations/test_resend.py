"""Resend's client over a scripted transport: what each failure says of an email's fate, and every webhook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.mail_transport import MailEventKind, OutgoingEmail
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.resend import ResendClient, parse_event
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.factories.json_values import any_json
from tests.support.wire import Script, answer

KEY = "re_live_0123456789abcdef"
EMAIL = OutgoingEmail("ada@agency.example", "jo@company.example", "Hi", "Hello", tags={"touch": "t-1"})
ACCEPTED = answer(200, {"id": "e-1"})


class Both:
    """A client, what answers it and the wall clock of both."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, self.wall)
        self.client = ResendClient(Connection(self.script, "https://r.example/", KEY, rate, self.wall, Random(1)))  # noqa: S311

    async def refused(self) -> ProviderError:
        """The error of sending."""
        with pytest.raises(ProviderError) as caught:
            await self.client.send(EMAIL, key="k")
        return caught.value


def problem(status: int, name: str, **headers: str) -> HttpResponse:
    return answer(status, {"statusCode": status, "name": name, "message": "words"}, **headers)


async def test_a_time_out_after_sending_is_unknown_and_not_repeated() -> None:
    both = Both(NoAnswerError("time-out"))
    error = await both.refused()
    assert (type(error), error.outcome) == (ProviderUnknownError, Outcome.UNKNOWN)
    assert len(both.script.requests) == 1


async def test_a_refused_connection_is_repeated_and_then_not_accepted() -> None:
    both = Both(NotSentError("refused"))
    error = await both.refused()
    assert (type(error), error.outcome) == (ProviderLimitError, Outcome.NOT_ACCEPTED)
    assert len(both.script.requests) == 4


async def test_a_connection_that_comes_back_sends_once() -> None:
    both = Both(NotSentError("refused"), ACCEPTED)
    assert (await both.client.send(EMAIL, key="k")).ids == ("e-1",)
    assert len(both.script.requests) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_error_leaves_it_unknown_and_is_not_repeated(status: int) -> None:
    both = Both(problem(status, "internal_server_error"))
    assert (await both.refused()).outcome is Outcome.UNKNOWN
    assert len(both.script.requests) == 1


async def test_a_repeat_has_the_same_key_and_the_same_bytes() -> None:
    both = Both(problem(429, "rate_limit_exceeded"), ACCEPTED)
    await both.client.send(EMAIL, key="touch:1")
    first, second = both.script.requests
    assert first.body == second.body
    assert [each.headers["Idempotency-Key"] for each in (first, second)] == ["touch:1"] * 2


async def test_retry_after_is_waited_for() -> None:
    both = Both(problem(429, "rate_limit_exceeded", retry_after="3"), ACCEPTED)
    await both.client.send(EMAIL, key="k")
    assert sum(both.wall.sleeps) == pytest.approx(3)


async def test_a_longer_wait_than_a_lease_bears_is_the_callers() -> None:
    both = Both(problem(429, "rate_limit_exceeded", retry_after="600"))
    error = await both.refused()
    assert (type(error), error.retry_after) == (ProviderLimitError, 600)
    assert both.wall.sleeps == []


@pytest.mark.parametrize("name", ["daily_quota_exceeded", "monthly_quota_exceeded"])
async def test_a_used_up_quota_heals_later_and_is_not_repeated_now(name: str) -> None:
    both = Both(problem(429, name))
    error = await both.refused()
    assert (type(error), error.provider_code) == (ProviderLimitError, name)
    assert len(both.script.requests) == 1


async def test_another_request_in_progress_under_the_key_is_unknown() -> None:
    error = await Both(problem(409, "concurrent_idempotent_requests")).refused()
    assert error.outcome is Outcome.UNKNOWN


async def test_the_key_with_another_payload_is_refused() -> None:
    error = await Both(problem(409, "invalid_idempotent_request")).refused()
    assert (type(error), error.outcome) == (ProviderRefusedError, Outcome.NOT_ACCEPTED)


@pytest.mark.parametrize(
    ("status", "name"), [(401, "missing_api_key"), (401, "restricted_api_key"), (403, "invalid_api_key")]
)
async def test_a_wrong_key_of_ours_can_heal(status: int, name: str) -> None:
    assert isinstance(await Both(problem(status, name)).refused(), ProviderLimitError)


@pytest.mark.parametrize(
    ("status", "name"), [(400, "validation_error"), (422, "missing_required_field"), (451, "security_error")]
)
async def test_a_message_that_is_wrong_is_refused_for_good(status: int, name: str) -> None:
    error = await Both(problem(status, name)).refused()
    assert (type(error), error.http_status, error.cost_units) == (ProviderRefusedError, status, Decimal(0))


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"\xff", b'{"a":'])
async def test_an_error_without_json_still_says_its_status(body: bytes) -> None:
    error = await Both(answer(400, body)).refused()
    assert (error.http_status, error.provider_code) == (400, None)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"id":null}', b'{"id":""}'])
async def test_an_accepted_email_without_an_id_counts_as_accepted_and_costs(body: bytes) -> None:
    error = await Both(answer(200, body)).refused()
    assert (type(error), error.outcome, error.cost_units) == (ProviderAnswerError, Outcome.ACCEPTED, Decimal(1))


@pytest.mark.parametrize("data", [[], [{"id": "e-1"}], [{"id": "e-1"}, {}], [{"id": "e-1"}, None], None])
async def test_a_batch_with_another_number_of_ids_counts_as_accepted_whole(data: object) -> None:
    both = Both(answer(200, {"data": data}))
    with pytest.raises(ProviderAnswerError) as caught:
        await both.client.send_batch([EMAIL, EMAIL], key="k")
    assert (caught.value.outcome, caught.value.cost_units) == (Outcome.ACCEPTED, Decimal(2))


async def test_a_batch_is_all_or_nothing_in_the_order_given() -> None:
    both = Both(answer(200, {"data": [{"id": "e-1"}, {"id": "e-2"}]}))
    result = await both.client.send_batch([EMAIL, EMAIL], key="k")
    assert (result.ids, result.units) == (("e-1", "e-2"), Decimal(2))
    assert both.script.requests[0].headers["x-batch-validation"] == "strict"


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_of_a_wrong_size_never_leaves(count: int) -> None:
    both = Both(ACCEPTED)
    with pytest.raises(InvalidInputError, match="1 to 100"):
        await both.client.send_batch([EMAIL] * count, key="k")
    assert both.script.requests == []


@pytest.mark.parametrize("key", ["", "k" * 257, "k\n", "schlüssel"])
async def test_an_unusable_key_never_leaves(key: str) -> None:
    both = Both(ACCEPTED)
    with pytest.raises(InvalidInputError, match="idempotency key"):
        await both.client.send(EMAIL, key=key)
    assert both.script.requests == []


@pytest.mark.parametrize("tags", [{"a b": "c"}, {"a": "b c"}, {"a": ""}, {"ä": "b"}, {"a": "b\n"}, {"a": "b" * 257}])
async def test_a_tag_that_resend_refuses_never_leaves(tags: Mapping[str, str]) -> None:
    both = Both(ACCEPTED)
    with pytest.raises(InvalidInputError, match="tags"):
        await both.client.send(OutgoingEmail("a@b.example", "c@d.example", "s", "t", tags=tags), key="k")
    assert both.script.requests == []


async def test_the_api_key_stands_in_its_header_alone() -> None:
    both = Both(ACCEPTED)
    await both.client.send(EMAIL, key="k")
    (request,) = both.script.requests
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in request.url + request.body.decode() + repr(request)


@pytest.mark.parametrize("field", ["name", "message"])
async def test_an_api_key_that_a_provider_says_back_shows_nowhere(field: str) -> None:
    both = Both(answer(400, {"name": "validation_error", "message": "no", field: f"bad key {KEY}"}))
    error = await both.refused()
    assert KEY not in f"{error} {error!r} {error.__dict__} {both.client!r}"


async def test_an_error_is_short_whatever_the_provider_says() -> None:
    error = await Both(answer(400, {"name": "n" * 5000, "message": "m" * 5000})).refused()
    assert len(str(error)) < 500


async def test_a_message_id_is_none_while_the_email_is_not_visible() -> None:
    assert await Both(problem(404, "not_found")).client.message_id("e-1") is None
    assert await Both(answer(200, {"id": "e-1", "message_id": None})).client.message_id("e-1") is None


async def test_a_look_up_is_repeated_after_a_time_out_and_a_server_error() -> None:
    both = Both(NoAnswerError("time-out"), problem(500, "x"), answer(200, {"message_id": "<m@r.example>"}))
    assert await both.client.message_id("a/../b?c") == "<m@r.example>"
    assert both.script.requests[0].url == "https://r.example/emails/a%2F..%2Fb%3Fc"


async def test_recent_emails_without_an_id_or_a_time_are_left_out() -> None:
    entry = {"id": "e-1", "to": ["jo@company.example"], "subject": " Hi ", "created_at": "2026-03-02 01:02:03.5+00"}
    both = Both(answer(200, {"data": [entry, {**entry, "id": None}, {**entry, "created_at": "soon"}, 7, None]}))
    (email,) = await both.client.list_recent(limit=1000, after="e 0")
    assert (email.id, email.to, email.subject) == ("e-1", ("jo@company.example",), " Hi ")
    assert both.script.requests[0].url.endswith("/emails?limit=100&after=e+0")


def event(kind: str, **extra: Any) -> bytes:
    data = {"email_id": "e-1", "to": ["jo@company.example"], "tags": {"touch": "t-1"}, **extra}
    return json.dumps({"type": kind, "created_at": "2026-03-02T01:02:03.000Z", "data": data}).encode()


@pytest.mark.parametrize(
    "kind",
    [
        "sent", "scheduled", "delivered", "bounced", "complained", "opened", "clicked", "failed", "suppressed",
        "received",
    ],
)  # fmt: skip
def test_each_event_is_of_its_kind_with_what_names_the_touch(kind: str) -> None:
    found = parse_event(event(f"email.{kind}"), "msg_1")
    assert (found.kind, found.event_id, found.tags) == (MailEventKind(kind), "msg_1", {"touch": "t-1"})
    assert (found.provider_message_id, found.recipient) == ("e-1", "jo@company.example")
    assert found.occurred_at == datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)


def test_a_delay_and_what_we_do_not_know_have_kinds_too() -> None:
    assert parse_event(event("email.delivery_delayed")).kind is MailEventKind.DELAYED
    assert parse_event(event("domain.updated")).kind is MailEventKind.OTHER


@pytest.mark.parametrize(
    "body",
    [
        event("email.suppressed", suppressed={"message": "on the list", "type": "OnAccountSuppressionList"}),
        event("email.bounced", bounce={"type": "Permanent", "subType": "Suppressed", "message": "on the list"}),
        event("email.bounced", bounce={"type": "Transient", "subType": "Suppressed", "message": "on the list"}),
    ],
    ids=["as an event", "as a bounce", "as a passing bounce"],
)
def test_a_suppressed_recipient_is_known_in_either_shape(body: bytes) -> None:
    found = parse_event(body)
    assert (found.kind, found.hard) == (MailEventKind.SUPPRESSED, True)
    assert "on the list" in found.detail


@pytest.mark.parametrize(("kind", "hard"), [("Permanent", True), ("Transient", False), ("Undetermined", False)])
def test_only_a_permanent_bounce_is_hard(kind: str, hard: bool) -> None:
    found = parse_event(event("email.bounced", bounce={"type": kind, "subType": "General", "message": "550"}))
    assert (found.kind, found.hard) == (MailEventKind.BOUNCED, hard)


@pytest.mark.parametrize("tags", [{"touch": "t-1"}, [{"name": "touch", "value": "t-1"}], [{"name": "touch"}, 7, None]])
def test_tags_are_read_as_an_object_or_as_a_list(tags: object) -> None:
    expected = {"touch": "t-1"} if "t-1" in str(tags) else {}
    assert parse_event(event("email.sent", tags=tags)).tags == expected


def test_without_an_id_equal_bytes_are_one_event() -> None:
    one, other = event("email.sent"), event("email.opened")
    assert parse_event(one).event_id == parse_event(one).event_id != parse_event(other).event_id


def test_an_event_full_of_nulls_is_still_an_event() -> None:
    found = parse_event(b'{"type": "email.bounced", "created_at": null, "data": null}')
    assert (found.kind, found.hard, found.recipient, found.occurred_at) == (MailEventKind.BOUNCED, False, None, None)


@given(st.binary(max_size=200))
def test_bytes_from_anybody_are_an_event_or_refused(body: bytes) -> None:
    assert _identity_or_refusal(body)


@given(any_json("type", "data", "bounce", "tags", "to", "created_at", "subType"))
def test_json_from_anybody_is_an_event_or_refused(value: object) -> None:
    assert _identity_or_refusal(json.dumps(value).encode())
    assert _identity_or_refusal(json.dumps({"type": "email.bounced", "data": value}).encode())


def _identity_or_refusal(body: bytes) -> str:
    try:
        return parse_event(body).event_id
    except InvalidInputError as error:
        return str(error)
