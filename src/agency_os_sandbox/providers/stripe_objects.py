"""Stripe's objects as its API version 2026-10-28.endive shows them, kept as they are shown, and how its webhooks are
signed.

Promises: pure functions but for the ids; times are whole seconds; since version basil the period stands at the
subscription's items, and an invoice names its subscription below ``parent``.
"""

from __future__ import annotations

import calendar
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agency_os_sandbox.signing import Attempt, Secrets, hex_hmac
from agency_os_sandbox.store import Store

API_VERSION = "2026-10-28.endive"
CURRENCY = "aud"
AMOUNT = 250_000
"""Cents a month, whatever the price: the sandbox has no catalogue."""
Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """An object and who is behind it: what their behaviour is drawn from."""

    shown: Shown
    who: str


class Objects:
    """The account's objects; writes join the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, shown: Shown, who: str) -> None:
        """Keep an object as it is now."""
        self._store.execute(
            "INSERT INTO stripe_objects (id, kind, who, shown) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET shown = excluded.shown",
            (shown["id"], shown["object"], who, json.dumps(shown)),
        )

    def find(self, object_id: str, kind: str) -> Kept | None:
        """The object of this id and kind."""
        row = self._store.one("SELECT * FROM stripe_objects WHERE id = ? AND kind = ?", (object_id, kind))
        return None if row is None else Kept(json.loads(row["shown"]), str(row["who"]))


def new_id(prefix: str) -> str:
    """An id as Stripe gives them out."""
    return f"{prefix}_{secrets.token_hex(12)}"


def seconds(moment: datetime) -> int:
    """Stripe's way to tell time."""
    return int(moment.timestamp())


def month_after(moment: datetime) -> datetime:
    """A month on; the last day of a month that is too short."""
    year, month = divmod(moment.year * 12 + moment.month, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def customer(email: str | None, name: str | None, metadata: Mapping[str, str], at: datetime) -> Shown:
    """A customer."""
    return {
        "id": new_id("cus"), "object": "customer", "created": seconds(at), "livemode": False, "email": email,
        "name": name, "metadata": dict(metadata), "balance": 0, "currency": None, "delinquent": False,
        "description": None, "address": None, "phone": None, "shipping": None, "tax_exempt": "none",
        "preferred_locales": [], "default_source": None, "test_clock": None,
        "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None},
    }  # fmt: skip


def session(asked: Mapping[str, Any], at: datetime, expires: datetime) -> Shown:
    """An open checkout session for a subscription."""
    session_id = new_id("cs_test")
    return {
        "id": session_id, "object": "checkout.session", "created": seconds(at), "expires_at": seconds(expires),
        "livemode": False, "mode": "subscription", "status": "open", "payment_status": "unpaid",
        "url": f"https://checkout.stripe.com/c/pay/{session_id}", "success_url": asked.get("success_url"),
        "cancel_url": asked.get("cancel_url"), "client_reference_id": asked.get("client_reference_id"),
        "customer": asked.get("customer"), "customer_email": asked.get("customer_email"), "subscription": None,
        "invoice": None, "payment_intent": None, "metadata": dict(asked.get("metadata", {})), "currency": CURRENCY,
        "amount_subtotal": AMOUNT, "amount_total": AMOUNT, "automatic_tax": {"enabled": False, "liability": None},
        "custom_fields": [], "custom_text": {}, "payment_method_types": ["card"], "shipping_options": [],
        "customer_details": None, "ui_mode": "hosted_page",
    }  # fmt: skip


def portal(customer_id: str, return_url: str | None, at: datetime) -> Shown:
    """A session of the billing portal."""
    session_id = new_id("bps")
    return {
        "id": session_id, "object": "billing_portal.session", "configuration": "bpc_sandbox", "created": seconds(at),
        "customer": customer_id, "flow": None, "livemode": False, "locale": None, "on_behalf_of": None,
        "return_url": return_url, "url": f"https://billing.stripe.com/p/session/{session_id}",
    }  # fmt: skip


def subscription(
    customer_id: str, price: str, metadata: Mapping[str, str], at: datetime, trial_end: datetime | None
) -> Shown:
    """A subscription that begins at ``at``: on trial until ``trial_end``, else active and paid."""
    subscription_id, end = new_id("sub"), trial_end or month_after(at)
    item = {
        "id": new_id("si"), "object": "subscription_item", "created": seconds(at), "subscription": subscription_id,
        "quantity": 1, "metadata": {}, "discounts": [], "tax_rates": [], "price": _price(price, at),
        "plan": _plan(price, at), "current_period_start": seconds(at), "current_period_end": seconds(end),
    }  # fmt: skip
    return {
        "id": subscription_id, "object": "subscription", "created": seconds(at), "start_date": seconds(at),
        "status": "active" if trial_end is None else "trialing", "customer": customer_id, "livemode": False,
        "currency": CURRENCY, "collection_method": "charge_automatically", "cancel_at_period_end": False,
        "cancel_at": None, "canceled_at": None, "ended_at": None, "metadata": dict(metadata), "discounts": [],
        "billing_cycle_anchor": seconds(end if trial_end else at), "billing_mode": {"type": "flexible"},
        "billing_schedules": [], "automatic_tax": {"enabled": False, "liability": None, "disabled_reason": None},
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}}, "latest_invoice": None,
        "trial_start": None if trial_end is None else seconds(at),
        "trial_end": None if trial_end is None else seconds(trial_end),
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "items": {
            "object": "list", "data": [item], "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription_id}",
        },
    }  # fmt: skip


