"""What learning found last, per client and detector."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, CreatedMixin, IdMixin


class ConversionPattern(IdMixin, Base):
    """What learning found last, per client and detector."""

    __tablename__ = "conversion_patterns"
    __table_args__ = (UniqueConstraint("client_id", "pattern_type", name="unique_conversion_pattern"),)

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    pattern_type: Mapped[str]
    patterns: Mapped[dict[str, Any]]
    sample_size: Mapped[int]
    confidence: Mapped[float | None] = mapped_column(Double)
    computed_at: Mapped[datetime]
    valid_until: Mapped[datetime]


class ConversionPatternHistory(IdMixin, CreatedMixin, Base):
    """What learning found before."""

    __tablename__ = "conversion_pattern_history"
    __table_args__ = (
        Index("idx_conversion_pattern_history_client", "client_id", "pattern_type", text("computed_at DESC")),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    pattern_type: Mapped[str]
    patterns: Mapped[dict[str, Any]]
    sample_size: Mapped[int]
    confidence: Mapped[float | None] = mapped_column(Double)
    computed_at: Mapped[datetime]
    valid_until: Mapped[datetime]
