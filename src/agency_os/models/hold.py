"""No automatic approach to this lead, or to this company, while it is open."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, CreatedMixin, IdMixin


class Hold(IdMixin, CreatedMixin, Base):
    """No automatic approach to this lead, or to this company, while it is open."""

    __tablename__ = "holds"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="holds_tenant_key"),
        ForeignKeyConstraint(
            ["client_id", "company_id"], ["companies.client_id", "companies.id"], name="holds_company_fk"
        ),
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="holds_lead_fk"),
        Index("idx_holds_company", "client_id", "company_id", postgresql_where=text("released_at IS NULL")),
        Index("idx_holds_lead", "client_id", "lead_id", postgresql_where=text("released_at IS NULL")),
    )

    client_id: Mapped[uuid.UUID]
    lead_id: Mapped[uuid.UUID | None]
    company_id: Mapped[uuid.UUID | None]
    reason: Mapped[str]
    until: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
    released_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
