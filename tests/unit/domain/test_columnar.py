"""Columnar scoring against the rules lead by lead: equal for every lead, weight, profile and day."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain import columnar
from agency_os.domain.als import POINT_RULES, Component
from agency_os.domain.columnar import FIELDS_READ, Column, LeadColumns, score_columns
from agency_os.domain.facts import FIELDS, Fact, LeadFacts
from agency_os.domain.icp import NO_ICP, Icp
from agency_os.domain.lead_import import ImportOptions, LeadList
from agency_os.domain.scoring import READS, AlsScore, judge, score_lead, weighted_total
from agency_os.domain.states import State
from agency_os.domain.weights import DEFAULT_WEIGHTS, Weights, WeightSource

TODAY = date(2026, 11, 23)
DAYS = st.integers(-800, 40).map(lambda days: TODAY + timedelta(days=days))
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "email": st.sampled_from(
        ["pat@acme.example", "pat@gmail.com", "info@Bigpond.com", "", "no at sign", "a@b.example"]
    ),
    "title": st.sampled_from(["Owner", "CFO", "Retired owner", "Student", "Head of Growth", "", "“Boss”"]) | st.text(),
    "domain": st.sampled_from(["acme.example", "rival.example", "other.example"]),
    "phone": st.sampled_from(["+61412345678", ""]),
    "linkedin_url": st.sampled_from(["https://linkedin.com/in/pat", ""]),
    "state": st.sampled_from([state.value for state in State]),
    "employment_start_date": DAYS,
    "organization_latest_funding_date": DAYS,
    "organization_industry": st.sampled_from(["Dental Services", "law", "Software", ""]) | st.text(),
    "organization_employee_count": st.integers(-1, 300),
    "organization_country": st.sampled_from(["Australia", "AU", "nz", "France", "?", ""]),
}
WEIGHTS = st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5).filter(lambda each: sum(each) > 0.01)
PROFILES = [
    NO_ICP,
    Icp(confirmed=True),
    Icp(
        industries=("Dental", "Legal"),
        company_sizes=("11-50", "200+"),
        locations=("Victoria", "New Zealand"),
        competitor_domains=("rival.example", "unheard.example"),
        confirmed=True,
    ),
    Icp(excluded_titles=("head of growth",), competitor_domains=("rival.example",)),
]


@st.composite
def leads(draw: st.DrawFn) -> LeadFacts:
    known: dict[str, Fact[Any]] = {}
    for field in FIELDS:
        value = draw(st.none() | VALUES.get(field, st.booleans()))
        if value is not None:
            source = draw(st.sampled_from(["apollo", "import"]))
            known[field] = Fact(value, source, draw(st.sampled_from([TODAY, TODAY - timedelta(days=9)])))
    return LeadFacts().with_facts(dict(known))


def weights_of(shares: list[float]) -> Weights:
    values = {each: share * 100 / math.fsum(shares) for each, share in zip(Component, shares, strict=True)}
    return Weights(MappingProxyType(values), WeightSource.LEARNED)


def by_columns(batch: list[LeadFacts], icp: Icp, weights: Weights) -> list[AlsScore]:
    scores = score_columns(LeadColumns.of(batch), icp, weights, TODAY)
    return [scores.of(row, facts) for row, facts in enumerate(batch)]


@given(st.lists(leads(), max_size=12), st.sampled_from(PROFILES), st.just(DEFAULT_WEIGHTS) | WEIGHTS.map(weights_of))
def test_a_batch_scores_as_its_leads_do_one_by_one(batch: list[LeadFacts], icp: Icp, weights: Weights) -> None:
    assert by_columns(batch, icp, weights) == [score_lead(facts, icp, weights, TODAY) for facts in batch]


@given(st.lists(leads(), min_size=1, max_size=12), st.sampled_from(PROFILES))
def test_the_arrays_say_what_the_scores_say(batch: list[LeadFacts], icp: Icp) -> None:
    scores = score_columns(LeadColumns.of(batch), icp, DEFAULT_WEIGHTS, TODAY)
    expected = [score_lead(facts, icp, DEFAULT_WEIGHTS, TODAY) for facts in batch]
    assert [*zip(scores.totals, scores.tiers(), strict=True)] == [(each.total, each.tier) for each in expected]
    assert {each: values.tolist() for each, values in scores.components.items()} == {
        each: [score.components[each] for score in expected] for each in Component
    }


@pytest.mark.parametrize("icp", PROFILES)
def test_every_lead_of_the_sample_list_scores_the_same(icp: Icp) -> None:
    with files("agency_os.stack").joinpath("data/demo_leads.csv").open("rb") as stream:
        batch = [lead.facts for read in LeadList(stream, ImportOptions(), TODAY).batches() for lead in read.accepted]
    assert len(batch) > 400
    assert by_columns(batch, icp, DEFAULT_WEIGHTS) == [score_lead(each, icp, DEFAULT_WEIGHTS, TODAY) for each in batch]


@given(leads(), st.sampled_from(PROFILES), st.sampled_from(POINT_RULES))
def test_a_judge_looks_at_no_field_that_is_not_named(facts: LeadFacts, icp: Icp, rule: Any) -> None:
    alone = LeadFacts().with_facts({field: facts.get(field) for field in READS[rule.name]})
    assert judge(rule, alone, icp, TODAY) == judge(rule, facts, icp, TODAY)


def test_every_rule_says_what_it_reads_and_its_own_field_is_there() -> None:
    assert set(READS) == {rule.name for rule in POINT_RULES}
    assert all(rule.field in READS[rule.name] for rule in POINT_RULES)
    assert set(FIELDS_READ) <= set(FIELDS)


def test_a_sum_on_the_edge_of_a_total_is_added_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(points: Mapping[Component, int], weights: Weights) -> int:
        asked.append(weighted_total(points, weights))
        return asked[-1]

    monkeypatch.setattr(columnar, "weighted_total", counted)
    # a verified work email alone gives 0.5 - 1e-9: exactly where the hair above the half ends
    edge = (0.5 - 1e-9) / 8 * 20
    weights = Weights({**dict.fromkeys(Component, 0.0), Component.DATA_QUALITY: edge, Component.TIMING: 100 - edge})
    facts = LeadFacts(email=Fact("a@b.example", "x", TODAY), email_verified=Fact(True, "x", TODAY))
    assert by_columns([facts], NO_ICP, weights) == [score_lead(facts, NO_ICP, weights, TODAY)]
    assert asked == [1]


def test_an_empty_batch_has_no_scores() -> None:
    assert len(score_columns(LeadColumns.of([]), NO_ICP, DEFAULT_WEIGHTS, TODAY)) == 0


def test_a_distinct_title_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(rule: Any, facts: LeadFacts, icp: Icp, today: date) -> Any:
        asked.append(rule.name)
        return judge(rule, facts, icp, today)

    monkeypatch.setattr(columnar, "judge", counted)
    titles = Column(np.arange(100_000, dtype=np.int32) % 2 + 1, (None, "Owner", "Manager"))
    scores = score_columns(LeadColumns(100_000, {"title": titles}), NO_ICP, DEFAULT_WEIGHTS, TODAY)
    assert asked.count("seniority") == 3  # both titles, and none
    assert np.unique(scores.components[Component.AUTHORITY]).tolist() == [7, 25]


def test_equal_lines_of_an_explanation_are_rendered_once() -> None:
    batch = [LeadFacts(title=Fact("Owner", "apollo", TODAY)) for _ in range(50)]
    rendered: list[str] = []
    scores = score_columns(LeadColumns.of(batch), NO_ICP, DEFAULT_WEIGHTS, TODAY)
    explained = scores.explain(batch, lambda line: rendered.append(line.rule) or line.rule)  # type: ignore[func-returns-value]
    assert len(rendered) == len(POINT_RULES) + 1
    assert explained == [rendered] * 50
