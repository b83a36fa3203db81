"""The tables of the ALS: component maxima, the point of every rule, tier floors (blueprint Part 6, decision 24)."""

from __future__ import annotations

from collections import Counter

import pytest

from agency_os.domain.als import (
    COMPONENT_MAX,
    DEFAULT_COUNTRY,
    DEFAULT_SIZE,
    FUNDED_MONTHS,
    NEW_ROLE_MONTHS,
    POINT_RULES,
    TIER_FLOORS,
    AlsTier,
    Component,
    tier_of,
)
from agency_os.domain.facts import FIELDS

POINTS = {
    "verified_work_email": (Component.DATA_QUALITY, 8),
    "phone": (Component.DATA_QUALITY, 6),
    "linkedin": (Component.DATA_QUALITY, 4),
    "personal_email": (Component.DATA_QUALITY, 2),
    "seniority": (Component.AUTHORITY, 25),
    "industry": (Component.COMPANY_FIT, 10),
    "size": (Component.COMPANY_FIT, 8),
    "country": (Component.COMPANY_FIT, 7),
    "new_role": (Component.TIMING, 6),
    "hiring": (Component.TIMING, 5),
    "funded": (Component.TIMING, 4),
    "hard_bounce": (Component.RISK, -10),
    "unsubscribed": (Component.RISK, -15),
    "competitor": (Component.RISK, -15),
    "excluded_title": (Component.RISK, -5),
}


def test_each_rule_has_its_points() -> None:
    assert {rule.name: (rule.component, rule.points) for rule in POINT_RULES} == POINTS


def test_component_maxima_are_those_of_the_blueprint() -> None:
    assert COMPONENT_MAX == {
        Component.DATA_QUALITY: 20,
        Component.AUTHORITY: 25,
        Component.COMPANY_FIT: 25,
        Component.TIMING: 15,
        Component.RISK: 15,
    }


def test_component_maxima_sum_to_a_hundred() -> None:
    assert sum(COMPONENT_MAX.values()) == 100


@pytest.mark.parametrize("component", [each for each in Component if each is not Component.RISK])
def test_a_components_rules_add_up_to_its_maximum(component: Component) -> None:
    sums: Counter[Component] = Counter()
    for rule in POINT_RULES:
        sums[rule.component] += rule.points
    assert sums[component] == COMPONENT_MAX[component]


def test_risk_is_only_deducted_from() -> None:
    assert all(rule.points < 0 for rule in POINT_RULES if rule.component is Component.RISK)


def test_every_rule_reads_a_field_that_exists() -> None:
    assert {rule.field for rule in POINT_RULES} <= set(FIELDS)


def test_defaults_before_an_icp_are_5_to_50_employees_in_australia() -> None:
    assert (DEFAULT_SIZE, DEFAULT_COUNTRY) == ((5, 50), "AU")


def test_new_is_six_months_and_funded_is_twelve() -> None:
    assert (NEW_ROLE_MONTHS, FUNDED_MONTHS) == (6, 12)


def test_tier_floors_are_85_60_35_20_and_0() -> None:
    assert [floor for _, floor in TIER_FLOORS] == [85, 60, 35, 20, 0]
    assert [tier for tier, _ in TIER_FLOORS] == list(AlsTier)


@pytest.mark.parametrize(
    ("score", "tier"),
    [
        (100, AlsTier.HOT),
        (85, AlsTier.HOT),
        (84, AlsTier.WARM),
        (60, AlsTier.WARM),
        (59, AlsTier.COOL),
        (35, AlsTier.COOL),
        (34, AlsTier.COLD),
        (20, AlsTier.COLD),
        (19, AlsTier.DEAD),
        (0, AlsTier.DEAD),
    ],
)
def test_a_score_lies_in_its_published_band(score: int, tier: AlsTier) -> None:
    assert tier_of(score) is tier


@pytest.mark.parametrize("score", [-1, 101])
def test_a_score_outside_0_to_100_is_refused(score: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        tier_of(score)
