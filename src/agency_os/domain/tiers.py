"""The three subscription tiers: prices, lead pool, campaigns and LinkedIn seats (blueprint Part 1B, locked).

Prices are A$ per month, excluding GST. Tiers differ in volume alone: every feature is in every tier, so nothing here
may ever be asked "does this tier include …".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Tier(StrEnum):
    """A client's subscription tier; the values are those of the database's ``tier_type``."""

    IGNITION = "ignition"
    VELOCITY = "velocity"
    DOMINANCE = "dominance"


class Plan(StrEnum):
    """Which of a tier's two prices a client pays."""

    REGULAR = "regular"
    FOUNDING = "founding"


@dataclass(frozen=True, slots=True)
class TierTerms:
    """What a tier costs (A$ per month) and how much of each volume it carries per billing month."""

    tier: Tier
    regular_price: Decimal
    founding_price: Decimal
    lead_pool: int
    max_campaigns: int
    linkedin_seats: int

    def price(self, plan: Plan) -> Decimal:
        """A$ per month under ``plan``."""
        return self.founding_price if plan is Plan.FOUNDING else self.regular_price


FOUNDING_SPOTS: Final = 20
"""How many clients, over all tiers, may ever hold the founding price."""

TIERS: Final[Mapping[Tier, TierTerms]] = MappingProxyType(
    {
        Tier.IGNITION: TierTerms(Tier.IGNITION, Decimal(2500), Decimal(1250), 1250, 5, 1),
        Tier.VELOCITY: TierTerms(Tier.VELOCITY, Decimal(5000), Decimal(2500), 2250, 10, 3),
        Tier.DOMINANCE: TierTerms(Tier.DOMINANCE, Decimal(7500), Decimal(3750), 4500, 20, 5),
    }
)


def plan_for_sign_up(founding_taken: int) -> Plan:
    """The plan of the next client to sign up when ``founding_taken`` spots are gone."""
    return Plan.FOUNDING if founding_taken < FOUNDING_SPOTS else Plan.REGULAR
