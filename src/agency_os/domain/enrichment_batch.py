"""A batch of leads on its way through the waterfall: who is asked where next, and what each lead has learnt.

Mutable within one run of the scout and nowhere else. Which look-up is worth its price is `domain.enrichment`'s to say.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from agency_os.domain.enrichment import BASE_PASS, Lookup, choose_premium, deserves, next_base_lookup, validate
from agency_os.domain.facts import LeadFacts
from agency_os.domain.icp import Icp
from agency_os.domain.merging import is_same_person, merge_facts
from agency_os.domain.weights import Weights


@dataclass(slots=True)
class LeadCase:
    """One lead. ``known`` is what its row said when it was read at ``seen_at``, ``facts`` what is known by now.

    ``put_off``: why it waits for another run ("" where nothing is to be said). ``objected``: the person wants no
    processing, so nobody is asked any more.
    """

    id: UUID
    known: LeadFacts
    seen_at: datetime
    has_company: bool
    facts: LeadFacts
    tried: set[Lookup] = field(default_factory=set)
    put_off: str | None = None
    objected: bool = False
    _wants: Lookup | None = None
    _is_judged: bool = False

    @property
    def is_open(self) -> bool:
        """Whether somebody may still be asked about it."""
        return self.put_off is None and not self.objected

    def learn(self, found: LeadFacts, today: date) -> None:
        """Take over what was found, unless it names somebody else."""
        if is_same_person(self.facts, found):
            self.facts = merge_facts(self.facts, found, today)
            self._is_judged = False

    def has_tried(self, *lookups: Lookup) -> None:
        """Remember who was asked."""
        self.tried.update(lookups)
        self._is_judged = False

    def wants(self, missing: Collection[Lookup], icp: Icp, weights: Weights, today: date) -> Lookup | None:
        """The next look-up of the base pass that is worth its price; ``missing`` ones cannot be asked."""
        if not self._is_judged:
            self._wants = next_base_lookup(self.facts, self.tried | set(missing), icp, weights, today)
            self._is_judged = True
        return self._wants


@dataclass(slots=True)
class Batch:
    """Leads of one client with what they are judged by. ``paused``: sources that nobody need ask now, and why."""

    client_id: UUID
    icp: Icp
    weights: Weights
    today: date
    period: date
    without_credit: int
    cases: list[LeadCase]
    paused: dict[Lookup, str] = field(default_factory=dict)
    premium_known: bool = False
    premium_done: bool = False

    def next_step(self, missing: Collection[Lookup]) -> tuple[Lookup, list[LeadCase]] | None:
        """The earliest look-up of the waterfall that any lead wants, and those leads; None when the batch is done.

        Clay comes twice: first for whoever an earlier run has asked about (``premium_known`` becomes true, nothing is
        paid), then for those whom its caps let through.
        """
        groups: dict[Lookup, list[LeadCase]] = {}
        for case in self.cases:
            wanted = case.wants(missing, self.icp, self.weights, self.today) if case.is_open else None
            if wanted is not None:
                groups.setdefault(wanted, []).append(case)
        first = next((lookup for lookup in BASE_PASS if lookup in groups), None)
        if first is not None:
            return first, groups[first]
        while not self.premium_done and Lookup.CLAY not in missing:
            asked = self._premium() if self.premium_known else self._worth_premium()
            self.premium_done, self.premium_known = self.premium_known, True
            if asked:
                return Lookup.CLAY, asked
        return None

    def hold(self, lookup: Lookup, cases: Sequence[LeadCase], reason: str, *, for_all: bool = False) -> None:
        """Let leads wait until ``lookup`` can be asked; whoever is good enough without the premium source goes on.

        Nobody waits for a website, which fills nothing that is required. ``for_all``: nobody else of the batch asks.
        """
        if for_all:
            self.paused[lookup] = reason
        if lookup is not Lookup.APIFY:
            premium = lookup is Lookup.CLAY
            self.put_off([case for case in cases if not (premium and validate(case.facts).passed)], reason)

    def put_off(self, cases: Sequence[LeadCase], reason: str) -> None:
        """Let leads wait for another run."""
        for case in cases:
            case.put_off = reason

    def await_answer(self, lookup: Lookup, cases: Sequence[LeadCase], reason: str, *, for_all: bool) -> None:
        """Let leads wait for an answer that may still come; ``for_all``: nobody else of the batch need ask."""
        if for_all:
            self.paused[lookup] = reason
        self.put_off(cases, AWAITED)

    def _worth_premium(self) -> list[LeadCase]:
        open_cases = (case for case in self.cases if case.is_open)
        return [case for case in open_cases if deserves(case.facts, Lookup.CLAY, self.icp, self.weights, self.today)]

    def _premium(self) -> list[LeadCase]:
        before = {
            position
            for position, case in enumerate(self.cases)
            if Lookup.CLAY in case.tried or case.put_off is not None
        }
        closed = {position for position, case in enumerate(self.cases) if not case.is_open}
        facts = [case.facts for case in self.cases]
        chosen = choose_premium(
            facts, self.icp, self.weights, self.today, tried=closed | before, counted_before=len(before)
        )
        return [self.cases[choice.position] for choice in chosen]


BUSY: Final = ""
"""Put off without a word: another worker is asking about the same person at this moment."""
AWAITED: Final = "an answer about this person is on its way"
