"""Stripe's official SDK, pointed at the sandbox: it subscribes somebody, and believes the webhooks that follow."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import stripe

from agency_os_sandbox.providers.stripe_life import pays
from tests.factories.sandbox import SECRETS, SEED
from tests.integration.sandbox.conftest import Product, Served

LONG_AGO = 10**9
"""Seconds. The sandbox signs in virtual time, which may be far from the SDK's."""
WHO = next(f"agency-{number}" for number in range(100) if pays(SEED, f"agency-{number}"))


@pytest.fixture
def sdk(served: Served) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_sandbox", base_addresses={"api": f"{served.url}/stripe"}, max_network_retries=0
    )  # fmt: skip


async def subscribe(sdk: stripe.StripeClient, **params: Any) -> Any:
    asked: dict[str, Any] = {
        "mode": "subscription",
        "line_items": [{"price": "price_ignition", "quantity": 1}],
        "success_url": "https://app.example/done",
        "client_reference_id": WHO,
        "subscription_data": {"metadata": {"client_id": WHO}},
        **params,
    }
    create: Any = sdk.v1.checkout.sessions.create
    return await asyncio.to_thread(create, asked, {"idempotency_key": "checkout:1"})


async def test_the_official_sdk_subscribes_and_believes_the_webhooks(
    served: Served, product: Product, sdk: stripe.StripeClient
) -> None:
    session = await subscribe(sdk)
    assert (session.status, session.url.startswith("https://checkout.stripe.com/")) == ("open", True)
    await served.move("2026-03-01T23:00:00Z")
    await served.settled()
    found = {}
    for hook in product.to("/webhooks/stripe"):
        signature = hook.headers["stripe-signature"]
        event = sdk.construct_event(hook.body, signature, SECRETS.stripe_secret, LONG_AGO)
        found[event.type] = json.loads(hook.body)["data"]["object"]
        altered = hook.body.replace(b"agency", b"agenda")
        with pytest.raises(stripe.SignatureVerificationError):
            sdk.construct_event(altered, signature, SECRETS.stripe_secret, LONG_AGO)
    assert set(found) == {"checkout.session.completed", "customer.subscription.created", "invoice.paid"}
    subscription_id = found["checkout.session.completed"]["subscription"]
    subscription = await asyncio.to_thread(sdk.v1.subscriptions.retrieve, subscription_id)
    assert (subscription.status, subscription.metadata["client_id"]) == ("active", WHO)
    assert subscription["items"].data[0].current_period_end == found["invoice.paid"]["period_end"]
    cancelled = await asyncio.to_thread(sdk.v1.subscriptions.cancel, subscription.id)
    assert cancelled.status == "canceled"


async def test_the_official_sdk_understands_refusals(sdk: stripe.StripeClient) -> None:
    first = await subscribe(sdk)
    assert (await subscribe(sdk)).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        await subscribe(sdk, success_url="https://app.example/elsewhere")
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await asyncio.to_thread(sdk.v1.subscriptions.retrieve, "sub_none")
    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)


async def test_the_official_sdk_understands_faults(served: Served, sdk: stripe.StripeClient) -> None:
    await served.faults({"provider": "stripe", "operation": "checkout.create", "kind": "429", "nth": 1})
    with pytest.raises(stripe.RateLimitError):
        await subscribe(sdk)
    await served.faults({"provider": "stripe", "operation": "checkout.create", "kind": "500", "nth": 1})
    with pytest.raises(stripe.APIError):
        await subscribe(sdk)


async def test_webhooks_may_come_twice(served: Served, product: Product, sdk: stripe.StripeClient) -> None:
    await served.faults({"provider": "stripe", "operation": "invoice.paid", "kind": "duplicated"})
    await subscribe(sdk)
    await served.move("2026-03-01T23:00:00Z")
    await served.settled()
    kinds = [json.loads(hook.body)["type"] for hook in product.to("/webhooks/stripe")]
    assert (len(kinds), kinds.count("invoice.paid")) == (4, 2)
