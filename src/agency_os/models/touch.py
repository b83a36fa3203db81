"""One message to one person, through its life from planned to sent (DESIGN section 4)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Computed, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import CHANNEL, TOUCH_KIND, TOUCH_STATE, Base, IdMixin, TimestampsMixin


class Touch(IdMixin, TimestampsMixin, Base):
    """One message to one person, through its life from planned to sent (DESIGN section 4)."""

    __tablename__ = "touches"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="touches_tenant_key"),
        ForeignKeyConstraint(
            ["client_id", "batch_id"], ["send_batches.client_id", "send_batches.id"], name="touches_batch_fk"
        ),
        ForeignKeyConstraint(
            ["client_id", "campaign_id"], ["campaigns.client_id", "campaigns.id"], name="touches_campaign_fk"
        ),
        ForeignKeyConstraint(
            ["client_id", "answers_event_id"],
            ["inbound_events.client_id", "inbound_events.id"],
            name="touches_event_fk",
            use_alter=True,
        ),
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="touches_lead_fk"),
        ForeignKeyConstraint(
            ["client_id", "resource_id"], ["resources.client_id", "resources.id"], name="touches_resource_fk"
        ),
        ForeignKeyConstraint(
            ["client_id", "sequence_step_id"], ["sequence_steps.client_id", "sequence_steps.id"], name="touches_step_fk"
        ),
        Index("idx_touches_batch", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
        Index("idx_touches_campaign", "campaign_id", "state"),
        Index(
            "idx_touches_in_flight",
            "lease_until",
            postgresql_where=text("(state = ANY (ARRAY['claimed'::touch_state, 'sending'::touch_state]))"),
        ),
        Index("idx_touches_lead", "lead_id", "state"),
        Index(
            "idx_touches_planned",
            "client_id",
            "channel",
            "eligible_at",
            "id",
            postgresql_where=text("state = 'planned'::touch_state"),
        ),
        Index(
            "idx_touches_provider_message",
            "provider",
            "provider_message_id",
            postgresql_where=text("provider_message_id IS NOT NULL"),
        ),
        Index(
            "idx_touches_queue",
            "client_id",
            "channel",
            "eligible_at",
            "id",
            postgresql_where=text("state = 'ready'::touch_state"),
        ),
        Index("idx_touches_by_campaign", "client_id", "campaign_id", text("id DESC")),
        Index("idx_touches_by_lead", "client_id", "lead_id", text("id DESC")),
        Index("idx_touches_rfc_message", "rfc_message_id", postgresql_where=text("rfc_message_id IS NOT NULL")),
        Index(
            "unique_answer_touch", "answers_event_id", unique=True, postgresql_where=text("kind = 'answer'::touch_kind")
        ),
        Index(
            "unique_sequence_touch",
            "client_id",
            "lead_id",
            "campaign_id",
            "step",
            "channel",
            unique=True,
            postgresql_where=text("kind = 'sequence'::touch_kind"),
        ),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    campaign_id: Mapped[uuid.UUID]
    lead_id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(TOUCH_KIND, server_default=text("'sequence'"))
    channel: Mapped[str] = mapped_column(CHANNEL)
    sequence_step_id: Mapped[uuid.UUID | None]
    step: Mapped[int | None]
    answers_event_id: Mapped[uuid.UUID | None]
    resource_id: Mapped[uuid.UUID | None]
    state: Mapped[str] = mapped_column(TOUCH_STATE, server_default=text("'planned'"))
    reason: Mapped[str | None]
    due_at: Mapped[datetime]
    not_before: Mapped[datetime | None]
    eligible_at: Mapped[datetime | None] = mapped_column(Computed("GREATEST(due_at, not_before)", persisted=True))
    expires_at: Mapped[datetime | None]
    payload: Mapped[dict[str, Any] | None]
    payload_hash: Mapped[str | None]
    frozen_at: Mapped[datetime | None]
    approved_hash: Mapped[str | None]
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    approved_at: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    sending_at: Mapped[datetime | None]
    batch_id: Mapped[uuid.UUID | None]
    provider: Mapped[str | None]
    provider_message_id: Mapped[str | None]
    rfc_message_id: Mapped[str | None]
    sent_at: Mapped[datetime | None]
