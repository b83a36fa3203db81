"""Made-up leads as columns, a million in a second: seeded, with the mix of a real list, and any of them as facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import product
from typing import Final

import numpy as np

from agency_os.domain.columnar import NOT_KNOWN, WORK_ADDRESS, Column, LeadColumns
from agency_os.domain.facts import Fact, FactValue, LeadFacts
from agency_os.domain.icp import Icp
from agency_os.domain.states import State

TODAY: Final = date(2026, 11, 23)
SEED: Final = 7
PROFILE: Final = Icp(
    industries=("Dental", "Legal services", "Construction"),
    company_sizes=("11-50", "51-200"),
    locations=("New South Wales", "Victoria", "New Zealand"),
    competitor_domains=tuple(f"company{n}.example" for n in range(0, 5_000, 500)),
    confirmed=True,
)

_LEVELS: Final = (
    "Owner", "Founder & CEO", "Managing Director", "Chief {} Officer", "VP {}", "Vice President, {}", "{} Director",
    "Head of {}", "Senior {} Manager", "Snr. {} Mgr", "{} Manager", "Assistant {} Manager", "{} Coordinator",
    "{} Specialist", "Intern, {}", "{} Lead",
)  # fmt: skip
_AREAS: Final = (
    "Marketing", "Sales", "Growth", "Operations", "Finance", "People", "Product", "Technology", "Customer", "Brand",
    "Digital", "Revenue", "Commercial", "Legal", "Data", "Strategy", "Content", "Design", "Practice", "Clinic",
)  # fmt: skip
_PLACES: Final = ("", ", APAC", " (Sydney)", " - Melbourne", " | Author")
_INDUSTRIES: Final = tuple(
    f"{name}{kind}"
    for name, kind in product(
        (
            "Dental",
            "Law",
            "Building",
            "Software",
            "Retail",
            "Accounting",
            "Hospitality",
            "Insurance",
            "Mining",
            "Music",
        ),
        ("", " Services", " & Consulting", " Industry", " - Small Business"),
    )
)
_COUNTRIES: Final = ("Australia", "AU", "New Zealand", "United States", "Singapore", "UK", "Elsewhere")


def make_columns(count: int) -> LeadColumns:
    """``count`` leads; the same for the same count."""
    chance = np.random.default_rng(SEED)
    titles = tuple(dict.fromkeys(f"{a.format(b)}{c}" for a, b, c in product(_LEVELS, _AREAS, _PLACES)))
    days = tuple(TODAY - timedelta(days=n) for n in range(-20, 2_000))
    domains = tuple(f"company{n}.example" for n in range(max(count // 5, 1)))
    flags: Sequence[FactValue] = (False, True)
    makers: dict[str, tuple[Sequence[FactValue], float]] = {
        "email": ((WORK_ADDRESS, WORK_ADDRESS, WORK_ADDRESS, "gmail.com", "bigpond.com"), 0.9),
        "email_verified": (flags, 0.7),
        "personal_email": (flags, 1.0),
        "title": (titles, 0.95),
        "phone": (("known",), 0.5),
        "linkedin_url": (("known",), 0.4),
        "domain": (domains, 0.95),
        "state": (tuple(state.value for state in State), 0.6),
        "organization_country": (_COUNTRIES, 0.8),
        "organization_industry": (_INDUSTRIES, 0.7),
        "organization_employee_count": (range(1, 1_001), 0.8),
        "employment_start_date": (days, 0.5),
        "organization_latest_funding_date": (days, 0.2),
        "organization_is_hiring": (flags, 0.3),
        "hard_bounced": ((True,), 0.01),
        "unsubscribed_before": ((True,), 0.01),
        "is_competitor": (flags, 0.02),
    }
    return LeadColumns(count, {name: _drawn(chance, count, *made) for name, made in makers.items()})


def facts_at(leads: LeadColumns, row: int) -> LeadFacts:
    """The lead at ``row`` as the rules that go lead by lead take it."""
    known: dict[str, Fact[FactValue] | None] = {}
    for field, column in leads.columns.items():
        value = column.values[column.codes[row]]
        if value is not None:
            known[field] = Fact(value, "import", TODAY)
    return LeadFacts().with_facts(known)


def _drawn(chance: np.random.Generator, count: int, choices: Sequence[FactValue], share_known: float) -> Column:
    values = (None, *dict.fromkeys(choices))
    place = {value: code for code, value in enumerate(values)}
    codes = np.array([place[value] for value in choices], np.int32)[chance.integers(0, len(choices), count)]
    codes[chance.random(count) >= share_known] = NOT_KNOWN
    return Column(codes, values)
