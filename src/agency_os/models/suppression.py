"""An address nobody may approach, by HMAC of the normalised address."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import CHANNEL, Base, CreatedMixin, IdMixin


class GlobalSuppression(IdMixin, CreatedMixin, Base):
    """An address nobody may approach, by HMAC of the normalised address."""

    __tablename__ = "global_suppression"
    __table_args__ = (UniqueConstraint("channel", "address_hash", name="unique_global_suppression"),)

    channel: Mapped[str] = mapped_column(CHANNEL)
    address_hash: Mapped[bytes]
    reason: Mapped[str]
    added_by: Mapped[str | None]


class ClientSuppression(IdMixin, CreatedMixin, Base):
    """An address one client may not approach, by HMAC of the normalised address."""

    __tablename__ = "client_suppression"
    __table_args__ = (
        UniqueConstraint("client_id", "channel", "address_hash", name="unique_client_suppression"),
        Index("idx_suppression_page", "client_id", text("id DESC")),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    channel: Mapped[str] = mapped_column(CHANNEL)
    address_hash: Mapped[bytes]
    reason: Mapped[str]
    added_by: Mapped[str | None]
