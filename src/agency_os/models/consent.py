"""What permits email and SMS to a lead: Spam Act 2003, s 16 and schedule 2."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import CONSENT_BASIS, Base, CreatedMixin, IdMixin


class Consent(IdMixin, CreatedMixin, Base):
    """What permits email and SMS to a lead: Spam Act 2003, s 16 and schedule 2."""

    __tablename__ = "consents"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="consents_tenant_key"),
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="consents_lead_fk"),
        Index("idx_consents_lead", "client_id", "lead_id"),
    )

    client_id: Mapped[uuid.UUID]
    lead_id: Mapped[uuid.UUID]
    basis: Mapped[str] = mapped_column(CONSENT_BASIS)
    source: Mapped[str]
    evidence: Mapped[str | None]
    declared_by: Mapped[str]
    obtained_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
