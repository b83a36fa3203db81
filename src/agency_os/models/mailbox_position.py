"""How far a mailbox has been read."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, FetchedValue, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import NOW, Base


class MailboxPositionRow(Base):
    """How far a mailbox has been read; ``caught_up_at`` and ``anew_since`` are wall time (UTC)."""

    __tablename__ = "mailbox_positions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "resource_id"], ["resources.client_id", "resources.id"], name="mailbox_positions_resource_fk"
        ),
        Index("idx_mailbox_positions_client", "client_id"),
    )

    resource_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[uuid.UUID]
    uid_validity: Mapped[int] = mapped_column(BigInteger)
    last_uid: Mapped[int] = mapped_column(BigInteger)
    caught_up_at: Mapped[datetime]
    anew_since: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW, server_onupdate=FetchedValue())
