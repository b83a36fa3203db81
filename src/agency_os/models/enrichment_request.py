"""One paid look-up per key, leased to whoever pays."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import NOW, Base, IdMixin


class EnrichmentRequest(IdMixin, Base):
    """One paid look-up per key, leased to whoever pays."""

    __tablename__ = "enrichment_requests"
    __table_args__ = (UniqueConstraint("provider", "key", name="unique_enrichment_request"),)

    provider: Mapped[str]
    key: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'leased'"))
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    result: Mapped[dict[str, Any] | None]
    units: Mapped[Decimal] = mapped_column(Numeric(14, 4), server_default=text("0"))
    requested_at: Mapped[datetime] = mapped_column(server_default=NOW)
    finished_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    answer_by: Mapped[datetime | None]
