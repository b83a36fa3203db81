"""One step of a campaign; ``day_offset`` counts business days after the first step."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import CHANNEL, Base, IdMixin, SoftDeleteMixin, TimestampsMixin


class SequenceStep(IdMixin, TimestampsMixin, SoftDeleteMixin, Base):
    """One step of a campaign; ``day_offset`` counts business days after the first step."""

    __tablename__ = "sequence_steps"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="sequence_steps_tenant_key"),
        ForeignKeyConstraint(
            ["client_id", "campaign_id"], ["campaigns.client_id", "campaigns.id"], name="sequence_steps_campaign_fk"
        ),
        Index("idx_sequence_steps_client", "client_id"),
        Index(
            "unique_sequence_step",
            "campaign_id",
            "step",
            "channel",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    client_id: Mapped[uuid.UUID]
    campaign_id: Mapped[uuid.UUID]
    step: Mapped[int]
    channel: Mapped[str] = mapped_column(CHANNEL)
    day_offset: Mapped[int]
    subject_template: Mapped[str | None]
    body_template: Mapped[str]
