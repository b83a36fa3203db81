"""What becomes of a subscription by virtual time: most checkouts are paid within minutes, and a month later the next
payment is due; some cards fail then, of which some are mended within three days and the others end the subscription.

Promises: what happens is a hash of (seed, who, month), never of arrival order; objects and webhooks join the caller's
transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.providers.stripe_objects import (
    Objects,
    Shown,
    customer,
    event,
    invoice,
    month_after,
    paid,
    period_of,
    seconds,
    session,
    subscription,
    with_period,
)
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.life import Life
from agency_os_sandbox.world.memory import Event, Memory

WEBHOOK_PATH = "/webhooks/stripe"
SESSION_LIFE = timedelta(hours=24)
PAYS_AFTER = timedelta(minutes=4)
RETRY_AFTER = timedelta(days=3)
_PAYS, _FAILS, _MENDS = 0.9, 0.15, 0.6
_COMPLETE, _EXPIRE, _RENEW, _RETRY = "stripe_complete", "stripe_expire", "stripe_renew", "stripe_retry"


def pays(seed: int, who: str) -> bool:
    """Whether they pay once they are on the page."""
    return unit(seed, "stripe pays", who) < _PAYS


def fails(seed: int, who: str, month: int) -> bool:
    """Whether the card fails at the end of this month, counted from 1."""
    return unit(seed, "stripe fails", who, month) < _FAILS


def mends(seed: int, who: str, month: int) -> bool:
    """Whether a failed payment is made good in time."""
    return unit(seed, "stripe mends", who, month) < _MENDS


class StripeLife:
    """Makes sessions and lives on from them."""

    def __init__(self, seed: int, store: Store, outbox: Outbox, life: Life) -> None:
        self._seed = seed
        self._objects = Objects(store)
        self._outbox = outbox
        self._memory = Memory(store)
        life.teach(_COMPLETE, self._complete)
        life.teach(_EXPIRE, self._expire)
        life.teach(_RENEW, self._renew)
        life.teach(_RETRY, self._retry)

    def open(self, asked: Mapping[str, Any], who: str, at: datetime) -> Shown:
        """A checkout session that somebody will pay in some minutes, or leave until it expires."""
        found = session(asked, at, at + SESSION_LIFE)
        options = asked.get("subscription_data", {})
        wish = {
            "price": asked["line_items"]["0"]["price"],
            "metadata": options.get("metadata", {}),
            "trial_days": int(options.get("trial_period_days", 0)),
        }
        self._objects.keep(found, who)
        if pays(self._seed, who):
            self._plan(_COMPLETE, found["id"], at + PAYS_AFTER, detail=json.dumps(wish))
        self._plan(_EXPIRE, found["id"], at + SESSION_LIFE)
        return found

    def cancel(self, subscription_id: str, at: datetime, reason: str = "cancellation_requested") -> Shown | None:
        """End a subscription at once; None when it has ended or never was."""
        kept = self._objects.find(subscription_id, "subscription")
        if kept is None or kept.shown["status"] == "canceled":
            return None
        ended = {
            **kept.shown, "status": "canceled", "canceled_at": seconds(at), "ended_at": seconds(at),
            "cancellation_details": {"comment": None, "feedback": None, "reason": reason},
        }  # fmt: skip
        self._objects.keep(ended, kept.who)
        self._tell("customer.subscription.deleted", ended, at)
        return ended

    def _complete(self, due: Event) -> Shown | None:
        kept = self._objects.find(due.address, "checkout.session")
        if kept is None or kept.shown["status"] != "open":
            return None
        at, wish = due.due, json.loads(due.detail)
        trial_end = at + timedelta(days=wish["trial_days"]) if wish["trial_days"] else None
        customer_id = kept.shown["customer"] or self._new_customer(kept.shown, at)
        found = subscription(customer_id, wish["price"], wish["metadata"], at, trial_end)
        amount = 0 if trial_end else kept.shown["amount_total"]
        bill = paid(invoice(found, "subscription_create", at, amount=amount), at)
        found["latest_invoice"] = bill["id"]
        done = {
            **kept.shown, "status": "complete", "customer": customer_id, "subscription": found["id"],
            "invoice": bill["id"], "payment_status": "no_payment_required" if trial_end else "paid", "url": None,
        }  # fmt: skip
        self._objects.keep(found, kept.who)
        self._objects.keep(done, kept.who)
        self._tell("customer.subscription.created", found, at)
        self._tell("invoice.paid", bill, at)
        self._tell("checkout.session.completed", done, at)
        self._plan_renewal(found, 1)
        return done

    def _new_customer(self, shown: Shown, at: datetime) -> str:
        made = customer(shown["customer_email"], None, {}, at)
        self._objects.keep(made, shown["customer_email"] or made["id"])
        return str(made["id"])

    def _expire(self, due: Event) -> Shown | None:
        kept = self._objects.find(due.address, "checkout.session")
        if kept is None or kept.shown["status"] != "open":
            return None
        over = {**kept.shown, "status": "expired", "url": None}
        self._objects.keep(over, kept.who)
        self._tell("checkout.session.expired", over, due.due)
        return over

    def _renew(self, due: Event) -> Shown | None:
        """A period is over: the next begins, whether or not it can be collected."""
        kept = self._objects.find(due.address, "subscription")
        if kept is None or kept.shown["status"] == "canceled":
            return None
        start = period_of(kept.shown)[1]
        end = seconds(month_after(datetime.fromtimestamp(start, UTC)))
        failed = fails(self._seed, kept.who, due.step)
        before = {"status": kept.shown["status"], "items": kept.shown["items"]}
        found = {**with_period(kept.shown, start, end), "status": "past_due" if failed else "active"}
        bill = invoice(found, "subscription_cycle", due.due)
        found["latest_invoice"] = bill["id"]
        self._objects.keep(found, kept.who)
        self._objects.keep(bill, kept.who)
        changed = {name: value for name, value in before.items() if found[name] != value}
        if failed:
            self._tell("invoice.payment_failed", bill, due.due)
            self._plan(_RETRY, found["id"], due.due + RETRY_AFTER, step=due.step)
        else:
            self._tell("invoice.paid", paid(bill, due.due), due.due)
        self._tell("customer.subscription.updated", found, due.due, changed)
        self._plan_renewal(found, due.step + 1)
        return found

    def _retry(self, due: Event) -> Shown | None:
        kept = self._objects.find(due.address, "subscription")
        owed = self._objects.find(kept.shown["latest_invoice"], "invoice") if kept is not None else None
        if kept is None or owed is None or kept.shown["status"] != "past_due":
            return None
        bill = {**owed.shown, "attempt_count": owed.shown["attempt_count"] + 1}
        if not mends(self._seed, kept.who, due.step):
            self._tell("invoice.payment_failed", bill, due.due)
            return self.cancel(due.address, due.due, "payment_failed")
        found = {**kept.shown, "status": "active"}
        self._objects.keep(found, kept.who)
        self._tell("invoice.paid", paid(bill, due.due), due.due)
        self._tell("customer.subscription.updated", found, due.due, {"status": "past_due"})
        return found

    def _plan_renewal(self, found: Shown, month: int) -> None:
        end = datetime.fromtimestamp(period_of(found)[1], UTC)
        self._plan(_RENEW, found["id"], end, step=month)

    def _plan(self, kind: str, object_id: str, at: datetime, *, step: int = 0, detail: str = "") -> None:
        self._memory.plan([Event(at, object_id, step, 0, kind, "", detail)])

    def _tell(self, kind: str, about: Shown, at: datetime, previous: Mapping[str, Any] | None = None) -> None:
        told = event(kind, about, at, previous)
        body = json.dumps(told, ensure_ascii=False)
        # Stripe promises no order: each event goes its own way.
        self._outbox.put(Parcel("stripe", kind, told["id"], told["id"], WEBHOOK_PATH, body), at)
