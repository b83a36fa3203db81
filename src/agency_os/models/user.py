"""The profile of an account of the auth server."""

from __future__ import annotations

import uuid

from sqlalchemy import Column, ForeignKey, Table, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import Base, TimestampsMixin

# The auth server owns this table (Supabase's, or the local bootstrap's); only its key is known here.
AUTH_USERS = Table("users", Base.metadata, Column("id", Uuid(), primary_key=True), schema="auth")


class User(TimestampsMixin, Base):
    """The profile of an account of the auth server."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("auth.users.id", ondelete="RESTRICT"), primary_key=True)
    email: Mapped[str]
    full_name: Mapped[str | None]
