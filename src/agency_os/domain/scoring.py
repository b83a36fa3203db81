"""The ALS of one lead: unweighted points per component, the weighted total, its tier, and why, point by point.

Pure and deterministic: facts, profile, weights and the day are handed in. Rules and points are ``als.POINT_RULES``;
each rule has one judge here, which ``columnar`` asks as well. Source: blueprint Part 6, design decisions 23 and 24.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from agency_os.domain.als import (
    COMPONENT_MAX,
    FUNDED_MONTHS,
    NEW_ROLE_MONTHS,
    POINT_RULES,
    AlsTier,
    Component,
    PointRule,
    tier_of,
)
from agency_os.domain.channels import CHANNELS_BY_TIER, Channel
from agency_os.domain.facts import Fact, FactValue, LeadFacts, state_of
from agency_os.domain.icp import Icp, excluded_title, fits_location, fits_size, matching_industry
from agency_os.domain.states import read_country
from agency_os.domain.titles import SENIORITY_POINTS, Seniority, read_title
from agency_os.domain.weights import Weights
from agency_os.kit.addresses import is_free_mail


@dataclass(frozen=True, slots=True)
class PointLine:
    """Why one rule gave ``points`` of ``most``: a plain reason, and the field it read with its source and date.

    A deduction has points below 0 of a ``most`` of 0; what a component floor takes back is not deducted.
    """

    component: Component
    rule: str
    points: int
    most: int
    reason: str
    field: str
    source: str | None
    as_of: date | None

    def to_json(self) -> dict[str, str | int | None]:
        """The form stored with the score."""
        return {
            "component": self.component.value,
            "rule": self.rule,
            "points": self.points,
            "max": self.most,
            "reason": self.reason,
            "field": self.field,
            "source": self.source,
            "as_of": self.as_of.isoformat() if self.as_of else None,
        }


@dataclass(frozen=True, slots=True)
class AlsScore:
    """A score of 0–100 with its tier, its five unweighted components, the weights used and the explanation."""

    total: int
    tier: AlsTier
    components: Mapping[Component, int]
    weights: Weights
    explanation: tuple[PointLine, ...]

    @property
    def channels(self) -> frozenset[Channel]:
        """What the tier opens at most."""
        return CHANNELS_BY_TIER[self.tier]


@dataclass(frozen=True, slots=True)
class _Case:
    """What a judge sees."""

    facts: LeadFacts
    icp: Icp
    today: date


Verdict = tuple[int, str]
"""Points and the reason for them."""

_Judge = Callable[[_Case, PointRule], Verdict]


def score_lead(facts: LeadFacts, icp: Icp, weights: Weights, today: date) -> AlsScore:
    """The ALS of a lead on the day ``today`` (in the lead's country)."""
    lines = [risk_start()]
    points = dict(START_POINTS)
    for rule in POINT_RULES:
        given, reason = judge(rule, facts, icp, today)
        before = points[rule.component]
        points[rule.component] = max(before + given, 0)
        lines.append(point_line(rule, points[rule.component] - before, reason, facts.get(rule.field)))
    total = weighted_total(points, weights)
    return AlsScore(total, tier_of(total), MappingProxyType(points), weights, tuple(lines))


START_POINTS: Final[Mapping[Component, int]] = MappingProxyType(
    {each: COMPONENT_MAX[each] if each is Component.RISK else 0 for each in Component}
)
"""Where each component starts: Risk at its maximum, the others at 0."""


def judge(rule: PointRule, facts: LeadFacts, icp: Icp, today: date) -> Verdict:
    """What one rule gives, before the floor of its component. It looks at the fields ``READS[rule.name]`` alone."""
    return _JUDGES[rule.name](_Case(facts, icp, today), rule)


def weighted_total(points: Mapping[Component, int], weights: Weights) -> int:
    """Points ÷ maximum × weight over the components, halves rounded up."""
    exact = math.fsum(points[each] / COMPONENT_MAX[each] * weights.values[each] for each in Component)
    # a hair above the half, so that 0.5 lost to binary fractions still rounds up; 0–100 even where the sum strays
    return min(max(math.floor(exact + 0.5 + 1e-9), 0), 100)


def risk_start() -> PointLine:
    """The first line of every explanation."""
    most = COMPONENT_MAX[Component.RISK]
    return PointLine(Component.RISK, "start", most, most, "Risk starts at its maximum", "", None, None)


def point_line(rule: PointRule, points: int, reason: str, fact: Fact[FactValue] | None) -> PointLine:
    """The line of ``rule``, with source and date of the ``fact`` in its field."""
    source, as_of = (fact.source, fact.as_of) if fact is not None else (None, None)
    return PointLine(rule.component, rule.name, points, max(rule.points, 0), reason, rule.field, source, as_of)


def _verified_work_email(case: _Case, rule: PointRule) -> Verdict:
    email, verified = case.facts.email, case.facts.email_verified
    if email is None:
        return 0, "no email"
    if is_free_mail(email.value.rpartition("@")[2]):
        return 0, "the email is a free mailbox, not a work address"
    if verified is None or not verified.value:
        return 0, "the email is not verified" if verified is None else "the email did not pass verification"
    return rule.points, "work email, verified"


def _known(present: str, missing: str) -> _Judge:
    def judge(case: _Case, rule: PointRule) -> Verdict:
        fact = case.facts.get(rule.field)
        return (rule.points, present) if fact is not None and fact.value else (0, missing)

    return judge


def _personal_email(case: _Case, rule: PointRule) -> Verdict:
    flag = case.facts.personal_email
    if case.facts.email is None or flag is None:
        return 0, "no email"
    return (rule.points, "the email belongs to a person") if flag.value else (0, "the email is a role address")


def _seniority(case: _Case, rule: PointRule) -> Verdict:
    if case.facts.title is None:
        return 0, "no job title"
    title = case.facts.title.value
    reading = read_title(title)
    if reading.seniority is Seniority.OTHER:
        return 0, f"“{title}” names no level from manager up"
    return min(SENIORITY_POINTS[reading.seniority], rule.points), f"“{title}” is {_LEVELS[reading.seniority]}"


_LEVELS: Final[Mapping[Seniority, str]] = MappingProxyType(
    {
        Seniority.OWNER: "an owner, founder, CEO or managing director",
        Seniority.C_LEVEL: "of the C-level",
        Seniority.VP: "a vice president",
        Seniority.DIRECTOR: "a director",
        Seniority.SENIOR_MANAGER: "a head of or senior manager",
        Seniority.MANAGER: "a manager",
    }
)


def _industry(case: _Case, rule: PointRule) -> Verdict:
    if not case.icp.confirmed:
        return 0, "no ICP yet"
    if not case.icp.industries:
        return 0, "the ICP names no industry"
    if case.facts.organization_industry is None:
        return 0, "industry not known"
    industry = case.facts.organization_industry.value
    wanted = matching_industry(industry, case.icp.industries)
    if wanted is None:
        return 0, f"{industry} is not an industry of the ICP"
    return rule.points, f"{industry} matches {wanted} of the ICP"


def _size(case: _Case, rule: PointRule) -> Verdict:
    fact = case.facts.organization_employee_count
    if fact is None:
        return 0, "company size not known"
    fits = fits_size(fact.value, case.icp)
    basis = "the ICP" if case.icp.confirmed and case.icp.company_sizes else "the default of 5–50"
    return (rule.points if fits else 0), f"{fact.value} employees {'fit' if fits else 'do not fit'} {basis}"


def _country(case: _Case, rule: PointRule) -> Verdict:
    fact, state = case.facts.organization_country, state_of(case.facts)
    if fact is None and state is None:
        return 0, "location not known"
    country = read_country(fact.value) if fact is not None else None
    fits = fits_location(country or ("AU" if fact is None else None), state, case.icp)
    where = ", ".join(part for part in (state, fact.value if fact else None) if part)
    return (rule.points if fits else 0), f"{where} {'is' if fits else 'is not'} where the client sells"


def _within(months: int, gained: str, missed: str) -> _Judge:
    def judge(case: _Case, rule: PointRule) -> Verdict:
        fact = case.facts.get(rule.field)
        if fact is None or not isinstance(fact.value, date):
            return 0, f"{missed}: date not known"
        when = fact.value
        if when > case.today:
            return 0, f"{missed}: {when.isoformat()} is still to come"
        if case.today >= months_later(when, months):
            return 0, f"{missed}: {when.isoformat()} is {months} months ago or more"
        return rule.points, f"{gained}: {when.isoformat()}"

    return judge


def months_later(day: date, months: int) -> date:
    """The same day ``months`` later, or the last of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _flagged(hit: str, clear: str) -> _Judge:
    def judge(case: _Case, rule: PointRule) -> Verdict:
        fact = case.facts.get(rule.field)
        return (rule.points, hit) if fact is not None and fact.value else (0, clear)

    return judge


def _competitor(case: _Case, rule: PointRule) -> Verdict:
    flag, domain = case.facts.is_competitor, case.facts.domain
    if flag is not None and flag.value:
        return rule.points, "marked as a competitor"
    if domain is not None and domain.value in case.icp.competitor_domains:
        return rule.points, f"{domain.value} is on the client's list of competitors"
    return 0, "not known as a competitor"


def _excluded_title(case: _Case, rule: PointRule) -> Verdict:
    title = case.facts.title
    name = excluded_title(title.value, case.icp) if title is not None else None
    return (rule.points, f"“{name}” is an excluded title") if name else (0, "title not excluded")


_JUDGES: Final[Mapping[str, _Judge]] = MappingProxyType(
    {
        "verified_work_email": _verified_work_email,
        "phone": _known("phone number known", "no phone number"),
        "linkedin": _known("LinkedIn profile known", "no LinkedIn profile"),
        "personal_email": _personal_email,
        "seniority": _seniority,
        "industry": _industry,
        "size": _size,
        "country": _country,
        "new_role": _within(NEW_ROLE_MONTHS, "new in the role since", "not new in the role"),
        "hiring": _known("the company is hiring", "not known to be hiring"),
        "funded": _within(FUNDED_MONTHS, "funded", "no recent funding"),
        "hard_bounce": _flagged("an email to this person bounced for good", "no hard bounce"),
        "unsubscribed": _flagged("unsubscribed before", "no earlier unsubscribe"),
        "competitor": _competitor,
        "excluded_title": _excluded_title,
    }
)
"""One judge per rule of ``POINT_RULES``; a test holds the two together."""

READS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **{rule.name: (rule.field,) for rule in POINT_RULES},
        "verified_work_email": ("email", "email_verified"),
        "personal_email": ("email", "personal_email"),
        "country": ("organization_country", "state"),
        "competitor": ("is_competitor", "domain"),
    }
)
"""The fields that each rule's judge looks at."""
