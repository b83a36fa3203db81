"""What happened to a lead, in order."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import CHANNEL, Base, CreatedMixin, IdMixin


class Activity(IdMixin, CreatedMixin, Base):
    """What happened to a lead, in order."""

    __tablename__ = "activities"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "campaign_id"], ["campaigns.client_id", "campaigns.id"], name="activities_campaign_fk"
        ),
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="activities_lead_fk"),
        ForeignKeyConstraint(
            ["client_id", "touch_id"], ["touches.client_id", "touches.id"], name="activities_touch_fk", use_alter=True
        ),
        Index("idx_activities_campaign_channel", "campaign_id", "channel", "action"),
        Index("idx_activities_client_created", "client_id", text("created_at DESC")),
        Index("idx_activities_lead_created", "lead_id", text("created_at DESC")),
        Index(
            "idx_activities_thread",
            "lead_id",
            "channel",
            "provider_message_id",
            postgresql_where=text("provider_message_id IS NOT NULL"),
        ),
        Index("idx_activities_touch", "touch_id", postgresql_where=text("touch_id IS NOT NULL")),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    campaign_id: Mapped[uuid.UUID | None]
    lead_id: Mapped[uuid.UUID]
    touch_id: Mapped[uuid.UUID | None]
    channel: Mapped[str] = mapped_column(CHANNEL)
    action: Mapped[str]
    provider_message_id: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'"))
    led_to_booking: Mapped[bool] = mapped_column(server_default=text("false"))
    content_snapshot: Mapped[dict[str, Any] | None]
