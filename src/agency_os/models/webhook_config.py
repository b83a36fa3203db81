"""Where a client wants to be told of events."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, IdMixin, SoftDeleteMixin, TimestampsMixin


class WebhookConfig(IdMixin, TimestampsMixin, SoftDeleteMixin, Base):
    """Where a client wants to be told of events."""

    __tablename__ = "webhook_configs"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="webhook_configs_tenant_key"),
        Index("idx_webhook_configs_client", "client_id", postgresql_where=text("deleted_at IS NULL")),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    secret: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
