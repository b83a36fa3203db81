"""Scout: finds what is missing of a lead at the lowest cost that gives trustworthy data (blueprint engine 01).

Rounds as `domain.enrichment` decides them: cache, Apollo, Hunter, and others where they are configured. Every paid
look-up is leased and reserved, committed, asked, then settled, the caller committing between: two askers pay once,
and one that dies makes nobody pay twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.calendars import latest_date
from agency_os.domain.company import company_key
from agency_os.domain.enrichment import CACHE_TTL, Lookup, validate
from agency_os.domain.enrichment_batch import AWAITED, BUSY, Batch, LeadCase
from agency_os.domain.facts import LeadFacts
from agency_os.exceptions import InvalidInputError
from agency_os.integrations.fact_source import (
    Answer,
    Awaited,
    FactSource,
    Found,
    NotNow,
    Objected,
    Refused,
    Unclear,
    answer_from_json,
    answer_to_json,
    ledger_key,
    reference,
)
from agency_os.integrations.redis import Cache
from agency_os.kit.clock import WallClock, parse_instant
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.cost_entry import CostEntryRepository, Reservation
from agency_os.repositories.enrichment import EnrichedLead, EnrichmentRepository
from agency_os.repositories.enrichment_request import EnrichmentRequestRepository, Settlement, StoredAnswer
from agency_os.repositories.scoring import ScoringRepository
from agency_os.repositories.stop import StopRepository
from agency_os.repositories.suppression import SuppressionRepository
from agency_os.repositories.thread import ThreadRepository
from agency_os.repositories.touch_planning import TouchPlanningRepository

BATCH: Final = 500
LEASE: Final = timedelta(minutes=3)
"""Wall time for one part of a step: longer than Hunter's four attempts of 35 seconds with their waits."""
LONG_LEASE: Final = timedelta(minutes=30)
"""The same where nobody may ask again, so that giving up early could only lose the answer."""
MOST_TRIES: Final = 5
"""Of one person at a source that gives no verdict; then the lead goes on without."""
ANSWER_WITHIN: Final = timedelta(hours=24)
"""Business time for an answer that comes by callback; after it the lead goes on without."""
OBJECTED: Final = "suppressed: the person asked not to be processed"
SUPPRESSED: Final = "suppressed"
DUPLICATE: Final = "duplicate of another lead"


