"""A booked meeting; the newest provider event decides its status."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from agency_os.models.base import Base, IdMixin, TimestampsMixin


class Meeting(IdMixin, TimestampsMixin, Base):
    """A booked meeting; the newest provider event decides its status."""

    __tablename__ = "meetings"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="meetings_tenant_key"),
        UniqueConstraint("provider", "provider_uid", name="unique_meeting"),
        ForeignKeyConstraint(
            ["client_id", "campaign_id"], ["campaigns.client_id", "campaigns.id"], name="meetings_campaign_fk"
        ),
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="meetings_lead_fk"),
        ForeignKeyConstraint(["client_id", "touch_id"], ["touches.client_id", "touches.id"], name="meetings_touch_fk"),
        Index("idx_meetings_lead", "client_id", "lead_id"),
    )

    client_id: Mapped[uuid.UUID]
    lead_id: Mapped[uuid.UUID]
    campaign_id: Mapped[uuid.UUID | None]
    touch_id: Mapped[uuid.UUID | None]
    provider: Mapped[str]
    provider_uid: Mapped[str]
    status: Mapped[str]
    title: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    attendee_email: Mapped[str | None]
    provider_updated_at: Mapped[datetime]
