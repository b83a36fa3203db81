"""Clients' subscriptions: whose Stripe speaks of, and what it says of them, the latest word whenever it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import TextClause, text

from agency_os.domain.subscription import SubscriptionStatus
from agency_os.repositories.base import Repository

# The lock keeps two events of one client apart; it comes before any look at what is there.
_FIND: Final = """
    SELECT id, stripe_customer_id FROM clients WHERE deleted_at IS NULL AND {column} = :value
    ORDER BY id LIMIT 2 FOR NO KEY UPDATE
"""
_BY_SUBSCRIPTION = text(_FIND.format(column="stripe_subscription_id"))
_BY_CUSTOMER = text(_FIND.format(column="stripe_customer_id"))
_BY_ID = text(_FIND.format(column="id"))
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:customer_id, 0))")
_LINK = text("UPDATE clients SET stripe_customer_id = :customer_id WHERE id = :client_id")
_SET = text("""
    UPDATE clients SET
        subscription_status = CAST(:status AS subscription_status), cancelled_at = :cancelled_at,
        stripe_customer_id = :customer_id, stripe_subscription_id = :subscription_id,
        subscription_period_start = :period_start, subscription_period_end = :period_end,
        subscription_version = CAST(:version AS bigint[])
    WHERE id = :client_id
        AND (subscription_version IS NULL OR subscription_version < CAST(:version AS bigint[]))
    RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A client, and who it is at Stripe if that is known."""

    client_id: UUID
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class SubscriptionWord:
    """What a client's subscription is from now on. ``version``: its place among all such words, compared from the
    left; equal places are the same word. Times are aware UTC."""

    status: SubscriptionStatus
    customer_id: str
    subscription_id: str
    period_start: datetime | None
    period_end: datetime | None
    cancelled_at: datetime | None
    version: Sequence[int]


class SubscriptionRepository(Repository):
    """Of all clients, for the service: an event has no tenant until it is matched."""

    async def one_at_a_time(self, customer_id: str) -> None:
        """Read this customer's events one after the other, to the end of the transaction: one may tell whose another
        is, and would not find it while it is being read."""
        await self.db.execute(_ONE_AT_A_TIME, {"customer_id": customer_id})

    async def by_subscription(self, subscription_id: str) -> Subscriber | None:
        """The live client with this subscription, locked; None for none or more than one."""
        return await self._find(_BY_SUBSCRIPTION, subscription_id)

    async def by_customer(self, customer_id: str) -> Subscriber | None:
        """The live client that is this customer, locked; None for none or more than one."""
        return await self._find(_BY_CUSTOMER, customer_id)

    async def by_id(self, client_id: UUID) -> Subscriber | None:
        """The live client of this id, locked."""
        return await self._find(_BY_ID, client_id)

    async def link(self, client_id: UUID, customer_id: str) -> None:
        """Note who the client is at Stripe."""
        await self.db.execute(_LINK, {"client_id": client_id, "customer_id": customer_id})

    async def set(self, client_id: UUID, word: SubscriptionWord) -> bool:
        """Let the client's subscription be as said, unless a later word was heard before; whether it was the latest."""
        values = {
            "client_id": client_id,
            "status": word.status.value,
            "customer_id": word.customer_id,
            "subscription_id": word.subscription_id,
            "period_start": word.period_start,
            "period_end": word.period_end,
            "cancelled_at": word.cancelled_at,
            "version": list(word.version),
        }
        return await self.db.scalar(_SET, values) is not None

    async def _find(self, query: TextClause, value: UUID | str) -> Subscriber | None:
        rows = (await self.db.execute(query, {"value": value})).all()
        return Subscriber(rows[0].id, rows[0].stripe_customer_id) if len(rows) == 1 else None
