"""A batch call to a provider: frozen membership, frozen bytes, its own key."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, CreatedMixin, IdMixin


class SendBatch(IdMixin, CreatedMixin, Base):
    """A batch call to a provider: frozen membership, frozen bytes, its own key."""

    __tablename__ = "send_batches"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="send_batches_tenant_key"),
        UniqueConstraint("provider", "key", name="unique_send_batch_key"),
        Index("idx_send_batches_client", "client_id"),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    provider: Mapped[str]
    key: Mapped[str]
    touch_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    payload_hash: Mapped[str]
    first_sent_at: Mapped[datetime]
