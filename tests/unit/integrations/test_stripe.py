"""Stripe's client: forms and keys, subscriptions read, errors with their outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest

from agency_os.domain.subscription import SubscriptionStatus
from agency_os.exceptions import InvalidInputError, Outcome, ProviderAnswerError, ProviderError
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.stripe import Checkout, StripeClient, read_subscription
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import NoAnswerError
from agency_os.kit.retry import RateLimit
from tests.factories.calls.stripe import CHECKOUT
from tests.support.wire import Script, answer

PAGE = {"id": "cs_1", "object": "checkout.session", "url": "https://checkout.stripe.com/c/pay/cs_1"}
SUBSCRIPTION: dict[str, Any] = {
    "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", "created": 1_795_400_000,
    "cancel_at_period_end": True, "canceled_at": None, "ended_at": None, "metadata": {"client_id": str(UUID(int=7))},
    "items": {"data": [
        {"current_period_start": 1_795_400_000, "current_period_end": 1_798_000_000},
        {"current_period_start": 1_795_300_000, "current_period_end": 1_797_000_000},
    ]},
}  # fmt: skip


def client_of(script: Script) -> StripeClient:
    wall = FakeWallClock()
    rate = RateLimit(1000, wall)
    return StripeClient(Connection(script, "https://api.example/", "sk_test_key", rate, wall, Random(1)))  # noqa: S311


def error_of(code: str | None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"type": kind, "message": "No.", **({"code": code} if code else {})}}


async def test_a_checkout_is_a_form_that_names_the_client_three_times() -> None:
    script = Script(answer(200, PAGE))
    page = await client_of(script).create_checkout(CHECKOUT, key="checkout:1")
    (request,) = script.requests
    client_id = str(CHECKOUT.client_id)
    assert dict(parse_qsl(request.body.decode())) == {
        "mode": "subscription", "line_items[0][price]": "price_ignition", "line_items[0][quantity]": "1",
        "success_url": CHECKOUT.success_url, "cancel_url": CHECKOUT.cancel_url, "client_reference_id": client_id,
        "metadata[client_id]": client_id, "subscription_data[metadata][client_id]": client_id,
        "subscription_data[trial_period_days]": "14", "customer_email": "owner@agency.example",
    }  # fmt: skip
    assert (request.headers["Content-Type"], request.headers["Idempotency-Key"]) == (
        "application/x-www-form-urlencoded", "checkout:1",
    )  # fmt: skip
    assert request.headers["Stripe-Version"] == "2026-10-28.endive"
    assert (page.id, page.url) == (PAGE["id"], PAGE["url"])


async def test_a_known_customer_is_not_asked_for_an_address() -> None:
    script = Script(answer(200, PAGE))
    await client_of(script).create_checkout(replace(CHECKOUT, customer_id="cus_1", trial_days=0), key="k")
    form = dict(parse_qsl(script.requests[0].body.decode()))
    assert (form["customer"], "customer_email" in form, "subscription_data[trial_period_days]" in form) == (
        "cus_1", False, False,
    )  # fmt: skip


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel", "a\nb"])
async def test_a_key_that_stripe_would_not_take_is_never_sent(key: str) -> None:
    script = Script(answer(200, PAGE))
    with pytest.raises(InvalidInputError):
        await client_of(script).create_portal("cus_1", "https://app.example", key=key)
    assert script.requests == []


@pytest.mark.parametrize("days", [-1, 731])
async def test_a_trial_that_stripe_would_not_take_is_never_sent(days: int) -> None:
    script = Script(answer(200, PAGE))
    wrong: Checkout = replace(CHECKOUT, trial_days=days)
    with pytest.raises(InvalidInputError):
        await client_of(script).create_checkout(wrong, key="k")
    assert script.requests == []


@pytest.mark.parametrize("page", [{"id": "cs_1"}, {"url": "https://x.example"}, {"id": "cs_1", "url": None}])
async def test_a_page_without_id_or_address_is_accepted_and_unreadable(page: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerError) as caught:
        await client_of(Script(answer(200, page, request_id="req_1"))).create_checkout(CHECKOUT, key="k")
    assert (caught.value.outcome, caught.value.request_id) == (Outcome.ACCEPTED, "req_1")


async def test_a_subscription_is_read_with_the_period_of_its_items() -> None:
    found = await client_of(Script(answer(200, SUBSCRIPTION))).subscription("sub_1")
    assert found is not None
    assert (found.id, found.customer_id, found.state, found.client_id) == (
        "sub_1", "cus_1", SubscriptionStatus.ACTIVE, UUID(int=7),
    )  # fmt: skip
    assert (found.period_start, found.period_end) == (
        datetime.fromtimestamp(1_795_300_000, UTC), datetime.fromtimestamp(1_798_000_000, UTC),
    )  # fmt: skip
    assert (found.ends_with_period, found.ended_at) == (True, None)


@pytest.mark.parametrize("missing", ["id", "customer", "status", "created"])
async def test_a_subscription_without_what_places_it_is_unreadable(missing: str) -> None:
    shown = {name: value for name, value in SUBSCRIPTION.items() if name != missing}
    with pytest.raises(ProviderAnswerError):
        await client_of(Script(answer(200, shown))).subscription("sub_1")


@pytest.mark.parametrize(
    "change",
    [
        {"items": None, "metadata": None},
        {"items": {"data": [{"current_period_end": 10**30}, "x"]}, "metadata": {"client_id": "me"}},
        {"status": "frozen", "customer": {"id": "cus_1", "object": "customer"}},
    ],
)
def test_what_is_odd_in_a_subscription_is_left_out(change: dict[str, Any]) -> None:
    found = read_subscription(Fields({**SUBSCRIPTION, **change}))
    assert found is not None
    assert found.customer_id == "cus_1"
    if "status" in change:
        assert found.state is None
    else:
        assert (found.client_id, found.period_end) == (None, None)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("trialing", "trialing"), ("active", "active"), ("past_due", "past_due"), ("unpaid", "past_due"),
        ("paused", "paused"), ("canceled", "cancelled"), ("incomplete", None), ("incomplete_expired", None),
        ("something_new", None),
    ],
)  # fmt: skip
def test_every_status_has_its_state(status: str, state: str | None) -> None:
    found = read_subscription(Fields({**SUBSCRIPTION, "status": status}))
    assert found is not None
    assert found.state == state


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (409, error_of("idempotency_key_in_use", "idempotency_error"), Outcome.UNKNOWN, "idempotency_key_in_use"),
        (400, error_of(None, "idempotency_error"), Outcome.NOT_ACCEPTED, "idempotency_error"),
        (402, error_of("card_declined", "card_error"), Outcome.NOT_ACCEPTED, "card_declined"),
        (401, error_of(None), Outcome.NOT_ACCEPTED, "invalid_request_error"),
        (500, error_of(None, "api_error"), Outcome.UNKNOWN, "api_error"),
    ],
)
async def test_an_error_says_what_became_of_the_request(
    status: int, body: dict[str, Any], outcome: Outcome, code: str
) -> None:
    script = Script(answer(status, body))
    with pytest.raises(ProviderError) as caught:
        await client_of(script).create_checkout(CHECKOUT, key="k")
    assert (caught.value.outcome, caught.value.provider_code, len(script.requests)) == (outcome, code, 1)


async def test_no_answer_to_an_action_is_not_repeated_by_itself() -> None:
    script = Script(NoAnswerError("cut off"), answer(200, PAGE))
    with pytest.raises(ProviderError) as caught:
        await client_of(script).create_checkout(CHECKOUT, key="k")
    assert (caught.value.outcome, len(script.requests)) == (Outcome.UNKNOWN, 1)


async def test_too_fast_is_repeated_under_the_same_key() -> None:
    script = Script(answer(429, error_of("rate_limit")), answer(200, PAGE))
    await client_of(script).create_checkout(CHECKOUT, key="k")
    assert [request.headers["Idempotency-Key"] for request in script.requests] == ["k", "k"]


async def test_a_404_without_stripes_word_is_no_answer_about_a_subscription() -> None:
    with pytest.raises(ProviderError):
        await client_of(Script(answer(404, b"<html>"))).subscription("sub_1")
