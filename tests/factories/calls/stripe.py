"""Stripe's calls."""

from __future__ import annotations

from uuid import UUID

from agency_os.integrations.stripe import Checkout, StripeClient
from tests.factories.calls import Calls

CHECKOUT = Checkout(
    client_id=UUID("0198c0de-0000-7000-8000-000000000001"),
    price_id="price_ignition",
    success_url="https://app.example/billing?done=1",
    cancel_url="https://app.example/billing",
    email="owner@agency.example",
    trial_days=14,
)

CALLS: Calls = {
    "subscription": lambda connection: StripeClient(connection).subscription("sub_1"),
    "create_checkout": lambda connection: StripeClient(connection).create_checkout(CHECKOUT, key="checkout:1"),
    "create_portal": lambda connection: StripeClient(connection).create_portal(
        "cus_1", "https://app.example/billing", key="portal:1"
    ),
}
