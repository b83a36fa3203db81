"""A customer that an agency has already won."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, CreatedMixin, IdMixin, SoftDeleteMixin


class PortfolioCompany(IdMixin, CreatedMixin, SoftDeleteMixin, Base):
    """A customer that an agency has already won."""

    __tablename__ = "client_portfolio"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="client_portfolio_tenant_key"),
        Index("idx_client_portfolio_client", "client_id"),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    company_name: Mapped[str]
    company_domain: Mapped[str | None]
    company_industry: Mapped[str | None]
    company_size: Mapped[str | None]
    company_location: Mapped[str | None]
    source: Mapped[str | None]
    enriched_data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
