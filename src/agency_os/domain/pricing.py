"""What things cost and what is left: COGS and margins per tier, providers' unit costs, the target cost of a lead.

Source: blueprint Part 1B (locked), design decisions 4, 28 and 29. All money is A$ excluding GST. Published figures
stay as published; true margins are computed beside them. Unit costs here are the published reference prices: what is
booked to the ledger comes from the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agency_os.domain.tiers import TIERS, Plan, Tier

_TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class TierCost:
    """Cost of goods sold of a full month of a tier (A$) and the gross margin as published (percent)."""

    cogs: Decimal
    published_margin: Decimal


TIER_COSTS: Final[Mapping[Tier, TierCost]] = MappingProxyType(
    {
        Tier.IGNITION: TierCost(Decimal(666), Decimal("73.4")),
        Tier.VELOCITY: TierCost(Decimal(1323), Decimal("66.9")),
        Tier.DOMINANCE: TierCost(Decimal(2502), Decimal("66.6")),
    }
)
"""Velocity's published margin does not follow from its COGS and regular price, which give 73.5 % (decision 28)."""


def gross_margin(price: Decimal, cogs: Decimal) -> Decimal:
    """Gross margin in percent of ``price``, to one decimal; ``price`` must be above 0."""
    if price <= 0:
        raise ValueError("a margin needs a price above 0")
    return ((price - cogs) / price * 100).quantize(_TENTH, ROUND_HALF_UP)


def margin(tier: Tier, plan: Plan) -> Decimal:
    """The true gross margin of ``tier`` in percent at the price of ``plan``."""
    return gross_margin(TIERS[tier].price(plan), TIER_COSTS[tier].cogs)


class CostItem(StrEnum):
    """A thing that a provider charges for."""

    HEYREACH_SEAT = "heyreach_seat"
    CLAY_CREDIT = "clay_credit"
    HUNTER_EMAIL = "hunter_email"
    VAPI_MINUTE = "vapi_minute"
    TWILIO_SMS_AU = "twilio_sms_au"
    LOB_POSTCARD = "lob_postcard"
    RESEND_EMAIL = "resend_email"


@dataclass(frozen=True, slots=True)
class UnitCost:
    """Reference price of one ``unit``, from ``low`` to ``high`` A$ (equal where there is a single price)."""

    provider: str
    unit: str
    low: Decimal
    high: Decimal
    note: str


def _fixed(provider: str, unit: str, price: str, note: str) -> UnitCost:
    return UnitCost(provider, unit, Decimal(price), Decimal(price), note)


UNIT_COSTS: Final[Mapping[CostItem, UnitCost]] = MappingProxyType(
    {
        CostItem.HEYREACH_SEAT: _fixed("HeyReach", "seat and month", "122", "LinkedIn automation"),
        CostItem.CLAY_CREDIT: UnitCost("Clay", "credit", Decimal("0.039"), Decimal("0.077"), "Waterfall enrichment"),
        CostItem.HUNTER_EMAIL: _fixed("Hunter.io", "email", "0.023", "Tier 1 enrichment"),
        CostItem.VAPI_MINUTE: _fixed("Vapi", "minute", "0.35", "Voice AI, all-in: nothing of a call is booked twice"),
        CostItem.TWILIO_SMS_AU: _fixed("Twilio", "message", "0.08", "Outbound SMS in Australia"),
        CostItem.LOB_POSTCARD: _fixed("Lob", "postcard", "0.98", "US direct mail only"),
        CostItem.RESEND_EMAIL: _fixed("Resend", "email", "0.0009", "Transactional email"),
    }
)


@dataclass(frozen=True, slots=True)
class EnrichmentShare:
    """How a share of all leads is enriched, and at which A$ per lead."""

    share: Decimal
    low: Decimal
    high: Decimal


DIRECT_ENRICHMENT: Final = EnrichmentShare(Decimal("0.65"), Decimal("0.02"), Decimal("0.02"))
"""Cold and Cool leads: Hunter alone."""

WATERFALL_ENRICHMENT: Final = EnrichmentShare(Decimal("0.35"), Decimal("0.25"), Decimal("0.50"))
"""Warm and Hot leads: the full Clay waterfall."""

BLENDED_COST_TARGET: Final = Decimal("0.13")
"""A$ per lead over all leads that enrichment should not exceed."""


def blended_cost(total_cost: Decimal, leads: int) -> Decimal:
    """A$ per enriched lead, to four decimals; 0 when there are none."""
    if leads == 0:
        return Decimal(0)
    return (total_cost / leads).quantize(Decimal("0.0001"), ROUND_HALF_UP)
