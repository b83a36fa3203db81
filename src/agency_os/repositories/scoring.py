"""What scoring reads and writes: a client's ICP and weights, leads by batches, the ALS of a batch in one statement."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.dialects.postgresql import JSONB

from agency_os.domain.als import AlsTier
from agency_os.domain.columnar import ColumnScores
from agency_os.domain.facts import LeadFacts
from agency_os.domain.icp import DEFAULT_EXCLUDED_TITLES, Icp
from agency_os.domain.weights import LearnedWeights, Weights, choose_weights
from agency_os.exceptions import InvalidInputError, NotFoundError
from agency_os.kit.clock import parse_instant
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.base import Repository
from agency_os.repositories.lead_facts import COLUMNS, read_facts
from agency_os.repositories.suppression import SuppressionRepository, addresses_of

_CLIENTS = text("""
    SELECT l.client_id FROM leads AS l
    JOIN clients AS c ON c.id = l.client_id AND c.deleted_at IS NULL
    WHERE l.status = 'enriched' AND l.deleted_at IS NULL
        AND c.subscription_status = ANY (CAST(:statuses AS subscription_status[]))
    GROUP BY l.client_id ORDER BY min(l.updated_at), l.client_id
""")
_PROFILE = text("""
    SELECT icp_industries, icp_company_sizes, icp_locations, icp_titles, icp_confirmed_at, als_weights,
        als_learned_weights, settings
    FROM clients WHERE id = :client_id AND deleted_at IS NULL
""").columns(als_weights=JSONB, als_learned_weights=JSONB, settings=JSONB)
_ENRICHED = text(f"""
    SELECT id, {", ".join(COLUMNS)} FROM leads
    WHERE client_id = :client_id AND status = 'enriched' AND deleted_at IS NULL
    ORDER BY updated_at, id LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
""").columns(field_sources=JSONB)  # noqa: S608 - column names of our own
_SCORED = text(f"""
    SELECT id, {", ".join(COLUMNS)} FROM leads
    WHERE client_id = :client_id AND id > :after AND scored_at IS NOT NULL AND deleted_at IS NULL
    ORDER BY id LIMIT :limit
    FOR NO KEY UPDATE
""").columns(field_sources=JSONB)  # noqa: S608 - column names of our own
_LEFT = text("""
    SELECT count(*) FROM (
        SELECT FROM leads WHERE client_id = :client_id AND status = 'enriched' AND deleted_at IS NULL LIMIT :limit
    ) AS waiting
""")
_SCORE = text("""
    UPDATE leads AS l SET
        als_score = q.score, als_tier = q.tier, als_data_quality = q.data_quality, als_authority = q.authority,
        als_company_fit = q.company_fit, als_timing = q.timing, als_risk = q.risk, als_components = q.components,
        als_weights_used = CAST(:weights AS jsonb), scored_at = :now,
        status = CASE WHEN l.status = 'enriched' THEN 'scored' ELSE l.status END,
        status_reason = CASE WHEN l.status IN ('enriched', 'scored') THEN q.reason ELSE l.status_reason END
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:scores AS integer[]), CAST(:tiers AS text[]), CAST(:data_quality AS integer[]),
        CAST(:authority AS integer[]), CAST(:company_fit AS integer[]), CAST(:timing AS integer[]),
        CAST(:risk AS integer[]), CAST(:components AS jsonb[]), CAST(:reasons AS text[])
    ) AS q (id, score, tier, data_quality, authority, company_fit, timing, risk, components, reason)
    WHERE l.id = q.id AND l.client_id = :client_id
""")
DEAD: Final = "ALS {score} of 100 is too low: no channel is open to this lead"


@dataclass(frozen=True, slots=True)
class ScoringProfile:
    """Against what a client's leads are scored: its ICP (which counts once confirmed) and the weights that apply."""

    icp: Icp
    weights: Weights


