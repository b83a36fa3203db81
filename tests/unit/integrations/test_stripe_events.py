"""Stripe's webhooks: signatures at their edges, events read as far as they go."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from agency_os.exceptions import InvalidInputError, SignatureError
from agency_os.integrations.stripe_events import BillingEventKind, parse_event, verify, webhooks
from agency_os.integrations.webhook import Webhook

SECRET = "whsec_secret"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"id":"evt_1","object":"event"}'
CLIENT = UUID(int=7)


def signature(body: bytes = BODY, stamp: str = STAMP, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def event(kind: str, about: object, **envelope: Any) -> bytes:
    data = {"object": about, **envelope.pop("data", {})}
    return json.dumps({"id": "evt_1", "type": kind, "created": 1_795_400_000, "data": data, **envelope}).encode()


SUBSCRIPTION = {
    "id": "sub_1", "customer": "cus_1", "status": "past_due", "created": 1_795_300_000,
    "metadata": {"client_id": str(CLIENT)},
}  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        f"t={STAMP},v1={signature()}",
        f"v1={signature()},t={STAMP}",
        f"t={STAMP}, v1={'0' * 64}, v1={signature()}",
        f"t={STAMP},v1={signature()},v0={'1' * 64}",
    ],
)
def test_any_v1_may_match(header: str) -> None:
    verify(BODY, {"STRIPE-SIGNATURE": header}, SECRET, NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"t={STAMP}",
        f"v1={signature()}",
        f"t=soon,v1={signature(stamp='soon')}",
        f"t=-1,v1={signature(stamp='-1')}",
        f"t={'9' * 400},v1={signature()}",
        f"t={STAMP},v0={signature()}",
        f"t={STAMP},v1={signature(secret='secret')}",
        f"t={STAMP},v1=\udce9",
        f"t={STAMP},v1={signature()[:-1]}",
        ",=,;",
    ],
)
def test_what_is_not_signed_under_the_whole_secret_is_refused(header: str) -> None:
    with pytest.raises(SignatureError):
        verify(BODY, {"Stripe-Signature": header}, SECRET, NOW)


def test_a_signature_holds_for_five_minutes_and_may_be_ahead() -> None:
    headers = {"Stripe-Signature": f"t={STAMP},v1={signature()}"}
    verify(BODY, headers, SECRET, NOW + timedelta(seconds=300))
    verify(BODY, headers, SECRET, NOW - timedelta(days=1))
    with pytest.raises(SignatureError):
        verify(BODY, headers, SECRET, NOW + timedelta(seconds=301))


def test_without_a_secret_nothing_is_believed() -> None:
    with pytest.raises(SignatureError):
        verify(BODY, {"Stripe-Signature": f"t={STAMP},v1={signature(secret='')}"}, "", NOW)


def test_an_event_is_named_by_its_id_and_type() -> None:
    body = event("customer.created", {"id": "cus_1"})
    headers = {"Stripe-Signature": f"t={STAMP},v1={signature(body)}"}
    source = webhooks(SECRET)
    hook = Webhook(body, headers, "https://api.example/webhooks/stripe")
    source.verify(hook, NOW)
    name = source.name_event(hook, NOW)
    assert (name.event_id, name.kind, name.occurred_at) == (
        "evt_1", "customer.created", datetime.fromtimestamp(1_795_400_000, UTC),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["created", "updated", "deleted", "paused", "resumed", "trial_will_end", "of_later"])
def test_a_subscription_is_read_from_all_its_events(kind: str) -> None:
    found = parse_event(event(f"customer.subscription.{kind}", SUBSCRIPTION))
    assert (found.kind, found.customer_id, found.subscription_id, found.client_id, found.changes_status) == (
        BillingEventKind.SUBSCRIPTION, "cus_1", "sub_1", CLIENT, False,
    )  # fmt: skip


def test_an_event_about_the_status_is_told_from_others() -> None:
    changed = event("customer.subscription.updated", SUBSCRIPTION, data={"previous_attributes": {"status": "active"}})
    other = event("customer.subscription.updated", SUBSCRIPTION, data={"previous_attributes": {"metadata": {}}})
    assert [parse_event(body).changes_status for body in (changed, other)] == [True, False]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("invoice.paid", BillingEventKind.INVOICE_PAID),
        ("invoice.payment_failed", BillingEventKind.INVOICE_FAILED),
        ("invoice.finalized", BillingEventKind.OTHER),
    ],
)
@pytest.mark.parametrize("subscription", ["sub_1", {"id": "sub_1", "object": "subscription"}])
def test_an_invoice_names_its_subscription_below_its_parent(
    kind: str, expected: BillingEventKind, subscription: object
) -> None:
    details = {"subscription": subscription, "metadata": {"client_id": str(CLIENT)}}
    invoice = {"id": "in_1", "customer": "cus_1", "parent": {"subscription_details": details}}
    found = parse_event(event(kind, invoice))
    assert (found.kind, found.subscription_id, found.client_id) == (expected, "sub_1", CLIENT)


def test_an_invoice_of_no_subscription_names_none() -> None:
    found = parse_event(event("invoice.paid", {"id": "in_1", "customer": "cus_1", "parent": None}))
    assert (found.customer_id, found.subscription_id, found.client_id) == ("cus_1", None, None)


@pytest.mark.parametrize(
    ("session", "client_id"),
    [
        ({"client_reference_id": str(CLIENT)}, None),  # anybody can type it into a payment link
        ({"metadata": {"client_id": str(CLIENT)}}, CLIENT),
        ({"client_reference_id": "a friend"}, None),
        ({}, None),
    ],
)
def test_a_checkout_names_the_client(session: dict[str, Any], client_id: UUID | None) -> None:
    found = parse_event(event("checkout.session.completed", {"customer": "cus_1", "subscription": "sub_1", **session}))
    assert (found.kind, found.client_id, found.subscription_id) == (BillingEventKind.CHECKOUT, client_id, "sub_1")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"\xff", b'{"id": "evt_1", "created": 1}', b'{"type": "invoice.paid", "created": 1}',
        b'{"id": "evt_1", "type": "invoice.paid"}', b'{"id": "evt_1", "type": "invoice.paid", "created": 1e99}',
        event("customer.subscription.updated", None), event("customer.subscription.updated", {"id": "sub_1"}),
        event("customer.subscription.updated", {**SUBSCRIPTION, "created": "long ago"}),
    ],
)  # fmt: skip
def test_what_is_no_event_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_event(body)


@pytest.mark.parametrize(
    "about", [None, [], "x", {"customer": 7, "parent": "x"}, {"parent": {"subscription_details": 1}}]
)
def test_an_invoice_of_any_shape_is_read(about: object) -> None:
    assert parse_event(event("invoice.paid", about)).subscription_id is None
