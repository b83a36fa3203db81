"""COGS, margins and provider costs of blueprint Part 1B and design decision 28."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.pricing import (
    BLENDED_COST_TARGET,
    DIRECT_ENRICHMENT,
    TIER_COSTS,
    UNIT_COSTS,
    WATERFALL_ENRICHMENT,
    CostItem,
    blended_cost,
    gross_margin,
    margin,
)
from agency_os.domain.tiers import Plan, Tier

D = Decimal


@pytest.mark.parametrize(
    ("tier", "cogs", "published"),
    [(Tier.IGNITION, "666", "73.4"), (Tier.VELOCITY, "1323", "66.9"), (Tier.DOMINANCE, "2502", "66.6")],
)
def test_cogs_and_margin_stay_as_published(tier: Tier, cogs: str, published: str) -> None:
    assert TIER_COSTS[tier].cogs == D(cogs)
    assert TIER_COSTS[tier].published_margin == D(published)


@pytest.mark.parametrize(("tier", "true"), [(Tier.IGNITION, "73.4"), (Tier.VELOCITY, "73.5"), (Tier.DOMINANCE, "66.6")])
def test_the_true_margin_at_the_regular_price(tier: Tier, true: str) -> None:
    assert margin(tier, Plan.REGULAR) == D(true)


@pytest.mark.parametrize(("tier", "true"), [(Tier.IGNITION, "46.7"), (Tier.VELOCITY, "47.1"), (Tier.DOMINANCE, "33.3")])
def test_the_true_margin_at_the_founding_price(tier: Tier, true: str) -> None:
    assert margin(tier, Plan.FOUNDING) == D(true)


def test_only_velocitys_published_margin_differs_from_the_true_one() -> None:
    assert {tier for tier in Tier if margin(tier, Plan.REGULAR) != TIER_COSTS[tier].published_margin} == {Tier.VELOCITY}


@pytest.mark.parametrize("price", ["0", "-1"])
def test_a_margin_of_no_price_is_refused(price: str) -> None:
    with pytest.raises(ValueError, match="price above 0"):
        gross_margin(D(price), D(1))


def test_a_margin_is_rounded_half_up() -> None:
    assert gross_margin(D(10000), D(4995)) == D("50.1")  # 50.05


def test_a_loss_is_a_negative_margin() -> None:
    assert gross_margin(D(100), D(150)) == D("-50.0")


@pytest.mark.parametrize(
    ("item", "provider", "unit", "low", "high"),
    [
        (CostItem.HEYREACH_SEAT, "HeyReach", "seat and month", "122", "122"),
        (CostItem.CLAY_CREDIT, "Clay", "credit", "0.039", "0.077"),
        (CostItem.HUNTER_EMAIL, "Hunter.io", "email", "0.023", "0.023"),
        (CostItem.VAPI_MINUTE, "Vapi", "minute", "0.35", "0.35"),
        (CostItem.TWILIO_SMS_AU, "Twilio", "message", "0.08", "0.08"),
        (CostItem.LOB_POSTCARD, "Lob", "postcard", "0.98", "0.98"),
        (CostItem.RESEND_EMAIL, "Resend", "email", "0.0009", "0.0009"),
    ],
)
def test_a_providers_unit_cost_is_the_published_one(
    item: CostItem, provider: str, unit: str, low: str, high: str
) -> None:
    cost = UNIT_COSTS[item]
    assert (cost.provider, cost.unit) == (provider, unit)
    assert (cost.low, cost.high) == (D(low), D(high))


def test_every_cost_item_has_a_price() -> None:
    assert set(UNIT_COSTS) == set(CostItem)


def test_two_thirds_of_the_leads_are_enriched_directly() -> None:
    assert (DIRECT_ENRICHMENT.share, DIRECT_ENRICHMENT.low, DIRECT_ENRICHMENT.high) == (D("0.65"), D("0.02"), D("0.02"))


def test_a_third_of_the_leads_goes_through_the_waterfall() -> None:
    share = WATERFALL_ENRICHMENT
    assert (share.share, share.low, share.high) == (D("0.35"), D("0.25"), D("0.50"))


def test_the_blended_target_lies_within_what_the_two_shares_cost() -> None:
    ends = [
        DIRECT_ENRICHMENT.share * DIRECT_ENRICHMENT.low + WATERFALL_ENRICHMENT.share * WATERFALL_ENRICHMENT.low,
        DIRECT_ENRICHMENT.share * DIRECT_ENRICHMENT.high + WATERFALL_ENRICHMENT.share * WATERFALL_ENRICHMENT.high,
    ]
    assert D("0.13") == BLENDED_COST_TARGET
    assert ends[0] <= BLENDED_COST_TARGET <= ends[1]


def test_the_blended_cost_is_the_mean_to_four_decimals() -> None:
    assert blended_cost(D("10"), 3) == D("3.3333")


def test_no_leads_cost_nothing() -> None:
    assert blended_cost(D("10"), 0) == 0


@given(st.decimals(1, 10_000, places=2), st.decimals(0, 10_000, places=2))
def test_a_margin_never_exceeds_a_hundred_percent(price: Decimal, cogs: Decimal) -> None:
    assert gross_margin(price, cogs) <= 100