@dataclass(slots=True)
class Step:
    """One look-up for some leads, by key: leads with the same key are one look-up. ``lookup`` is CACHE where only
    stored answers of ``source`` are wanted, as they are where ``is_paid`` is false. ``stored`` are answers to put into
    the cache."""

    lookup: Lookup
    source: FactSource
    waiting: dict[str, list[LeadCase]]
    is_paid: bool = True
    stored: dict[str, StoredAnswer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asking:
    """Look-ups whose lease is ours and whose cost is reserved: key → fence."""

    fences: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EnrichmentCounts:
    """What a batch came to; ``remaining`` are leads that are due and payable beyond it."""

    enriched: int = 0
    not_good_enough: int = 0
    put_off: int = 0
    without_credit: int = 0
    remaining: int = 0


class ScoutEngine:
    """Enriches one client's leads from ``sources``; a place in the waterfall without one is never asked."""

    def __init__(self, cache: Cache, sources: Sequence[FactSource], hashes: PersonHash, wall: WallClock) -> None:
        self._cache = cache
        self._hashes = hashes
        self._wall = wall
        self._sources: dict[Lookup, FactSource] = {each.lookup: each for each in sources}
        self._missing = frozenset(set(Lookup) - set(self._sources) - {Lookup.CACHE})

    async def claim(self, db: AsyncSession, *, client_id: UUID, now: datetime) -> Batch | None:
        """Take due leads and their credits; None where the subscription does not allow it."""
        claim = await EnrichmentRepository(db).claim(client_id, self._hashes, now=now, limit=BATCH)
        if claim is None:
            return None
        profile = await ScoringRepository(db).profile(client_id, now)
        cases = [LeadCase(lead.id, lead.facts, lead.seen_at, lead.has_company, lead.facts) for lead in claim.leads]
        today = latest_date(now)
        return Batch(client_id, profile.icp, profile.weights, today, claim.period, claim.without_credit, cases)

    def next_step(self, batch: Batch) -> Step | None:
        """Who is asked next about whom; None when the batch is ready to be recorded."""
        found = batch.next_step(self._missing)
        if found is None:
            return None
        lookup, cases = found
        # the cache step serves what Apollo would be paid for; later sources look into the cache as their turn comes
        source = self._sources[Lookup.APOLLO if lookup is Lookup.CACHE else lookup]
        is_paid = lookup is not Lookup.CACHE and (lookup is not Lookup.CLAY or batch.premium_done)
        waiting: dict[str, list[LeadCase]] = {}
        for case in cases:
            waiting.setdefault(self._key(source, case.facts), []).append(case)
            if is_paid or lookup is Lookup.CACHE:
                case.has_tried(lookup)
        return Step(lookup, source, waiting, is_paid)

    async def recall(self, batch: Batch, step: Step, now: datetime) -> None:
        """Serve what the cache knows. No transaction may be open."""
        if step.lookup is Lookup.APOLLO:
            return  # the cache step has just been there
        names = {_cache_key(step.source, key): key for key in step.waiting}
        for name, value in (await self._cache.get_many(names)).items():
            stored = _cached(value)
            if stored is not None and (stored.valid_until is None or stored.valid_until > now):
                self._serve(batch, step, names[name], stored)

    async def remember(self, db: AsyncSession, batch: Batch, step: Step, now: datetime) -> None:
        """Serve what was paid for within 90 days; whose answer is on its way waits for it."""
        if not step.waiting or step.lookup is Lookup.APOLLO:
            return
        repository = EnrichmentRequestRepository(db)
        for key, stored in (await repository.answered(_name(step.source), sorted(step.waiting), now)).items():
            step.stored[key] = stored
            self._serve(batch, step, key, stored)
        for key in await repository.waiting(_name(step.source), sorted(step.waiting), now):
            batch.put_off(step.waiting.pop(key), AWAITED)

    def parts(self, step: Step) -> list[list[str]]:
        """The look-ups still to be paid, as keys, cut into what goes under one lease."""
        if not step.is_paid:
            return []
        keys, size = sorted(step.waiting), step.source.batch_limit
        return [keys[start : start + size] for start in range(0, len(keys), size)]

    async def reserve(
        self, db: AsyncSession, batch: Batch, step: Step, keys: Sequence[str], now: datetime
    ) -> Asking | None:
        """Lease look-ups and reserve their cost; None when there is nothing to ask: answered, busy or paused."""
        paused = batch.paused.get(step.lookup)
        if paused is not None:
            batch.hold(step.lookup, [case for key in keys for case in step.waiting[key]], paused)
            return None
        source, wall = step.source, self._wall.now()
        leases = await EnrichmentRequestRepository(db).lease(
            _name(source),
            keys,
            now=now,
            wall=wall,
            lease_until=wall + (LEASE if source.repeatable else LONG_LEASE),
            repeatable=source.repeatable,
            answer_by=now + ANSWER_WITHIN if source.answers_later else None,
        )
        for key, stored in leases.answered.items():
            step.stored[key] = stored
            self._serve(batch, step, key, stored)
        batch.put_off([case for key in leases.busy for case in step.waiting[key]], BUSY)
        batch.put_off([case for key in leases.waiting for case in step.waiting[key]], AWAITED)
        # unknown: cut short once and perhaps charged; the lead goes on without that answer
        ledger = CostEntryRepository(db)
        reservations = [
            Reservation(ledger_key(key, fence), source.operation(case.facts), source.most_units(case.facts), case.id)
            for key, fence in leases.ours.items()
            for case in step.waiting[key][:1]
        ]
        await ledger.reserve(batch.client_id, reservations, provider=_name(source), unit_cost=source.unit_cost)
        return Asking(leases.ours) if leases.ours else None

    async def deliver(self, batch: Batch, step: Step, asking: Asking) -> dict[str, Answer]:
        """Ask the source. No transaction may be open."""
        people = [step.waiting[key][0].facts for key in asking.fences]
        references = [reference(key, fence) for key, fence in asking.fences.items()]
        return dict(zip(asking.fences, await step.source.ask(people, references, batch.today), strict=True))

    async def settle(
        self,
        db: AsyncSession,
        batch: Batch,
        step: Step,
        asking: Asking,
        answers: Mapping[str, Answer],
        now: datetime,
    ) -> None:
        """Store answers and book what they cost, where the lease is still ours; the leads learn them."""
        answers = {key: _with_patience(answer, asking.fences[key]) for key, answer in answers.items()}
        settlements = [self._settlement(step.source, key, asking.fences[key], answers[key], now) for key in answers]
        name = _name(step.source)
        written = await EnrichmentRequestRepository(db).settle(
            name, settlements, now=now, wall=self._wall.now(), answer_by=now + ANSWER_WITHIN
        )
        units = {
            ledger_key(key, asking.fences[key]): charged
            for key, answer in answers.items()
            if key in written and (charged := _charged(answer)) is not None
        }
        ledger = CostEntryRepository(db)
        await ledger.settle(units, provider=name, unit_cost=step.source.unit_cost, now=now)
        # An answer is charged once however often it was asked for; before one comes, an earlier try may have been.
        answered = [key for key, answer in answers.items() if key in written and isinstance(answer, Found | Objected)]
        earlier = [ledger_key(key, fence) for key in answered for fence in range(1, asking.fences[key])]
        await ledger.release(earlier if step.source.repeatable else [], provider=name, now=now)
        for each in settlements:
            if each.state == "done" and each.key in written and each.result is not None:
                step.stored[each.key] = StoredAnswer(json.loads(each.result), each.valid_until)
        for key, answer in answers.items():
            self._learn(batch, step, key, answer)

    async def share(self, step: Step) -> None:
        """Put paid answers into the cache. No transaction may be open."""
        values = {
            _cache_key(step.source, key): {
                "result": dict(stored.result),
                "valid_until": stored.valid_until.isoformat() if stored.valid_until else None,
            }
            for key, stored in step.stored.items()
        }
        await self._cache.set_many(values, CACHE_TTL)

    async def suppress(self, db: AsyncSession, batch: Batch, now: datetime) -> None:
        """Suppress for all clients those who asked not to be processed, and take back what was to go to them."""
        emails = {case.facts.email.value for case in batch.cases if case.objected and case.facts.email is not None}
        if not emails:
            return
        threads = ThreadRepository(db)
        leads = {lead for email in sorted(emails) for lead in await threads.leads_with(email.lower())}
        await TouchPlanningRepository(db).take_back(leads, reason=OBJECTED, now=now, answers_too=True)
        hashes = sorted(("email", self._hashes.of("email", email)) for email in emails)
        await StopRepository(db).suppress_everywhere(hashes, reason=OBJECTED, added_by="provider")

    async def record(self, db: AsyncSession, batch: Batch, now: datetime) -> EnrichmentCounts:
        """Write what was found. Raises ConflictError when another lead got one of the addresses meanwhile: record
        again in a new transaction."""
        repository = EnrichmentRepository(db)
        done = [case for case in batch.cases if case.put_off is None]
        waiting = {case.id: case.put_off for case in batch.cases if case.put_off is not None}
        unchanged = await repository.lock_unchanged(batch.client_id, {case.id: case.seen_at for case in batch.cases})
        done = [case for case in done if case.id in unchanged]
        refusals = await self._refusals(db, batch.client_id, done)
        leads = [_enriched(case, refusals.get(case.id)) for case in done]
        await repository.record(batch.client_id, leads, now)
        reasons = {lead: reason for lead, reason in waiting.items() if lead in unchanged and reason != BUSY}
        await repository.put_off(batch.client_id, reasons)
        left = await repository.remaining(batch.client_id, list(waiting), period=batch.period, now=now)
        more = batch.without_credit == BATCH
        good = sum(lead.reason is None for lead in leads)
        return EnrichmentCounts(
            enriched=good,
            not_good_enough=len(leads) - good,
            put_off=len(waiting),
            without_credit=batch.without_credit,
            # a batch that came to nothing would come to nothing again
            remaining=(left if leads else 0) + int(more),
        )

    async def _refusals(self, db: AsyncSession, client_id: UUID, cases: Sequence[LeadCase]) -> dict[UUID, str]:
        """Why leads may not become enriched, whatever was found: objection, suppression, duplicate."""
        addresses = {case.id: {"email": case.facts.email.value} for case in cases if case.facts.email is not None}
        suppressed = await SuppressionRepository(db, self._hashes).reasons(client_id, addresses)
        taken = await EnrichmentRepository(db).duplicates(client_id, {case.id: case.facts for case in cases})
        refusals: dict[UUID, str] = {}
        seen: set[str] = set()
        for case in cases:
            own = {name.lower() for name in _names(case.facts)}
            if case.objected:
                refusals[case.id] = OBJECTED
            elif case.id in suppressed:
                refusals[case.id] = SUPPRESSED
            elif case.id in taken or own & seen:
                refusals[case.id] = DUPLICATE
            else:
                seen |= own
        return refusals

    def _key(self, source: FactSource, facts: LeadFacts) -> str:
        """A keyed hash, so that neither cache nor ledger names a person."""
        return self._hashes.of(f"lookup:{_name(source)}", source.identity(facts)).hex()

    def _serve(self, batch: Batch, step: Step, key: str, stored: StoredAnswer) -> None:
        answer = answer_from_json(stored.result)
        if answer is None:
            return
        for case in step.waiting[key]:
            case.has_tried(step.source.lookup)
        self._learn(batch, step, key, answer)

    @staticmethod
    def _learn(batch: Batch, step: Step, key: str, answer: Answer) -> None:
        cases = step.waiting.pop(key, [])
        match answer:
            case Found(facts):
                for each in cases:
                    each.learn(facts, batch.today)
            case Objected():
                for each in cases:
                    each.objected = True
            case NotNow(reason, for_all):
                batch.hold(step.lookup, cases, reason, for_all=for_all)
            case Unclear(reason, None, for_all, False) if step.source.repeatable:
                batch.hold(step.lookup, cases, reason, for_all=for_all)
            case Unclear(reason, units, for_all) if for_all or (units is None and step.source.answers_later):
                batch.await_answer(step.lookup, cases if step.source.answers_later else [], reason, for_all=for_all)
            case Awaited():
                batch.put_off(cases, AWAITED)
            case Refused() | Unclear():
                pass  # the lead goes on without this source

    @staticmethod
    def _settlement(source: FactSource, key: str, fence: int, answer: Answer, now: datetime) -> Settlement:
        match answer:
            case Found(_, units):
                result = json.dumps(answer_to_json(answer), ensure_ascii=False)
                return Settlement(key, fence, "done", result, units, now + CACHE_TTL)
            case Objected():
                return Settlement(key, fence, "done", json.dumps(answer_to_json(answer), ensure_ascii=False))
            case Unclear(units=None, is_last=False) if source.repeatable:
                return Settlement(key, fence, "leased")
            case Unclear(units=None) if source.answers_later:
                return Settlement(key, fence, "waiting")
            case Unclear(units=units):
                return Settlement(key, fence, "unknown", units=units or Decimal(0))
            case Awaited():
                return Settlement(key, fence, "waiting")
            case Refused() | NotNow():
                return Settlement(key, fence, "released")


def _with_patience(answer: Answer, tries: int) -> Answer:
    """The answer, but for a person of whom there is no verdict again and again: the lead goes on without one."""
    match answer:
        case NotNow(reason, for_all=False) if tries >= MOST_TRIES:
            return Refused(reason)
        case Unclear(reason, None, for_all=False) if tries >= MOST_TRIES:
            return Unclear(reason, None, is_last=True)
    return answer


def _charged(answer: Answer) -> Decimal | None:
    """Units to book; None where nobody can say, so that the reservation stays open."""
    if isinstance(answer, Awaited):
        return None
    return answer.units if isinstance(answer, Found | Unclear) else Decimal(0)


def _enriched(case: LeadCase, refusal: str | None) -> EnrichedLead:
    facts = case.facts
    if refusal is not None:
        # addresses that were found belong to another lead, or to somebody who wants none of this
        own = ("email", "email_verified", "personal_email", "linkedin_url", "phone")
        facts = facts.with_facts({name: case.known.get(name) for name in own})
    check = validate(facts)
    reason = refusal or ("; ".join(check.reasons) or None)
    names = (fact.value if fact is not None else None for fact in (facts.domain, facts.company, facts.email))
    return EnrichedLead(case.id, facts, check.confidence, reason, None if case.has_company else company_key(*names))


def _names(facts: LeadFacts) -> Iterable[str]:
    return [fact.value for fact in (facts.email, facts.linkedin_url) if fact is not None]


def _name(source: FactSource) -> str:
    return source.lookup.value


def _cache_key(source: FactSource, key: str) -> str:
    return f"enrich:{_name(source)}:{key}"


def _cached(value: Any) -> StoredAnswer | None:
    try:
        until = value["valid_until"]
        return StoredAnswer(value["result"], parse_instant(until) if until is not None else None)
    except (KeyError, TypeError, AttributeError, InvalidInputError):
        return None
