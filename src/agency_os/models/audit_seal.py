"""Seals over the audit trail, and which entries are under which."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, IdMixin


class AuditSeal(IdMixin, Base):
    """A link of a chain: its hash covers the hash before it and every entry under it. Written by `app.seal_audit`."""

    __tablename__ = "audit_seals"
    __table_args__ = (
        UniqueConstraint("chain", "sequence", name="unique_seal"),
        Index("idx_audit_seals_client", "client_id"),
    )

    client_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    chain: Mapped[uuid.UUID]
    sequence: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int]
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]
    sealed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class AuditSealed(Base):
    """An entry that is under a seal."""

    __tablename__ = "audit_sealed"
    __table_args__ = (
        Index("idx_audit_sealed_client", "client_id"),
        Index("idx_audit_sealed_seal", "seal_id"),
    )

    audit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("audit_logs.id", ondelete="RESTRICT"), primary_key=True)
    seal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("audit_seals.id", ondelete="RESTRICT"))
    client_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
