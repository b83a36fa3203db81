"""A key for another program: of one client, with scopes, stored as a digest."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from agency_os.models.base import Base, CreatedMixin, IdMixin


class ApiKey(IdMixin, CreatedMixin, Base):
    """``digest`` is SHA-256 of the secret; ``expires_at``, ``last_used_at`` and ``revoked_at`` are wall time (UTC)."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="api_keys_tenant_key"),
        UniqueConstraint("digest", name="unique_api_key"),
    )

    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="RESTRICT"))
    name: Mapped[str]
    shown: Mapped[str]
    digest: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
