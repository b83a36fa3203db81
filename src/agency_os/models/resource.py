"""A sender with its own daily limit: domain, mailbox, seat or number."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import CHANNEL, NOW, RESOURCE_KIND, Base, IdMixin, SoftDeleteMixin, TimestampsMixin


class Resource(IdMixin, TimestampsMixin, SoftDeleteMixin, Base):
    """A sender with its own daily limit: domain, mailbox, seat or number."""

    __tablename__ = "resources"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="resources_tenant_key"),
        Index("idx_resources_client", "client_id", "channel"),
        Index(
            "unique_resource_address",
            "kind",
            text("lower(address)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    kind: Mapped[str] = mapped_column(RESOURCE_KIND)
    channel: Mapped[str] = mapped_column(CHANNEL)
    address: Mapped[str]
    sender_email: Mapped[str | None]
    sender_name: Mapped[str | None]
    provider: Mapped[str]
    daily_limit: Mapped[int]
    time_zone: Mapped[str] = mapped_column(server_default=text("'Australia/Sydney'"))
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None]


class ResourceUsage(IdMixin, Base):
    """One use of a sender by one touch and attempt: the truth behind every limit."""

    __tablename__ = "resource_usage"
    __table_args__ = (
        UniqueConstraint("touch_id", "attempt", name="unique_resource_usage"),
        ForeignKeyConstraint(
            ["client_id", "resource_id"], ["resources.client_id", "resources.id"], name="resource_usage_resource_fk"
        ),
        ForeignKeyConstraint(
            ["client_id", "touch_id"], ["touches.client_id", "touches.id"], name="resource_usage_touch_fk"
        ),
        Index("idx_resource_usage_client", "client_id"),
        Index("idx_resource_usage_day", "resource_id", "used_on", postgresql_where=text("released_at IS NULL")),
    )

    client_id: Mapped[uuid.UUID]
    resource_id: Mapped[uuid.UUID]
    touch_id: Mapped[uuid.UUID]
    attempt: Mapped[int]
    used_on: Mapped[date]
    used_at: Mapped[datetime] = mapped_column(server_default=NOW)
    released_at: Mapped[datetime | None]
