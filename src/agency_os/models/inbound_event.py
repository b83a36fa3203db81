"""A provider event, committed before it is acknowledged."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import NOW, Base, IdMixin


class InboundEvent(IdMixin, Base):
    """A provider event, committed before it is acknowledged."""

    __tablename__ = "inbound_events"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="inbound_events_tenant_key"),
        UniqueConstraint("provider", "event_id", name="unique_inbound_event"),
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="inbound_events_lead_fk"),
        ForeignKeyConstraint(
            ["client_id", "touch_id"], ["touches.client_id", "touches.id"], name="inbound_events_touch_fk"
        ),
        Index("idx_inbound_events_client", "client_id", text("received_at DESC")),
        Index("idx_inbound_events_queue", "occurred_at", "id", postgresql_where=text("state = 'received'::text")),
        Index(
            "idx_inbound_events_unmatched",
            "provider",
            "received_at",
            postgresql_where=text("state = 'unmatched'::text"),
        ),
    )

    provider: Mapped[str]
    event_id: Mapped[str]
    client_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    lead_id: Mapped[uuid.UUID | None]
    touch_id: Mapped[uuid.UUID | None]
    kind: Mapped[str]
    body: Mapped[bytes]
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(server_default=NOW)
    state: Mapped[str] = mapped_column(server_default=text("'received'"))
    outcome: Mapped[str | None]
    error: Mapped[str | None]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    retry_at: Mapped[datetime | None]
    processed_at: Mapped[datetime | None]
