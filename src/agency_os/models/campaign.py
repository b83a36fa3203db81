"""A sequence of steps with its channel shares (percent, sum 100)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import CAMPAIGN_STATUS, PERMISSION_MODE, Base, IdMixin, SoftDeleteMixin, TimestampsMixin


class Campaign(IdMixin, TimestampsMixin, SoftDeleteMixin, Base):
    """A sequence of steps with its channel shares (percent, sum 100)."""

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="campaigns_tenant_key"),
        Index("idx_campaigns_client", "client_id", "status"),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    name: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(CAMPAIGN_STATUS, server_default=text("'draft'"))
    allocation_email: Mapped[int] = mapped_column(server_default=text("100"))
    allocation_sms: Mapped[int] = mapped_column(server_default=text("0"))
    allocation_linkedin: Mapped[int] = mapped_column(server_default=text("0"))
    allocation_voice: Mapped[int] = mapped_column(server_default=text("0"))
    allocation_mail: Mapped[int] = mapped_column(server_default=text("0"))
    activated_at: Mapped[datetime | None]
    permission_mode: Mapped[str | None] = mapped_column(PERMISSION_MODE)
