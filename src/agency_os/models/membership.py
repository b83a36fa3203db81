"""Who belongs to which client, in which role."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import MEMBERSHIP_ROLE, Base, CreatedMixin, IdMixin, SoftDeleteMixin


class Membership(IdMixin, CreatedMixin, SoftDeleteMixin, Base):
    """Who belongs to which client, in which role."""

    __tablename__ = "memberships"
    __table_args__ = (
        Index("idx_memberships_client", "client_id"),
        Index("unique_membership", "user_id", "client_id", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    role: Mapped[str] = mapped_column(MEMBERSHIP_ROLE, server_default=text("'member'"))
    invited_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    accepted_at: Mapped[datetime | None]
