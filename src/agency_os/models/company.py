"""A company as one client knows it; ``key`` is its registrable domain, else its normalised name."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, IdMixin, SoftDeleteMixin, TimestampsMixin


class Company(IdMixin, TimestampsMixin, SoftDeleteMixin, Base):
    """A company as one client knows it; ``key`` is its registrable domain, else its normalised name."""

    __tablename__ = "companies"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="companies_tenant_key"),
        Index(
            "unique_company_per_client", "client_id", "key", unique=True, postgresql_where=text("deleted_at IS NULL")
        ),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    key: Mapped[str]
    name: Mapped[str | None]
    domain: Mapped[str | None]
