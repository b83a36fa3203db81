"""Billing: what Stripe says of a client's subscription becomes the client's state, in whatever order it arrives.

A subscription's own events alone decide: each shows the whole subscription as it stood, while an invoice may be an old
one, or paid where a newer is still owed. Of two words the later stands: that of the subscription made last, the end of
one before anything else of it, then by the event's ``created``. Stripe tells time in seconds, so of one second the
event that is about the status stands, then the one further on in a subscription's life.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from agency_os.db import AsyncSession
from agency_os.domain.subscription import SubscriptionStatus
from agency_os.exceptions import InvalidInputError
from agency_os.integrations.stripe import Subscription
from agency_os.integrations.stripe_events import BillingEvent, BillingEventKind, parse_event
from agency_os.repositories.inbound_event import InboundEventRepository, ReceivedEvent, SettledEvent
from agency_os.repositories.subscription import Subscriber, SubscriptionRepository, SubscriptionWord

_LIFE: Final = {
    SubscriptionStatus.TRIALING: 0,
    SubscriptionStatus.ACTIVE: 1,
    SubscriptionStatus.PAUSED: 2,
    SubscriptionStatus.PAST_DUE: 3,
    SubscriptionStatus.CANCELLED: 4,
}


class BillingEngine:
    """Acts on Stripe's events. An ``EventReader``; no provider is called here."""

    async def read(self, db: AsyncSession, event: ReceivedEvent, *, now: datetime) -> SettledEvent:  # noqa: ARG002
        """Read one event and act on it. What cannot be read, or names no client of ours, waits for a person."""
        try:
            billing = parse_event(event.body)
        except InvalidInputError as fault:
            return SettledEvent(event.id, f"unreadable: {fault}"[:200], state="unmatched")
        if billing.kind is BillingEventKind.OTHER:
            return SettledEvent(event.id, billing.type[:200])
        subscriptions = SubscriptionRepository(db)
        if billing.customer_id is not None:
            await subscriptions.one_at_a_time(billing.customer_id)
        client = await self._client_of(subscriptions, billing)
        if client is None:
            return SettledEvent(event.id, billing.kind.value, state="unmatched")
        if client.customer_id is None and billing.customer_id is not None:
            await subscriptions.link(client.client_id, billing.customer_id)
            # An event that named the customer alone may have come before the one that says whose customer it is.
            await InboundEventRepository(db).reopen(event.provider, billing.customer_id)
        outcome = billing.kind.value.replace("_", " ")
        if billing.subscription is not None:
            outcome = await self._follow(subscriptions, client, billing, billing.subscription)
        return SettledEvent(event.id, outcome, client_id=client.client_id)

    @staticmethod
    async def _client_of(subscriptions: SubscriptionRepository, billing: BillingEvent) -> Subscriber | None:
        if billing.subscription_id is not None:
            found = await subscriptions.by_subscription(billing.subscription_id)
            if found is not None:
                return found
        if billing.client_id is not None:
            found = await subscriptions.by_id(billing.client_id)
            # A checkout makes nobody another customer.
            is_stranger = found is not None and found.customer_id not in (None, billing.customer_id)
            if found is not None and not (is_stranger and billing.subscription is None):
                return found
        return await subscriptions.by_customer(billing.customer_id) if billing.customer_id is not None else None

    @staticmethod
    async def _follow(
        subscriptions: SubscriptionRepository, client: Subscriber, billing: BillingEvent, subscription: Subscription
    ) -> str:
        state = subscription.state
        if state is None:
            return f"subscription {subscription.status}: says nothing of the client's"[:200]
        ended = subscription.ended_at or billing.created_at
        word = SubscriptionWord(
            status=state,
            customer_id=subscription.customer_id,
            subscription_id=subscription.id,
            period_start=subscription.period_start,
            period_end=subscription.period_end,
            cancelled_at=ended if state is SubscriptionStatus.CANCELLED else None,
            version=_version(billing, subscription, state),
        )
        is_latest = await subscriptions.set(client.client_id, word)
        return f"subscription {state}" if is_latest else f"subscription {state}, by a word that is not the latest"


def _version(billing: BillingEvent, subscription: Subscription, state: SubscriptionStatus) -> tuple[int, ...]:
    """Places the word among all words; the ids tell apart what nothing else does, so that no two places are equal."""
    return (
        int(subscription.created_at.timestamp()),
        _number(subscription.id),
        int(state is SubscriptionStatus.CANCELLED),
        int(billing.created_at.timestamp()),
        int(billing.changes_status),
        _LIFE[state],
        _number(billing.event_id),
    )


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
