"""A person whom one client may approach."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import LEAD_STATUS, Base, IdMixin, SoftDeleteMixin, TimestampsMixin


class Lead(IdMixin, TimestampsMixin, SoftDeleteMixin, Base):
    """A person whom one client may approach."""

    __tablename__ = "leads"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="leads_tenant_key"),
        ForeignKeyConstraint(
            ["client_id", "campaign_id"], ["campaigns.client_id", "campaigns.id"], name="leads_campaign_fk"
        ),
        ForeignKeyConstraint(
            ["client_id", "company_id"], ["companies.client_id", "companies.id"], name="leads_company_fk"
        ),
        ForeignKeyConstraint(["client_id", "import_id"], ["imports.client_id", "imports.id"], name="leads_import_fk"),
        Index(
            "idx_leads_by_score",
            "client_id",
            text("(\nCASE\n    WHEN als_score IS NULL THEN '-1'::integer\n    ELSE als_score\nEND) DESC"),
            text("id DESC"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "idx_leads_by_address",
            "client_id",
            "email",  # COLLATE "C"
            postgresql_where=text("((deleted_at IS NULL) AND (email IS NOT NULL))"),
        ),
        Index("idx_leads_als", "client_id", text("als_score DESC")),
        Index("idx_leads_campaign", "campaign_id"),
        Index("idx_leads_company", "company_id"),
        Index("idx_leads_status", "client_id", "status"),
        Index(
            "unique_lead_email_per_client",
            "client_id",
            text("lower(email)"),
            unique=True,
            postgresql_where=text("((deleted_at IS NULL) AND (email IS NOT NULL))"),
        ),
        Index(
            "unique_lead_linkedin_per_client",
            "client_id",
            text("lower(linkedin_url)"),
            unique=True,
            postgresql_where=text("((deleted_at IS NULL) AND (linkedin_url IS NOT NULL))"),
        ),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    campaign_id: Mapped[uuid.UUID | None]
    company_id: Mapped[uuid.UUID | None]
    import_id: Mapped[uuid.UUID | None]
    email: Mapped[str | None]
    email_status: Mapped[str] = mapped_column(server_default=text("'unknown'"))
    email_is_role: Mapped[bool] = mapped_column(server_default=text("false"))
    personal_email_known: Mapped[bool] = mapped_column(server_default=text("false"))
    phone: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    title: Mapped[str | None]
    company: Mapped[str | None]
    linkedin_url: Mapped[str | None]
    domain: Mapped[str | None]
    state: Mapped[str | None]
    time_zone: Mapped[str | None]
    als_score: Mapped[int | None]
    als_tier: Mapped[str | None]
    als_data_quality: Mapped[int | None]
    als_authority: Mapped[int | None]
    als_company_fit: Mapped[int | None]
    als_timing: Mapped[int | None]
    als_risk: Mapped[int | None]
    organization_industry: Mapped[str | None]
    organization_employee_count: Mapped[int | None]
    organization_country: Mapped[str | None]
    organization_founded_year: Mapped[int | None]
    organization_is_hiring: Mapped[bool | None]
    organization_latest_funding_date: Mapped[date | None]
    employment_start_date: Mapped[date | None]
    status: Mapped[str] = mapped_column(LEAD_STATUS, server_default=text("'new'"))
    status_reason: Mapped[str | None]
    enrichment_source: Mapped[str | None]
    enrichment_confidence: Mapped[float | None] = mapped_column(Double)
    enriched_at: Mapped[datetime | None]
    credit_period: Mapped[date | None]
    field_sources: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    last_reply_at: Mapped[datetime | None]
    meeting_booked_at: Mapped[datetime | None]
    als_components: Mapped[dict[str, Any] | None]
    als_weights_used: Mapped[dict[str, Any] | None]
    scored_at: Mapped[datetime | None]