class ScoringRepository(Repository):
    """Scores of one client's leads."""

    async def clients(self, statuses: Sequence[str]) -> list[UUID]:
        """Clients in one of ``statuses`` with leads to score, the longest waiting first."""
        return list((await self.db.execute(_CLIENTS, {"statuses": list(statuses)})).scalars())

    async def profile(self, client_id: UUID, now: datetime) -> ScoringProfile:
        """ICP and weights at ``now``. Raises NotFoundError, and InvalidInputError for weights that are none."""
        row = (await self.db.execute(_PROFILE, {"client_id": client_id})).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"there is no client {client_id}")
        confirmed = row["icp_confirmed_at"] is not None
        settings = row["settings"]
        icp = Icp(
            industries=tuple(row["icp_industries"] or ()),
            company_sizes=tuple(row["icp_company_sizes"] or ()),
            locations=tuple(row["icp_locations"] or ()),
            titles=tuple(row["icp_titles"] or ()),
            excluded_titles=_texts(settings, "excluded_titles", DEFAULT_EXCLUDED_TITLES),
            competitor_domains=_texts(settings, "competitor_domains", ()),
            confirmed=confirmed,
        )
        learned = _learned(row["als_learned_weights"])
        return ScoringProfile(
            icp, choose_weights(now=now, learned=learned, icp=row["als_weights"], icp_confirmed=confirmed)
        )

    async def enriched(self, client_id: UUID, hashes: PersonHash, limit: int) -> dict[UUID, LeadFacts]:
        """Lock up to ``limit`` enriched leads; what is known of each, our own history included."""
        rows = await self.db.execute(_ENRICHED, {"client_id": client_id, "limit": limit})
        return await self._facts(client_id, hashes, rows.mappings().all())

    async def scored(self, client_id: UUID, hashes: PersonHash, *, after: UUID, limit: int) -> dict[UUID, LeadFacts]:
        """Lock up to ``limit`` leads that have a score, by id, those behind ``after``; what is known of each."""
        rows = await self.db.execute(_SCORED, {"client_id": client_id, "after": after, "limit": limit})
        return await self._facts(client_id, hashes, rows.mappings().all())

    async def _facts(self, client_id: UUID, hashes: PersonHash, rows: Sequence[RowMapping]) -> dict[UUID, LeadFacts]:
        addresses = {row["id"]: addresses_of(row) for row in rows}
        reasons = await SuppressionRepository(self.db, hashes).reasons(client_id, addresses)
        return {
            row["id"]: read_facts(row, [reason for each in reasons.get(row["id"], {}).values() for reason in each])
            for row in rows
        }

    async def waiting(self, client_id: UUID, limit: int) -> int:
        """How many enriched leads wait for a score, counted up to ``limit``."""
        return int(await self.db.scalar(_LEFT, {"client_id": client_id, "limit": limit}) or 0)

    async def store(
        self, client_id: UUID, leads: Mapping[UUID, LeadFacts], scores: ColumnScores, *, now: datetime
    ) -> None:
        """Write the scores of ``leads``, which the caller has locked, in their order.

        An enriched lead is scored now, any other keeps its status. A dead lead that nobody has approached keeps the
        reason why nobody will.
        """
        if not leads:
            return
        totals, tiers = scores.totals.tolist(), scores.tiers()
        await self.db.execute(
            _SCORE,
            {
                "client_id": client_id,
                "now": now,
                "weights": json.dumps(scores.weights.to_json()),
                "ids": list(leads),
                "scores": totals,
                "tiers": [tier.value for tier in tiers],
                "components": _explanations(leads, scores),
                "reasons": [
                    DEAD.format(score=total) if tier is AlsTier.DEAD else None
                    for total, tier in zip(totals, tiers, strict=True)
                ],
                **{component.value: points.tolist() for component, points in scores.components.items()},
            },
        )


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False).encode


def _explanations(leads: Mapping[UUID, LeadFacts], scores: ColumnScores) -> list[str]:
    """One entry per rule for each lead."""
    explained = scores.explain(list(leads.values()), lambda line: _ENCODE(line.to_json()))
    return [f'{{"explanation": [{", ".join(lines)}]}}' for lines in explained]


def _texts(settings: Mapping[str, Any] | None, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    found = (settings or {}).get(name)
    return tuple(str(each) for each in found) if isinstance(found, list) else default


def _learned(stored: Mapping[str, Any] | None) -> LearnedWeights | None:
    """Learned weights as {weights, confidence, valid_until}; what is not of that form is not in use."""
    try:
        found = stored or {}
        return LearnedWeights(found["weights"], float(found["confidence"]), parse_instant(found["valid_until"]))
    except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError):
        return None
