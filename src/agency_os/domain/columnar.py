"""The ALS of a batch held as columns: the rules and judges of ``scoring``, each asked once per distinct case.

Fields are dictionary coded, so a rule judges every distinct value (or pair of values) once and the leads only look the
verdict up: a million cost a few passes over arrays. Promise: score, tier, components and explanation of every lead
equal those of ``score_lead``; there is no second table of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from operator import attrgetter
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from agency_os.domain.als import COMPONENT_MAX, MAX_SCORE, POINT_RULES, AlsTier, Component, PointRule, tier_of
from agency_os.domain.facts import Fact, FactValue, LeadFacts
from agency_os.domain.icp import Icp
from agency_os.domain.scoring import (
    READS,
    START_POINTS,
    AlsScore,
    PointLine,
    Verdict,
    judge,
    point_line,
    risk_start,
    weighted_total,
)
from agency_os.domain.weights import Weights
from agency_os.kit.addresses import is_free_mail

T = TypeVar("T")

NOT_KNOWN: Final = -1
"""The code of a lead whose field is not known."""
WORK_ADDRESS: Final = "a work address"
"""Stands in the column ``email`` for every address that is no free mailbox: rules tell no more apart."""
FIELDS_READ: Final = tuple(dict.fromkeys(field for rule in POINT_RULES for field in READS[rule.name]))
"""The columns that scoring looks at."""

_TIERS: Final = tuple(AlsTier)
_TIER_CODES: Final = np.array([_TIERS.index(tier_of(total)) for total in range(MAX_SCORE + 1)], np.uint8)
_NEAR: Final = 1e-10
"""Sums this close to where a total steps up are added exactly: NumPy's plain sum may stray by some 1e-13."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of many leads: ``codes`` point into the distinct ``values``, or are ``NOT_KNOWN``."""

    codes: NDArray[np.int32]
    values: tuple[FactValue, ...]

    @classmethod
    def of(cls, values: Iterable[FactValue | None], count: int) -> Column:
        """The dictionary coding of ``count`` values."""
        known: dict[FactValue, int] = {}
        codes = (NOT_KNOWN if each is None else known.setdefault(each, len(known)) for each in values)
        return cls(np.fromiter(codes, np.int32, count), tuple(known))


@dataclass(frozen=True, slots=True)
class LeadColumns:
    """``size`` leads by field (``FIELDS_READ``); a field without a column is known of none of them.

    ``email`` holds free-mail domains and ``WORK_ADDRESS``; ``phone`` and ``linkedin_url`` any text, or "" for none.
    """

    size: int
    columns: Mapping[str, Column]

    @classmethod
    def of(cls, leads: Sequence[LeadFacts]) -> LeadColumns:
        """The columns of ``leads``, in their order."""
        return cls(len(leads), {field: Column.of(_values(leads, field), len(leads)) for field in FIELDS_READ})


@dataclass(frozen=True, slots=True)
class _Judged:
    """One rule over the batch: ``cases`` says for each lead which of the ``verdicts`` is its own."""

    rule: PointRule
    cases: NDArray[np.int32]
    verdicts: tuple[Verdict, ...]

    @property
    def points(self) -> NDArray[np.int8]:
        return np.array([given for given, _ in self.verdicts], np.int8)


@dataclass(frozen=True, slots=True)
class ColumnScores:
    """The scores of a batch: totals of 0–100, tiers as positions in ``AlsTier``, unweighted points by component."""

    totals: NDArray[np.uint8]
    tier_codes: NDArray[np.uint8]
    components: Mapping[Component, NDArray[np.int8]]
    weights: Weights
    judged: tuple[_Judged, ...]

    def __len__(self) -> int:
        return len(self.totals)

    def tiers(self) -> list[AlsTier]:
        """The tier of each lead."""
        return [_TIERS[code] for code in self.tier_codes.tolist()]

    def of(self, row: int, facts: LeadFacts) -> AlsScore:
        """The whole score of the lead at ``row``, whose facts are given for their sources and dates."""
        points = {component: int(values[row]) for component, values in self.components.items()}
        lines = self.explain([facts], lambda line: line, first=row)[0]
        tier = _TIERS[int(self.tier_codes[row])]
        return AlsScore(int(self.totals[row]), tier, MappingProxyType(points), self.weights, tuple(lines))

    def explain(self, leads: Sequence[LeadFacts], render: Callable[[PointLine], T], *, first: int = 0) -> list[list[T]]:
        """The explanations of ``leads``, which begin at the row ``first``; equal lines are rendered once."""
        rules = [(each.rule, each.cases[first : first + len(leads)].tolist(), each.verdicts) for each in self.judged]
        start, known = render(risk_start()), {}
        explanations = []
        for row, facts in enumerate(leads):
            lines, points = [start], dict(START_POINTS)
            for number, (rule, cases, verdicts) in enumerate(rules):
                given, reason = verdicts[cases[row]]
                before = points[rule.component]
                points[rule.component] = after = max(before + given, 0)
                fact = facts.get(rule.field)
                source = (fact.source, fact.as_of) if fact is not None else None
                key = (number, cases[row], after - before, source)
                if key not in known:
                    known[key] = render(point_line(rule, after - before, reason, fact))
                lines.append(known[key])
            explanations.append(lines)
        return explanations


