"""The ALS (agency lead score): its five components, their points, default weights and tiers, as locked tables.

Source: blueprint Part 6, engines 02 and 04, and Part 1B; values it leaves open are design decisions 23 and 24. The
tables are data, so that a batch pass over arrays can be derived from them; ``scoring`` folds them over one lead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

MAX_SCORE: Final = 100


class AlsTier(StrEnum):
    """The band of a score, from best to worst."""

    HOT = "hot"
    WARM = "warm"
    COOL = "cool"
    COLD = "cold"
    DEAD = "dead"


TIER_FLOORS: Final[tuple[tuple[AlsTier, int], ...]] = (
    (AlsTier.HOT, 85),
    (AlsTier.WARM, 60),
    (AlsTier.COOL, 35),
    (AlsTier.COLD, 20),
    (AlsTier.DEAD, 0),
)
"""The lowest score of each tier, from best to worst."""


def tier_of(score: int) -> AlsTier:
    """The tier of a score of 0–100."""
    if not 0 <= score <= MAX_SCORE:
        raise ValueError(f"an ALS score lies between 0 and {MAX_SCORE}, not {score}")
    return next(tier for tier, floor in TIER_FLOORS if score >= floor)


class Component(StrEnum):
    """The five parts of the score; the values name the ``als_*`` columns that hold their unweighted points."""

    DATA_QUALITY = "data_quality"
    AUTHORITY = "authority"
    COMPANY_FIT = "company_fit"
    TIMING = "timing"
    RISK = "risk"


COMPONENT_MAX: Final[Mapping[Component, int]] = MappingProxyType(
    {
        Component.DATA_QUALITY: 20,
        Component.AUTHORITY: 25,
        Component.COMPANY_FIT: 25,
        Component.TIMING: 15,
        Component.RISK: 15,
    }
)
"""The most unweighted points of each component; they sum to 100."""


@dataclass(frozen=True, slots=True)
class PointRule:
    """One line of the point table: ``points`` are gained when it holds (lost, when negative); ``field`` is the lead
    field it reads, ``label`` what a person is told it looks at."""

    name: str
    component: Component
    points: int
    field: str
    label: str


DEFAULT_SIZE: Final = (5, 50)
"""Employees, both ends included, that fit before an ICP is confirmed (blueprint: "employee count 5-50")."""

DEFAULT_COUNTRY: Final = "AU"
NEW_ROLE_MONTHS: Final = 6
FUNDED_MONTHS: Final = 12

POINT_RULES: Final[tuple[PointRule, ...]] = (
    PointRule("verified_work_email", Component.DATA_QUALITY, 8, "email_verified", "Verified work email"),
    PointRule("phone", Component.DATA_QUALITY, 6, "phone", "Phone number"),
    PointRule("linkedin", Component.DATA_QUALITY, 4, "linkedin_url", "LinkedIn profile"),
    PointRule("personal_email", Component.DATA_QUALITY, 2, "personal_email", "Email of a person, not a role"),
    PointRule("seniority", Component.AUTHORITY, 25, "title", "Seniority"),
    PointRule("industry", Component.COMPANY_FIT, 10, "organization_industry", "Industry"),
    PointRule("size", Component.COMPANY_FIT, 8, "organization_employee_count", "Company size"),
    PointRule("country", Component.COMPANY_FIT, 7, "organization_country", "Location"),
    PointRule("new_role", Component.TIMING, 6, "employment_start_date", "New in the role"),
    PointRule("hiring", Component.TIMING, 5, "organization_is_hiring", "Company is hiring"),
    PointRule("funded", Component.TIMING, 4, "organization_latest_funding_date", "Recently funded"),
    PointRule("hard_bounce", Component.RISK, -10, "hard_bounced", "Hard bounce"),
    PointRule("unsubscribed", Component.RISK, -15, "unsubscribed_before", "Earlier unsubscribe"),
    PointRule("competitor", Component.RISK, -15, "is_competitor", "Competitor"),
    PointRule("excluded_title", Component.RISK, -5, "title", "Excluded title"),
)
"""Every rule of the score. Seniority is graded by ``titles.SENIORITY_POINTS``; Risk starts at its maximum, is only
deducted from and never falls below 0; every other rule gives all of its points or none."""