def period_of(found: Shown) -> tuple[int, int]:
    """The subscription's current period, in seconds."""
    item = found["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def with_period(found: Shown, start: int, end: int) -> Shown:
    """The subscription in another period."""
    items = found["items"]
    moved = [{**item, "current_period_start": start, "current_period_end": end} for item in items["data"]]
    return {**found, "items": {**items, "data": moved}}


def invoice(found: Shown, reason: str, at: datetime, *, amount: int = AMOUNT) -> Shown:
    """An open invoice of a subscription for its current period, which was tried to collect once."""
    invoice_id, (start, end) = new_id("in"), period_of(found)
    details = {"subscription": found["id"], "metadata": found["metadata"]}
    line = {
        "id": new_id("il"), "object": "line_item", "invoice": invoice_id, "amount": amount, "subtotal": amount,
        "currency": CURRENCY, "description": "1 × Subscription", "discountable": True, "discounts": [],
        "livemode": False, "metadata": found["metadata"], "period": {"start": start, "end": end}, "quantity": 1,
        "parent": {"type": "subscription_item_details", "subscription_item_details": {
            "subscription": found["id"], "subscription_item": found["items"]["data"][0]["id"], "proration": False,
        }},
    }  # fmt: skip
    return {
        "id": invoice_id, "object": "invoice", "created": seconds(at), "livemode": False, "customer": found["customer"],
        "currency": CURRENCY, "status": "open", "billing_reason": reason, "amount_due": amount, "amount_paid": 0,
        "amount_remaining": amount, "amount_overpaid": 0, "amount_shipping": 0, "attempt_count": 1,
        "attempted": True, "auto_advance": True, "collection_method": "charge_automatically", "subtotal": amount,
        "total": amount, "starting_balance": 0, "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0, "period_start": start, "period_end": end, "default_tax_rates": [],
        "discounts": [], "issuer": {"type": "self"}, "payment_settings": {"default_mandate": None}, "metadata": {},
        "automatic_tax": {"enabled": False, "liability": None, "status": None, "disabled_reason": None},
        "parent": {"type": "subscription_details", "quote_details": None, "subscription_details": details},
        "status_transitions": {"finalized_at": seconds(at), "paid_at": None},
        "lines": {"object": "list", "data": [line], "has_more": False, "url": f"/v1/invoices/{invoice_id}/lines"},
    }  # fmt: skip


def paid(found: Shown, at: datetime) -> Shown:
    """The invoice when it has been paid."""
    transitions = {**found["status_transitions"], "paid_at": seconds(at)}
    money = {"amount_paid": found["amount_due"], "amount_remaining": 0}
    return {**found, **money, "status": "paid", "auto_advance": False, "status_transitions": transitions}


def event(kind: str, about: Shown, at: datetime, previous: Mapping[str, Any] | None = None) -> Shown:
    """The envelope of a webhook; ``previous``: what changed, as it was."""
    data = {"object": about} if previous is None else {"object": about, "previous_attributes": dict(previous)}
    return {
        "id": new_id("evt"), "object": "event", "api_version": API_VERSION, "created": seconds(at), "livemode": False,
        "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": kind, "data": data,
    }  # fmt: skip


def sign(attempt: Attempt, secrets: Secrets) -> dict[str, str]:
    """Stripe signs time and body under the whole secret, its prefix included."""
    stamp = seconds(attempt.at)
    signature = hex_hmac(secrets.stripe_secret, f"{stamp}.".encode() + attempt.body)
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": f"t={stamp},v1={signature}",
    }


def _price(price: str, at: datetime) -> Shown:
    return {
        "id": price, "object": "price", "active": True, "billing_scheme": "per_unit", "created": seconds(at),
        "currency": CURRENCY, "livemode": False, "metadata": {}, "product": "prod_sandbox", "type": "recurring",
        "unit_amount": AMOUNT, "unit_amount_decimal": str(AMOUNT), "nickname": None, "lookup_key": None,
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed", "meter": None},
    }  # fmt: skip


def _plan(price: str, at: datetime) -> Shown:
    return {
        "id": price, "object": "plan", "active": True, "amount": AMOUNT, "amount_decimal": str(AMOUNT),
        "billing_scheme": "per_unit", "created": seconds(at), "currency": CURRENCY, "interval": "month",
        "interval_count": 1, "livemode": False, "metadata": {}, "product": "prod_sandbox", "usage_type": "licensed",
    }  # fmt: skip
