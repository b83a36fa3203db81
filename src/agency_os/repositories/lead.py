"""A client's leads, as its people see and change them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, RowMapping, literal_column, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import Select

from agency_os.domain.facts import LeadFacts
from agency_os.exceptions import ConflictError, NotFoundError
from agency_os.models import Consent, Hold, Lead
from agency_os.repositories.base import TenantRepository
from agency_os.repositories.lead_facts import COLUMNS, facts_to_columns, read_facts

LIST_COLUMNS: Final = (
    Lead.id,
    Lead.email,
    Lead.first_name,
    Lead.last_name,
    Lead.title,
    Lead.company,
    Lead.status,
    Lead.status_reason,
    Lead.als_score,
    Lead.als_tier,
    Lead.campaign_id,
    Lead.company_id,
    Lead.created_at,
    Lead.updated_at,
)
_SCORE: Final[ColumnElement[int]] = literal_column("CASE WHEN als_score IS NULL THEN -1 ELSE als_score END", Integer())
"""As the index of migration 017 has it."""
_FACTS = text(f"""
    SELECT {", ".join(COLUMNS)} FROM leads WHERE client_id = :client_id AND id = :id AND deleted_at IS NULL
    FOR NO KEY UPDATE
""").columns(field_sources=JSONB)  # noqa: S608 - column names of our own
_WRITTEN: Final = (
    "email", "email_status", "email_is_role", "personal_email_known", "phone", "first_name", "last_name", "title",
    "company", "linkedin_url", "domain", "state",
)  # fmt: skip
_CHANGE = text(f"""
    UPDATE leads SET
        {", ".join(f"{name} = :{name}" for name in _WRITTEN)}, time_zone = coalesce(:time_zone, time_zone),
        field_sources = CAST(:field_sources AS jsonb),
        status = CASE WHEN status = 'scored' THEN 'enriched'::lead_status ELSE status END,
        enriched_at = CASE WHEN status = 'new' THEN NULL ELSE enriched_at END
    WHERE client_id = :client_id AND id = :id AND deleted_at IS NULL
""")  # noqa: S608 - column names of our own
_AGAIN = text("""
    UPDATE leads SET status = 'new', enriched_at = NULL, status_reason = NULL
    WHERE client_id = :client_id AND id = :id AND deleted_at IS NULL
""")
_OPEN = text("""
    SELECT EXISTS (
        SELECT FROM touches WHERE lead_id = :id
            AND state IN ('planned', 'awaiting_approval', 'ready', 'claimed', 'sending', 'unknown')
    )
""")
_POOL = text("""
    SELECT subscription_status, cancelled_at, stopped_at, credits_remaining FROM clients WHERE id = :client_id
""")


class LeadRepository(TenantRepository):
    """One client's leads."""

    async def page(
        self,
        *,
        limit: int,
        by_score: bool,
        after_id: UUID | None = None,
        after_score: tuple[int | None, UUID] | None = None,
        filters: Mapping[str, Any],
        address: str | None = None,
    ) -> Sequence[Any]:
        """Short rows, newest or best first, that follow ``after_id`` or ``after_score``. ``filters``: columns that
        must equal, ``min_score`` and ``max_score``; ``address``: how the email address begins."""
        query: Any = select(*LIST_COLUMNS)
        if not by_score:
            query = self.newest(query, Lead, after_id, limit)
        else:
            query = query.where(Lead.client_id == self.client_id, Lead.deleted_at.is_(None))
            query = query.order_by(_SCORE.desc(), Lead.id.desc()).limit(limit)
            if after_score is not None:
                score = -1 if after_score[0] is None else after_score[0]
                query = query.where(tuple_(_SCORE, Lead.id) < tuple_(score, after_score[1]))
        return list(await self.db.execute(_filtered(query, filters, address)))

    async def view(self, lead_id: UUID) -> Lead:
        """One lead. Raises NotFoundError."""
        return await self.get(Lead, lead_id)

    async def consents(self, lead_id: UUID) -> Sequence[Consent]:
        """Every consent that was recorded, oldest first."""
        query = select(Consent).where(Consent.client_id == self.client_id, Consent.lead_id == lead_id)
        return (await self.db.scalars(query.order_by(Consent.id))).all()

    async def holds(self, lead_id: UUID, company_id: UUID | None, now: datetime) -> Sequence[Hold]:
        """What keeps the lead, or everybody of its company, from being approached at ``now`` (business time)."""
        of_it = Hold.lead_id == lead_id
        of_it = of_it | (Hold.company_id == company_id) if company_id is not None else of_it
        query = select(Hold).where(Hold.client_id == self.client_id, Hold.released_at.is_(None), of_it)
        query = query.where(Hold.until.is_(None) | (Hold.until > now))
        return (await self.db.scalars(query.order_by(Hold.id))).all()

    async def facts(self, lead_id: UUID) -> LeadFacts:
        """What is known of a lead, which is locked. Raises NotFoundError."""
        row: RowMapping | None = (
            (await self.db.execute(_FACTS, {"client_id": self.client_id, "id": lead_id})).mappings().one_or_none()
        )
        if row is None:
            raise NotFoundError(f"there is no lead {lead_id}")
        return read_facts(row)

    async def change(self, lead_id: UUID, facts: LeadFacts) -> None:
        """Store changed facts; a scored lead is scored again, a new one tried again.

        Raises ConflictError where another live lead has the address or profile.
        """
        columns = facts_to_columns(facts)
        columns["field_sources"] = json.dumps(columns["field_sources"])
        try:
            await self.db.execute(_CHANGE, {"client_id": self.client_id, "id": lead_id, **_only_written(columns)})
        except IntegrityError as error:
            raise ConflictError("another lead of this client has that address or profile") from error

    async def has_open_touches(self, lead_id: UUID) -> bool:
        """Whether anything is planned for, or on its way to, the lead."""
        return bool(await self.db.scalar(_OPEN, {"id": lead_id}))

    async def set_columns(self, lead_id: UUID, fields: Mapping[str, Any]) -> None:
        """Set plain columns of a live lead."""
        query = update(Lead).where(Lead.client_id == self.client_id, Lead.id == lead_id, Lead.deleted_at.is_(None))
        await self.db.execute(query.values(**fields).execution_options(synchronize_session=False))

    async def pool(self) -> Any:
        """What the client may spend: subscription_status, cancelled_at, stopped_at, credits_remaining."""
        return (await self.db.execute(_POOL, {"client_id": self.client_id})).one()

    async def enrich_again(self, lead_id: UUID) -> None:
        """The lead is due for enrichment at the next tick; what was looked up and still holds is not paid twice."""
        await self.db.execute(_AGAIN, {"client_id": self.client_id, "id": lead_id})


def _only_written(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: columns[name] for name in (*_WRITTEN, "time_zone", "field_sources")}


def _filtered(query: Select[Any], filters: Mapping[str, Any], address: str | None) -> Select[Any]:
    for name, value in filters.items():
        if name == "min_score":
            query = query.where(Lead.als_score >= value)
        elif name == "max_score":
            query = query.where(Lead.als_score <= value)
        else:
            query = query.where(getattr(Lead, name) == value)
    if address:
        # text comparisons are leakproof, LIKE and lower() are not: see migration 017
        email = Lead.email.collate("C")
        query = query.where(email >= address, email < address + "\U0010ffff")
    return query