def score_columns(leads: LeadColumns, icp: Icp, weights: Weights, today: date) -> ColumnScores:
    """The ALS of every lead of the batch on the day ``today`` (in the leads' country)."""
    judged = tuple(_judged(rule, leads, icp, today) for rule in POINT_RULES)
    components = {each: np.full(leads.size, START_POINTS[each], np.int8) for each in Component}
    reachable = {each: np.array([START_POINTS[each]]) for each in Component}
    for each in judged:
        points, component = each.points, each.rule.component
        values = components[component]
        values += points[each.cases] if points.any() else 0
        if points.min() < 0:
            np.maximum(values, 0, out=values)
        reachable[component] = np.unique(np.maximum(np.add.outer(reachable[component], points), 0))
    totals = _totals(components, reachable, weights)
    return ColumnScores(totals, _TIER_CODES[totals], MappingProxyType(components), weights, judged)


def _judged(rule: PointRule, leads: LeadColumns, icp: Icp, today: date) -> _Judged:
    """Judges each distinct case of the fields that the rule reads, "not known" being one of a field's values."""
    fields = READS[rule.name]
    cases = np.zeros(leads.size, np.int32)
    choices: list[tuple[FactValue | None, ...]] = []
    for field in fields:
        column = leads.columns.get(field)
        if column is not None and field == "domain":
            column = _only(column, icp.competitor_domains)
        values = column.values if column is not None else ()
        choices.append((None, *values))
        if column is not None and values:
            cases *= len(values) + 1
            cases += column.codes
            cases += 1
    verdicts = tuple(judge(rule, _facts(fields, case), icp, today) for case in product(*choices))
    return _Judged(rule, cases, verdicts)


def _facts(fields: Sequence[str], case: Sequence[FactValue | None]) -> LeadFacts:
    known = {field: Fact(value, "", date.min) for field, value in zip(fields, case, strict=True) if value is not None}
    return LeadFacts().with_facts(dict(known))


def _only(column: Column, wanted: Sequence[str]) -> Column:
    """The column with ``wanted`` values alone: any other domain is like none to the rule about competitors."""
    names = frozenset(wanted)
    found = [(code, value) for code, value in enumerate(column.values) if value in names] if names else []
    if not found:
        return Column(column.codes, ())
    codes = np.full(len(column.values) + 1, NOT_KNOWN, np.int32)
    codes[[code for code, _ in found]] = range(len(found))
    return Column(codes[column.codes], tuple(value for _, value in found))


def _totals(
    components: Mapping[Component, NDArray[np.int8]], reachable: Mapping[Component, NDArray[np.int_]], weights: Weights
) -> NDArray[np.uint8]:
    """The weighted total of each lead: every combination of points that the rules can reach is totalled once."""
    grid = np.zeros(1)
    place = np.zeros(len(components[Component.RISK]), np.int32)
    for each in Component:
        points = reachable[each]
        grid = np.add.outer(grid, points / COMPONENT_MAX[each] * weights.values[each]).ravel()
        rank = np.zeros(COMPONENT_MAX[each] + 1, np.int32)
        rank[points] = range(len(points))
        place *= len(points)
        place += rank[components[each]]
    stepped = grid + 0.5 + 1e-9
    totals = np.clip(np.floor(stepped), 0, MAX_SCORE).astype(np.uint8)
    for near in np.flatnonzero(np.abs(stepped - np.rint(stepped)) < _NEAR):
        chosen = np.unravel_index(near, [len(reachable[each]) for each in Component])
        exact = {each: int(reachable[each][at]) for each, at in zip(Component, chosen, strict=True)}
        totals[near] = weighted_total(exact, weights)
    return totals[place]


def _values(leads: Sequence[LeadFacts], field: str) -> Iterable[FactValue | None]:
    seen = _SEEN.get(field)
    for fact in map(attrgetter(field), leads):
        if fact is None:
            yield None
        else:
            yield seen(fact.value) if seen is not None else fact.value


def _mailbox(email: str) -> str:
    domain = email.rpartition("@")[2]
    return domain if is_free_mail(domain) else WORK_ADDRESS


def _presence(text: str) -> str:
    return "known" if text else ""


_SEEN: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {"email": _mailbox, "phone": _presence, "linkedin_url": _presence}
)
"""What rules see of fields that are different with every lead."""
