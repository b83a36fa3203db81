"""A lead as it is answered: put together from its row, consents, holds and suppressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agency_os.api.schemas.lead import (
    ConsentAnswer,
    FieldSource,
    HoldAnswer,
    LeadAnswer,
    LeadItem,
    NewConsent,
    PointLine,
    Score,
)
from agency_os.db import AsyncSession
from agency_os.domain.calendars import latest_date
from agency_os.domain.consent import ConsentBasis, ConsentDeclaration, flaws
from agency_os.exceptions import InvalidInputError
from agency_os.kit.tokens import PersonHash
from agency_os.models import Consent, Hold, Lead
from agency_os.repositories.lead import LeadRepository
from agency_os.repositories.suppression import SuppressionRepository

_PLAIN = (
    "phone", "linkedin_url", "domain", "state", "time_zone", "email_status", "import_id", "enriched_at",
    "last_reply_at", "meeting_booked_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LeadParts:
    """What a tenant's own role may read of a lead."""

    lead: Lead
    consents: Sequence[Consent]
    holds: Sequence[Hold]

    @property
    def addresses(self) -> dict[str, str]:
        """The lead's addresses by channel."""
        lead = self.lead
        known = {"email": lead.email, "sms": lead.phone, "voice": lead.phone, "linkedin": lead.linkedin_url}
        return {channel: address for channel, address in known.items() if address}


async def lead_parts(db: AsyncSession, client_id: UUID, lead_id: UUID, now: datetime) -> LeadParts:
    """Row, consents and holds of a lead. Raises NotFoundError."""
    leads = LeadRepository(db, client_id)
    lead = await leads.view(lead_id)
    return LeadParts(lead, await leads.consents(lead_id), await leads.holds(lead_id, lead.company_id, now))


async def with_suppression(db: AsyncSession, hashes: PersonHash, client_id: UUID, parts: LeadParts) -> LeadAnswer:
    """The answer; suppressions are read in a transaction of the service, and told as channels alone."""
    lead = parts.lead
    reasons = await SuppressionRepository(db, hashes).reasons(client_id, {lead.id: parts.addresses})
    return LeadAnswer(
        **LeadItem.model_validate(lead).model_dump(),
        **{name: getattr(lead, name) for name in _PLAIN},
        score=_score(lead),
        field_sources=_sources(lead.field_sources),
        consents=[ConsentAnswer.model_validate(each) for each in parts.consents],
        holds=[HoldAnswer.model_validate(each) for each in parts.holds],
        suppressed=sorted(reasons.get(lead.id, {})),
    )


async def lead_answer(
    db: AsyncSession, hashes: PersonHash, client_id: UUID, lead_id: UUID, now: datetime
) -> LeadAnswer:
    """Everything of a lead, in a transaction of the service. Raises NotFoundError."""
    return await with_suppression(db, hashes, client_id, await lead_parts(db, client_id, lead_id, now))


def consent_of(given: NewConsent | None, now: datetime) -> ConsentDeclaration | None:
    """What a request declares. Raises InvalidInputError for what would not stand up."""
    if given is None:
        return None
    today = latest_date(now)
    declared = ConsentDeclaration(
        ConsentBasis(given.basis), given.source, given.obtained_on or today, given.declared_by, given.relevance
    )
    wrong = flaws(declared, today=today)
    if wrong:
        raise InvalidInputError("; ".join(wrong), field="body.consent")
    return declared


def _score(lead: Any) -> Score | None:
    if lead.als_score is None or lead.als_tier is None:
        return None
    return Score(
        score=lead.als_score,
        tier=lead.als_tier,
        data_quality=lead.als_data_quality,
        authority=lead.als_authority,
        company_fit=lead.als_company_fit,
        timing=lead.als_timing,
        risk=lead.als_risk,
        weights=lead.als_weights_used,
        scored_at=lead.scored_at,
        explanation=[PointLine.model_validate(each) for each in (lead.als_components or {}).get("explanation", [])],
    )


def _sources(stored: dict[str, Any] | None) -> dict[str, FieldSource]:
    """What an older release or a hand wrote in another form is left out."""
    return {
        name: FieldSource.model_validate(entry)
        for name, entry in (stored or {}).items()
        if isinstance(entry, dict) and {"source", "as_of", "confidence"} <= entry.keys()
    }
