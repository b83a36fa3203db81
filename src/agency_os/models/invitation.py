"""An invitation to join a client, by email address; it becomes a membership when its holder accepts."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import MEMBERSHIP_ROLE, Base, CreatedMixin, IdMixin


class Invitation(IdMixin, CreatedMixin, Base):
    """``expires_at``, ``accepted_at`` and ``revoked_at`` are wall time (UTC)."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="invitations_tenant_key"),
        Index(
            "unique_open_invitation",
            "client_id",
            "email",
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
        Index("idx_invitations_email", "email", postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL")),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    email: Mapped[str]
    role: Mapped[str] = mapped_column(MEMBERSHIP_ROLE)
    invited_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    revoked_at: Mapped[datetime | None]
