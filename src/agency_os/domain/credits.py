"""Lead credits: one credit is one lead first enriched in a billing month (design decision 26).

The pool is set by the tier and refilled on the billing day; unused credits do not carry over. The repository takes a
credit in the same transaction that claims the enrichment; these are the rules it follows.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime

from agency_os.domain.tiers import TIERS, Tier


@dataclass(frozen=True, slots=True)
class CreditBalance:
    """``remaining`` credits of the month that ends at ``reset_at`` (aware UTC)."""

    remaining: int
    reset_at: datetime


def pool_of(tier: Tier) -> int:
    """Credits per billing month."""
    return TIERS[tier].lead_pool


def next_reset(anchor: datetime, now: datetime) -> datetime:
    """The first billing moment after ``now``: each month on the day and time of ``anchor``, the month's last day
    where it is too short (as Stripe's billing cycle anchor does)."""
    months = (now.year - anchor.year) * 12 + now.month - anchor.month
    at = _month_after(anchor, months)
    return at if at > now else _month_after(anchor, months + 1)


def period_start(anchor: datetime, now: datetime) -> date:
    """The first day (UTC) of the billing month that holds ``now``: what a lead's credit is remembered by."""
    months = (now.year - anchor.year) * 12 + now.month - anchor.month
    at = _month_after(anchor, months)
    return (at if at <= now else _month_after(anchor, months - 1)).date()


def _month_after(anchor: datetime, months: int) -> datetime:
    index = anchor.year * 12 + anchor.month - 1 + months
    year, month = divmod(index, 12)
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def opening_balance(tier: Tier, anchor: datetime, now: datetime) -> CreditBalance:
    """A full pool, as at sign-up."""
    return CreditBalance(pool_of(tier), next_reset(anchor, now))


def current(balance: CreditBalance, tier: Tier, anchor: datetime, now: datetime) -> CreditBalance:
    """``balance`` as it stands at ``now``: refilled to the tier's pool when the billing day has come."""
    return opening_balance(tier, anchor, now) if now >= balance.reset_at else balance


def take(balance: CreditBalance, wanted: int) -> tuple[CreditBalance, int]:
    """The balance after taking up to ``wanted`` credits, and how many were granted; never below 0."""
    if wanted < 0:
        raise ValueError("credits are taken, never given back, here")
    granted = min(wanted, max(balance.remaining, 0))
    return CreditBalance(balance.remaining - granted, balance.reset_at), granted
