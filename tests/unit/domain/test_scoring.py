"""The ALS of a lead: each rule's points and reason, the weighted total, the explanation (Part 6, decisions 23, 24)."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.als import COMPONENT_MAX, POINT_RULES, AlsTier, Component
from agency_os.domain.channels import Channel
from agency_os.domain.facts import Fact, LeadFacts
from agency_os.domain.icp import NO_ICP, Icp
from agency_os.domain.scoring import AlsScore, PointLine, months_later, score_lead, weighted_total
from agency_os.domain.weights import DEFAULT_WEIGHTS, Weights, WeightSource

TODAY = date(2026, 11, 23)
SEEN = date(2026, 11, 1)
ICP = Icp(industries=("Dental",), company_sizes=("11-50",), locations=("Victoria",), confirmed=True)


def facts(**values: Any) -> LeadFacts:
    return LeadFacts(**{name: Fact(value, "apollo", SEEN) for name, value in values.items()})


BEST = {
    "email": "pat@acme.example",
    "email_verified": True,
    "personal_email": True,
    "phone": "+61412345678",
    "linkedin_url": "https://linkedin.com/in/pat",
    "title": "Founder",
    "state": "VIC",
    "organization_industry": "Dental Services",
    "organization_employee_count": 20,
    "organization_country": "Australia",
    "organization_is_hiring": True,
    "employment_start_date": date(2026, 9, 1),
    "organization_latest_funding_date": date(2026, 3, 1),
}


def score(icp: Icp = ICP, /, **values: Any) -> AlsScore:
    return score_lead(facts(**values), icp, DEFAULT_WEIGHTS, TODAY)


def line(rule: str, icp: Icp = ICP, /, **values: Any) -> PointLine:
    return next(each for each in score(icp, **values).explanation if each.rule == rule)


def told(rule: str, icp: Icp = ICP, /, **values: Any) -> tuple[int, str]:
    found = line(rule, icp, **values)
    return found.points, found.reason


def test_a_lead_that_has_everything_scores_a_hundred() -> None:
    best = score(**BEST)
    assert (best.total, best.tier) == (100, AlsTier.HOT)
    assert dict(best.components) == COMPONENT_MAX


def test_a_lead_of_which_nothing_is_known_keeps_its_risk_points() -> None:
    nothing = score()
    assert (nothing.total, nothing.tier) == (15, AlsTier.DEAD)
    assert nothing.channels == frozenset()


def test_a_hot_lead_opens_every_channel() -> None:
    assert score(**BEST).channels == frozenset(Channel)


def test_the_explanation_has_a_line_for_every_rule_and_adds_up() -> None:
    best = score(**BEST, hard_bounced=True)
    assert [each.rule for each in best.explanation] == ["start", *(rule.name for rule in POINT_RULES)]
    assert sum(each.points for each in best.explanation) == sum(best.components.values()) == 90


def test_a_line_says_which_field_from_which_source_of_which_date() -> None:
    assert line("phone", phone="+61412345678").to_json() == {
        "component": "data_quality",
        "rule": "phone",
        "points": 6,
        "max": 6,
        "reason": "phone number known",
        "field": "phone",
        "source": "apollo",
        "as_of": "2026-11-01",
    }


def test_a_line_about_what_is_not_known_has_no_source() -> None:
    assert (line("phone").source, line("phone").to_json()["as_of"]) == (None, None)


# data quality


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"email": "pat@acme.example", "email_verified": True}, (8, "work email, verified")),
        ({"email": "pat@acme.example"}, (0, "the email is not verified")),
        ({"email": "pat@acme.example", "email_verified": False}, (0, "the email did not pass verification")),
        ({"email": "pat@gmail.com", "email_verified": True}, (0, "the email is a free mailbox, not a work address")),
        ({"email_verified": True}, (0, "no email")),
    ],
)
def test_only_a_verified_work_email_counts(values: dict[str, Any], expected: tuple[int, str]) -> None:
    assert told("verified_work_email", **values) == expected


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ({"email": "pat@acme.example", "personal_email": True}, 2),
        ({"email": "info@acme.example", "personal_email": False}, 0),
        ({"personal_email": True}, 0),
    ],
)
def test_the_email_of_a_person_and_not_of_a_role_counts(values: dict[str, Any], points: int) -> None:
    assert line("personal_email", **values).points == points


def test_a_linkedin_profile_counts() -> None:
    assert told("linkedin", linkedin_url="https://linkedin.com/in/pat") == (4, "LinkedIn profile known")


# authority


@pytest.mark.parametrize(
    ("title", "points"),
    [
        ("Owner", 25),
        ("Founder", 25),
        ("CEO", 25),
        ("CFO", 22),
        ("VP Sales", 18),
        ("Director", 15),
        ("Head of Growth", 10),
        ("Senior Manager", 10),
        ("Marketing Manager", 7),
        ("Copywriter", 0),
    ],
)
def test_authority_is_graded_by_title(title: str, points: int) -> None:
    assert score(title=title).components[Component.AUTHORITY] == points


def test_without_a_title_there_is_no_authority() -> None:
    assert told("seniority") == (0, "no job title")


# company fit


def test_before_an_icp_is_confirmed_the_industry_counts_nothing() -> None:
    assert told("industry", NO_ICP, organization_industry="Dental") == (0, "no ICP yet")


@pytest.mark.parametrize(("employees", "points"), [(4, 0), (5, 8), (50, 8), (51, 0)])
def test_before_an_icp_is_confirmed_5_to_50_employees_fit(employees: int, points: int) -> None:
    assert line("size", NO_ICP, organization_employee_count=employees).points == points


@pytest.mark.parametrize(("country", "points"), [("Australia", 7), ("AU", 7), ("New Zealand", 0)])
def test_before_an_icp_is_confirmed_australia_fits(country: str, points: int) -> None:
    assert line("country", NO_ICP, organization_country=country).points == points


@pytest.mark.parametrize(("employees", "points"), [(10, 0), (11, 8), (50, 8), (51, 0)])
def test_a_confirmed_size_replaces_the_default(employees: int, points: int) -> None:
    assert line("size", organization_employee_count=employees).points == points


@pytest.mark.parametrize(("state", "points"), [("VIC", 7), ("NSW", 0)])
def test_a_confirmed_state_replaces_the_default(state: str, points: int) -> None:
    assert line("country", organization_country="Australia", state=state).points == points


def test_an_industry_of_the_icp_counts() -> None:
    assert told("industry", organization_industry="Dental Services") == (
        10,
        "Dental Services matches Dental of the ICP",
    )


def test_another_industry_counts_nothing() -> None:
    assert told("industry", organization_industry="Mining") == (0, "Mining is not an industry of the ICP")


# timing


@pytest.mark.parametrize(
    ("since", "points"),
    [
        (date(2026, 11, 23), 6),
        (date(2026, 5, 24), 6),
        (date(2026, 5, 23), 0),
        (date(2026, 11, 24), 0),
    ],
)
def test_a_role_is_new_for_less_than_six_months(since: date, points: int) -> None:
    assert line("new_role", employment_start_date=since).points == points


@pytest.mark.parametrize(("funded", "points"), [(date(2025, 11, 24), 4), (date(2025, 11, 23), 0)])
def test_funding_is_recent_for_less_than_twelve_months(funded: date, points: int) -> None:
    assert line("funded", organization_latest_funding_date=funded).points == points


@pytest.mark.parametrize(("hiring", "points"), [(True, 5), (False, 0)])
def test_a_company_that_is_hiring_counts(hiring: bool, points: int) -> None:
    assert line("hiring", organization_is_hiring=hiring).points == points


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
    ],
)
def test_months_end_on_the_last_day_of_short_ones(day: date, months: int, expected: date) -> None:
    assert months_later(day, months) == expected


# risk


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({}, 15),
        ({"hard_bounced": True}, 5),
        ({"unsubscribed_before": True}, 0),
        ({"is_competitor": True}, 0),
        ({"title": "Marketing Intern"}, 10),
        ({"hard_bounced": True, "title": "Student"}, 0),
        ({"hard_bounced": True, "unsubscribed_before": True, "is_competitor": True}, 0),
        ({"hard_bounced": False, "unsubscribed_before": False, "is_competitor": False}, 15),
    ],
)
def test_risk_is_deducted_and_never_falls_below_nothing(values: dict[str, Any], left: int) -> None:
    assert score(**values).components[Component.RISK] == left


def test_a_company_on_the_clients_list_is_a_competitor() -> None:
    rivals = Icp(competitor_domains=("rival.example",))
    assert told("competitor", rivals, domain="rival.example")[0] == -15


def test_what_the_floor_takes_back_is_not_deducted() -> None:
    found = score(unsubscribed_before=True, is_competitor=True)
    assert [each.points for each in found.explanation if each.component is Component.RISK] == [15, 0, -15, 0, 0]


# weights

POINTS = st.fixed_dictionaries({each: st.integers(0, COMPONENT_MAX[each]) for each in Component})
RAW = st.lists(st.floats(0, 1000), min_size=5, max_size=5).filter(lambda raw: sum(raw) > 1)


def weighted(*values: float) -> Weights:
    scale = 100 / sum(values)
    pairs = {each: value * scale for each, value in zip(Component, values, strict=True)}
    return Weights(MappingProxyType(pairs), WeightSource.LEARNED)


@given(POINTS)
def test_the_default_weights_give_the_sum_of_the_points(points: dict[Component, int]) -> None:
    assert weighted_total(points, DEFAULT_WEIGHTS) == sum(points.values())


@given(POINTS, RAW)
def test_a_weighted_total_lies_between_0_and_100(points: dict[Component, int], raw: list[float]) -> None:
    assert 0 <= weighted_total(points, weighted(*raw)) <= 100


@given(RAW)
def test_full_points_are_a_hundred_under_any_weights(raw: list[float]) -> None:
    assert weighted_total(COMPONENT_MAX, weighted(*raw)) == 100


@given(POINTS, RAW, st.sampled_from(Component))
def test_more_points_never_lower_the_total(
    points: dict[Component, int], raw: list[float], component: Component
) -> None:
    more = {**points, component: COMPONENT_MAX[component]}
    assert weighted_total(more, weighted(*raw)) >= weighted_total(points, weighted(*raw))


def test_points_are_divided_by_the_maximum_times_the_weight() -> None:
    points = dict.fromkeys(Component, 0) | {Component.AUTHORITY: 15}
    assert weighted_total(points, weighted(10, 50, 20, 10, 10)) == 30


def test_halves_are_rounded_up() -> None:
    points = dict.fromkeys(Component, 0) | {Component.DATA_QUALITY: 1}
    assert weighted_total(points, weighted(10, 60, 10, 10, 10)) == 1  # 1/20 × 10 = 0.5


def test_the_columns_hold_unweighted_points() -> None:
    heavy = score_lead(facts(title="Owner"), ICP, weighted(0, 100, 0, 0, 0), TODAY)
    assert (heavy.total, heavy.components[Component.AUTHORITY]) == (100, 25)
    assert heavy.weights.source is WeightSource.LEARNED
