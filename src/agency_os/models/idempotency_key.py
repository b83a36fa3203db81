"""What was answered to a request that named an idempotency key."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, IdMixin


class IdempotencyKey(IdMixin, Base):
    """Of one caller (a user or an API key), for 24 hours of wall time; written by `app.claim_idempotency_key`."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("caller", "key", name="unique_idempotency_key"),)

    caller: Mapped[uuid.UUID]
    key: Mapped[str]
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    answer: Mapped[bytes | None]
    claimed_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
