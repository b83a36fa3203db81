"""Which look-up a lead still deserves, and what it leaves behind: the enrichment policy (design decision 4).

Base pass: cache, Apollo (Apify for the company page), Hunter for a missing or unverified email. Premium pass: Clay,
capped, for leads that fail validation or that a missing field could still lift. Paying stops once no further field can
change tier or channels. Pure: providers are names here, their calls and costs are the scout's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agency_os.domain.als import POINT_RULES, AlsTier, Component, tier_of
from agency_os.domain.channels import CHANNELS_BY_TIER, Channel
from agency_os.domain.facts import LeadFacts
from agency_os.domain.icp import Icp
from agency_os.domain.scoring import AlsScore, score_lead, weighted_total
from agency_os.domain.weights import Weights
from agency_os.kit.addresses import is_free_mail
from agency_os.kit.phone import PhoneKind, parse_phone

CACHE_TTL: Final = timedelta(days=90)
"""How long an answer of a provider is served again instead of being paid for again."""

REQUIRED_FIELDS: Final = ("email", "first_name", "last_name", "company")
CONFIDENCE_THRESHOLD: Final = 0.70
CLAY_FAILING_CAP: Final = 0.15
"""Share of a batch that may go to Clay because it fails validation."""

CLAY_TOTAL_CAP: Final = 0.35
"""Share of a batch that may go to Clay at all."""


class Lookup(StrEnum):
    """A source of facts, in the order of the waterfall."""

    CACHE = "cache"
    APOLLO = "apollo"
    APIFY = "apify"
    HUNTER = "hunter"
    CLAY = "clay"


BASE_PASS: Final = (Lookup.CACHE, Lookup.APOLLO, Lookup.APIFY, Lookup.HUNTER)

_EMAIL_FIELDS: Final = frozenset({"email", "email_verified", "personal_email"})
_SITE_FIELDS: Final = frozenset(
    {"organization_employee_count", "organization_country", "organization_founded_year", "organization_is_hiring"}
)
"""What a company says of itself on its own website; its industry it rarely names in the words of an ICP."""
_COMPANY_FIELDS: Final = _SITE_FIELDS | {"organization_industry"}
_PERSON_FIELDS: Final = frozenset(
    {"first_name", "last_name", "title", "company", "domain", "phone", "linkedin_url", "state", "employment_start_date"}
)
_ALL_FIELDS: Final = _EMAIL_FIELDS | _COMPANY_FIELDS | _PERSON_FIELDS | {"organization_latest_funding_date"}

LOOKUP_FIELDS: Final[Mapping[Lookup, frozenset[str]]] = MappingProxyType(
    {
        Lookup.CACHE: _ALL_FIELDS,
        Lookup.APOLLO: _ALL_FIELDS,
        Lookup.APIFY: _SITE_FIELDS,
        Lookup.HUNTER: _EMAIL_FIELDS,
        Lookup.CLAY: _ALL_FIELDS,
    }
)
"""What each look-up may fill."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Whether a lead may be contacted at all: ``confidence`` is that of the weakest required field (0 if missing),
    ``failing`` the required fields that are not good enough, ``reasons`` one sentence for each."""

    confidence: float
    failing: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Every required field is known and trusted."""
        return not self.failing


def validate(facts: LeadFacts) -> Validation:
    """Required fields are there, each trusted to at least 0.70; else the reasons why the lead stays ``new``."""
    failing, reasons = [], []
    weakest = 1.0
    for name in REQUIRED_FIELDS:
        fact = facts.get(name)
        if fact is None or not fact.value:
            failing.append(name)
            reasons.append(f"{name} is missing")
            weakest = 0.0
            continue
        weakest = min(weakest, fact.confidence)
        if fact.confidence < CONFIDENCE_THRESHOLD:
            failing.append(name)
            reasons.append(f"{name} is trusted to {fact.confidence:.2f} only, {CONFIDENCE_THRESHOLD:.2f} is needed")
    return Validation(weakest, tuple(failing), tuple(reasons))


def open_fields(facts: LeadFacts, lookup: Lookup) -> frozenset[str]:
    """What ``lookup`` could still add: fields unknown or too little trusted, and the proof of an unverified email."""
    return frozenset(name for name in LOOKUP_FIELDS[lookup] if _is_open(facts, name))


def _is_open(facts: LeadFacts, name: str) -> bool:
    fact = facts.get(name)
    if fact is None or fact.confidence < CONFIDENCE_THRESHOLD:
        return True
    return name == "email_verified" and not fact.value


@dataclass(frozen=True, slots=True)
class Standing:
    """What a lead is worth: its tier, and the channels that tier and data open (none while validation fails)."""

    tier: AlsTier
    channels: frozenset[Channel]


def served_channels(facts: LeadFacts) -> frozenset[Channel]:
    """Channels for which the lead's data is there. Direct mail is never among them: no look-up fills an address."""
    served = set()
    if facts.email is not None:
        served.add(Channel.EMAIL)
    if facts.linkedin_url is not None:
        served.add(Channel.LINKEDIN)
    phone = parse_phone(facts.phone.value) if facts.phone is not None else None
    if phone is not None and phone.kind in (PhoneKind.MOBILE, PhoneKind.FIXED):
        served.add(Channel.VOICE)
    if phone is not None and phone.kind is PhoneKind.MOBILE:
        served.add(Channel.SMS)
    return frozenset(served)


def standing(facts: LeadFacts, score: AlsScore) -> Standing:
    """The lead as it stands with what is known."""
    open_to = served_channels(facts) & CHANNELS_BY_TIER[score.tier] if validate(facts).passed else frozenset()
    return Standing(score.tier, open_to)


