"""One audited change: names and salted digests, never values. Append-only."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, CreatedMixin, IdMixin


class AuditLog(IdMixin, CreatedMixin, Base):
    """One audited change: names and salted digests, never values. Append-only."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index("idx_audit_logs_client", "client_id", text("created_at DESC")),
        Index("idx_audit_logs_page", "client_id", text("id DESC")),
        Index("idx_audit_logs_row", "table_name", "row_id"),
    )

    client_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    actor: Mapped[str]
    verb: Mapped[str]
    table_name: Mapped[str]
    row_id: Mapped[uuid.UUID]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    digests: Mapped[dict[str, Any]]


class AuditValue(Base):
    """The values behind an audit entry, which an erasure empties."""

    __tablename__ = "audit_values"
    __table_args__ = (Index("idx_audit_values_client", "client_id"),)

    audit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("audit_logs.id", ondelete="RESTRICT"), primary_key=True)
    client_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    salt: Mapped[bytes | None]
    new_values: Mapped[dict[str, Any] | None] = mapped_column("values")
