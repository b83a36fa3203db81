"""The ALS of a batch held as columns: the rules and judges of ``scoring``, each asked once per distinct case.

Fields are dictionary coded, so a rule judges every distinct value (or pair of values) once and the leads only look the
verdict up: a million cost a few passes over arrays. Promise: score, tier, components and explanation of every lead
equal those of ``score_lead``; there is no second table of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import compress, product
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

NOT_KNOWN: Final = 0
"""The code of a lead whose field is not known. No code is below 0: NumPy looks those up at a third of the speed."""
WORK_ADDRESS: Final = "a work address"
"""Stands in the column ``email`` for every address that is no free mailbox: rules tell no more apart."""
FIELDS_READ: Final = tuple(dict.fromkeys(field for rule in POINT_RULES for field in READS[rule.name]))
"""The columns that scoring looks at."""

_TIERS: Final = tuple(AlsTier)
_TIER_CODES: Final = np.array([_TIERS.index(tier_of(total)) for total in range(MAX_SCORE + 1)], np.uint8)
_BLOCK: Final = 32_768
"""Leads whose points are added up together: few enough for a processor's nearest memory."""
_NEAR: Final = 1e-10
"""Sums this close to where a total steps up are added exactly: NumPy's plain sum may stray by some 1e-13."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of many leads: ``codes`` point into the distinct ``values``, of which the first is None, not known."""

    codes: NDArray[np.int32]
    values: tuple[FactValue | None, ...]

    @classmethod
    def of(cls, values: Iterable[FactValue | None], count: int) -> Column:
        """The dictionary coding of ``count`` values."""
        places: dict[FactValue | None, int] = {None: NOT_KNOWN}
        codes = np.fromiter((places.setdefault(each, len(places)) for each in values), np.int32, count)
        return cls(codes, tuple(places))


_NO_COLUMN: Final = Column(np.empty(0, np.int32), (None,))


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
    """One rule over the batch: ``cases`` says for each lead which of the ``verdicts`` (and ``points``) is its own."""

    rule: PointRule
    cases: NDArray[np.int32]
    verdicts: tuple[Verdict, ...]
    points: NDArray[np.int8]


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
    totals_of = _Totals.of(judged, weights)
    components = {each: np.full(leads.size, START_POINTS[each], np.int8) for each in Component}
    totals = np.empty(leads.size, np.uint8)
    for start in range(0, leads.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        for each in judged:
            points = components[each.rule.component][rows]
            points += each.points.take(each.cases[rows])
            if each.rule.points < 0:
                np.maximum(points, 0, out=points)
        totals[rows] = totals_of.look_up({each: points[rows] for each, points in components.items()})
    return ColumnScores(totals, _TIER_CODES.take(totals), MappingProxyType(components), weights, judged)


def _judged(rule: PointRule, leads: LeadColumns, icp: Icp, today: date) -> _Judged:
    """Judges each distinct case of the fields that the rule reads, "not known" being one of a field's values."""
    columns = {field: leads.columns.get(field, _NO_COLUMN) for field in READS[rule.name]}
    if "domain" in columns:
        columns["domain"] = _only(columns["domain"], icp.competitor_domains)
    cases = product(*(column.values for column in columns.values()))
    verdicts = tuple(judge(rule, _facts(columns, case), icp, today) for case in cases)
    places: NDArray[np.int32] | None = None
    for column in columns.values():
        if len(column.values) > 1:
            places = column.codes if places is None else places * np.int32(len(column.values)) + column.codes
    if places is None:
        places = np.zeros(leads.size, np.int32)
    return _Judged(rule, places, verdicts, np.array([given for given, _ in verdicts], np.int8))


def _facts(fields: Iterable[str], case: Iterable[FactValue | None]) -> LeadFacts:
    """A lead that has the fields of one rule and no others: a judge that looked further would fail."""
    facts = LeadFacts.__new__(LeadFacts)
    for field, value in zip(fields, case, strict=True):
        object.__setattr__(facts, field, Fact(value, "", date.min) if value is not None else None)
    return facts


def _only(column: Column, wanted: Iterable[FactValue]) -> Column:
    """The column with ``wanted`` values alone: any other domain is like none to the rule about competitors."""
    names = frozenset(wanted)
    found = list(compress(range(len(column.values)), map(names.__contains__, column.values))) if names else []
    if not found:
        return _NO_COLUMN
    codes = np.full(len(column.values), NOT_KNOWN, np.int32)
    codes[found] = range(1, len(found) + 1)
    return Column(codes.take(column.codes), (None, *(column.values[code] for code in found)))


@dataclass(frozen=True, slots=True)
class _Totals:
    """The weighted total of every combination of points that the rules can reach: ``table`` by the sum of ``places``,
    which give each component's points its part of the position."""

    table: NDArray[np.uint8]
    places: Mapping[Component, NDArray[np.int32]]

    @classmethod
    def of(cls, judged: Sequence[_Judged], weights: Weights) -> _Totals:
        """Totals under ``weights``."""
        reached = {each: np.array([START_POINTS[each]]) for each in Component}
        for each in judged:
            sums = np.add.outer(reached[each.rule.component], np.unique(each.points))
            reached[each.rule.component] = np.unique(np.maximum(sums, 0))
        exact, places = np.zeros(1), {}
        for component in reversed(Component):
            points = reached[component]
            places[component] = np.zeros(COMPONENT_MAX[component] + 1, np.int32)
            places[component][points] = np.arange(len(points)) * len(exact)
            exact = np.add.outer(points / COMPONENT_MAX[component] * weights.values[component], exact).ravel()
        stepped = exact + 0.5 + 1e-9  # as in weighted_total
        table = np.clip(np.floor(stepped), 0, MAX_SCORE).astype(np.uint8)
        for near in np.flatnonzero(np.abs(stepped - np.rint(stepped)) < _NEAR):
            chosen = np.unravel_index(near, [len(reached[each]) for each in Component])
            combination = {each: int(reached[each][at]) for each, at in zip(Component, chosen, strict=True)}
            table[near] = weighted_total(combination, weights)
        return cls(table, places)

    def look_up(self, points: Mapping[Component, NDArray[np.int8]]) -> NDArray[np.uint8]:
        """The total of each lead."""
        first, *others = Component
        place = self.places[first].take(points[first])
        for each in others:
            place += self.places[each].take(points[each])
        return self.table.take(place)


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