def best_case(facts: LeadFacts, score: AlsScore, fields: Collection[str], icp: Icp) -> Standing:
    """The lead as it would stand if each of ``fields`` came back with the value that serves it best."""
    points = dict(score.components)
    for line in score.explanation:
        if line.field in fields and line.most > line.points and _is_winnable(line.rule, facts, fields, icp):
            points[line.component] += line.most - line.points
    tier = tier_of(weighted_total(points, score.weights))
    served = served_channels(facts) | {channel for name, channel in _OPENED_BY if name in fields}
    if not set(validate(facts).failing) <= set(fields):
        return Standing(tier, frozenset())
    return Standing(tier, frozenset(served) & CHANNELS_BY_TIER[tier])


_OPENED_BY: Final = (
    ("email", Channel.EMAIL),
    ("linkedin_url", Channel.LINKEDIN),
    ("phone", Channel.VOICE),
    ("phone", Channel.SMS),
)


def _is_winnable(rule: str, facts: LeadFacts, fields: Collection[str], icp: Icp) -> bool:
    if rule == "industry":
        return icp.confirmed and bool(icp.industries)
    if rule == "verified_work_email" and facts.email is not None and "email" not in fields:
        return not is_free_mail(facts.email.value.rpartition("@")[2])
    return True


def _worst_tier(score: AlsScore, fields: Collection[str]) -> AlsTier:
    """The tier if the only deduction that a look-up can bring, an excluded title, came."""
    if "title" not in fields:
        return score.tier
    points = dict(score.components)
    deduction = next(rule.points for rule in POINT_RULES if rule.name == "excluded_title")
    points[Component.RISK] = max(points[Component.RISK] + deduction, 0)
    return tier_of(weighted_total(points, score.weights))


def could_change(facts: LeadFacts, score: AlsScore, fields: Collection[str], icp: Icp) -> bool:
    """Whether values for ``fields`` could still change the lead's tier or the channels open to it."""
    now = standing(facts, score)
    return best_case(facts, score, fields, icp) != now or _worst_tier(score, fields) != now.tier


def can_answer(facts: LeadFacts, lookup: Lookup) -> bool:
    """Whether enough is known of the person for ``lookup`` to be asked at all."""
    return _CAN_ANSWER[lookup](facts)


def _is_identified(facts: LeadFacts) -> bool:
    named = facts.first_name is not None and facts.last_name is not None
    placed = facts.domain is not None or facts.company is not None
    return facts.email is not None or facts.linkedin_url is not None or (named and placed)


def _has_address_or_can_be_guessed(facts: LeadFacts) -> bool:
    named = facts.first_name is not None and facts.last_name is not None
    return facts.email is not None or (named and facts.domain is not None)


_CAN_ANSWER: Final[Mapping[Lookup, Callable[[LeadFacts], bool]]] = MappingProxyType(
    {
        Lookup.CACHE: _is_identified,
        Lookup.APOLLO: _is_identified,
        Lookup.APIFY: lambda facts: facts.domain is not None,
        Lookup.HUNTER: _has_address_or_can_be_guessed,
        Lookup.CLAY: _is_identified,
    }
)


def deserves(facts: LeadFacts, lookup: Lookup, icp: Icp, weights: Weights, today: date) -> bool:
    """Whether ``lookup`` is worth its price for this lead: it can be asked, and its answer could change something."""
    if not can_answer(facts, lookup):
        return False
    return could_change(facts, score_lead(facts, icp, weights, today), open_fields(facts, lookup), icp)


def next_base_lookup(
    facts: LeadFacts, tried: Collection[Lookup], icp: Icp, weights: Weights, today: date
) -> Lookup | None:
    """The next step of the base pass, None when it is over: nothing untried is left that is worth asking."""
    waiting = (lookup for lookup in BASE_PASS if lookup not in tried)
    return next((lookup for lookup in waiting if deserves(facts, lookup, icp, weights, today)), None)


@dataclass(frozen=True, slots=True)
class PremiumChoice:
    """A lead of the batch (by position) that goes to Clay, and why."""

    position: int
    reason: str


def choose_premium(
    batch: Sequence[LeadFacts],
    icp: Icp,
    weights: Weights,
    today: date,
    *,
    tried: Collection[int] = (),
    counted_before: int = 0,
) -> list[PremiumChoice]:
    """Which leads of a batch, after the base pass, go to Clay: within its caps, best scores first.

    ``tried`` are positions that Clay has answered already, or that wait; ``counted_before`` is how many of the batch
    went to Clay in an earlier run, whose caps they counted in. Failing leads come first, at most 15 % of the batch;
    then Warm and Hot ones that a missing field could still change; at most 35 % of the batch in all.
    """
    failing: list[tuple[int, int, str]] = []
    liftable: list[tuple[int, int, str]] = []
    for position, facts in enumerate(batch):
        if position in tried or not can_answer(facts, Lookup.CLAY):
            continue
        score = score_lead(facts, icp, weights, today)
        if not could_change(facts, score, open_fields(facts, Lookup.CLAY), icp):
            continue
        check = validate(facts)
        if not check.passed:
            failing.append((-score.total, position, "; ".join(check.reasons)))
        elif score.tier in (AlsTier.WARM, AlsTier.HOT):
            liftable.append(
                (-score.total, position, f"{score.tier} at {score.total}, and a missing field could lift it")
            )
    size = len(batch) - counted_before
    picked = sorted(failing)[: _share(size, CLAY_FAILING_CAP)]
    picked += sorted(liftable)[: _share(size, CLAY_TOTAL_CAP) - len(picked)]
    return [PremiumChoice(position, reason) for _, position, reason in picked]


def _share(size: int, cap: float) -> int:
    # a hair more, so that 0.35 × 20 is 7 in binary fractions as well
    return math.floor(size * cap + 1e-9)
