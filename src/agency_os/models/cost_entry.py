"""The ledger of money, A$: reserved before a paid call, settled after it."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, CreatedMixin, IdMixin


class CostEntry(IdMixin, CreatedMixin, Base):
    """The ledger of money, A$: reserved before a paid call, settled after it."""

    __tablename__ = "cost_entries"
    __table_args__ = (
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="cost_entries_lead_fk"),
        ForeignKeyConstraint(
            ["client_id", "touch_id"], ["touches.client_id", "touches.id"], name="cost_entries_touch_fk"
        ),
        Index("idx_cost_entries_client", "client_id", text("created_at DESC")),
        Index(
            "unique_cost_of_lookup",
            "client_id",
            "provider",
            "operation",
            "key",
            "lead_id",
            unique=True,
            postgresql_where=text("touch_id IS NULL"),
        ),
        Index("idx_cost_entries_lookup", "provider", "key", postgresql_where=text("touch_id IS NULL")),
        Index("idx_cost_entries_open_touch", "touch_id", postgresql_where=text("settled_at IS NULL")),
        Index(
            "unique_cost_of_touch",
            "provider",
            "key",
            "touch_id",
            unique=True,
            postgresql_where=text("touch_id IS NOT NULL"),
        ),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    provider: Mapped[str]
    operation: Mapped[str]
    key: Mapped[str]
    units: Mapped[Decimal] = mapped_column(Numeric(14, 4), server_default=text("1"))
    reserved_aud: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default=text("0"))
    settled_aud: Mapped[Decimal | None] = mapped_column(Numeric(14, 6))
    lead_id: Mapped[uuid.UUID | None]
    touch_id: Mapped[uuid.UUID | None]
    settled_at: Mapped[datetime | None]
