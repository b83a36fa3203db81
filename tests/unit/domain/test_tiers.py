"""The locked tier table of blueprint Part 1B, number by number."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from agency_os.domain.tiers import FOUNDING_SPOTS, TIERS, Plan, Tier, TierTerms, plan_for_sign_up

PUBLISHED = [
    (Tier.IGNITION, 1250, 2500, 1250, 5, 1),
    (Tier.VELOCITY, 2500, 5000, 2250, 10, 3),
    (Tier.DOMINANCE, 3750, 7500, 4500, 20, 5),
]


@pytest.mark.parametrize(("tier", "founding", "regular", "pool", "campaigns", "seats"), PUBLISHED)
def test_a_tier_has_its_published_terms(
    tier: Tier, founding: int, regular: int, pool: int, campaigns: int, seats: int
) -> None:
    assert TIERS[tier] == TierTerms(tier, Decimal(regular), Decimal(founding), pool, campaigns, seats)


def test_every_tier_has_terms() -> None:
    assert set(TIERS) == set(Tier)


def test_tiers_are_spelled_as_in_the_database() -> None:
    assert [tier.value for tier in Tier] == ["ignition", "velocity", "dominance"]


@pytest.mark.parametrize("tier", Tier)
def test_founding_members_pay_half(tier: Tier) -> None:
    assert TIERS[tier].price(Plan.FOUNDING) * 2 == TIERS[tier].price(Plan.REGULAR)


def test_tiers_differ_in_price_and_volume_alone() -> None:
    names = {field.name for field in fields(TierTerms)} - {"tier", "regular_price", "founding_price"}
    assert names == {"lead_pool", "max_campaigns", "linkedin_seats"}


def test_there_are_twenty_founding_spots() -> None:
    assert FOUNDING_SPOTS == 20


def test_the_twentieth_client_still_gets_the_founding_price() -> None:
    assert plan_for_sign_up(19) is Plan.FOUNDING


def test_the_twenty_first_client_pays_the_regular_price() -> None:
    assert plan_for_sign_up(20) is Plan.REGULAR


def test_terms_cannot_be_changed_at_run_time() -> None:
    with pytest.raises(TypeError):
        TIERS[Tier.IGNITION] = TIERS[Tier.DOMINANCE]  # type: ignore[index]
