"""All messages with one lead on one channel."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import CHANNEL, INTENT, NOW, Base, CreatedMixin, IdMixin, TimestampsMixin


class Conversation(IdMixin, TimestampsMixin, Base):
    """All messages with one lead on one channel."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="conversations_tenant_key"),
        UniqueConstraint("client_id", "lead_id", "channel", name="unique_conversation"),
        ForeignKeyConstraint(
            ["client_id", "campaign_id"], ["campaigns.client_id", "campaigns.id"], name="conversations_campaign_fk"
        ),
        ForeignKeyConstraint(["client_id", "lead_id"], ["leads.client_id", "leads.id"], name="conversations_lead_fk"),
    )

    client_id: Mapped[uuid.UUID]
    lead_id: Mapped[uuid.UUID]
    campaign_id: Mapped[uuid.UUID | None]
    channel: Mapped[str] = mapped_column(CHANNEL)
    needs_person: Mapped[bool] = mapped_column(server_default=text("false"))
    needs_person_reason: Mapped[str | None]
    last_message_at: Mapped[datetime] = mapped_column(server_default=NOW)
    last_answered_at: Mapped[datetime | None]


class Message(IdMixin, CreatedMixin, Base):
    """One message of a conversation, in or out."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("client_id", "id", name="messages_tenant_key"),
        ForeignKeyConstraint(
            ["client_id", "conversation_id"],
            ["conversations.client_id", "conversations.id"],
            name="messages_conversation_fk",
        ),
        ForeignKeyConstraint(
            ["client_id", "inbound_event_id"],
            ["inbound_events.client_id", "inbound_events.id"],
            name="messages_event_fk",
        ),
        ForeignKeyConstraint(["client_id", "touch_id"], ["touches.client_id", "touches.id"], name="messages_touch_fk"),
        Index("idx_messages_conversation", "client_id", "conversation_id", "occurred_at"),
        Index(
            "unique_message_of_event",
            "inbound_event_id",
            unique=True,
            postgresql_where=text("inbound_event_id IS NOT NULL"),
        ),
        Index("unique_message_of_touch", "touch_id", unique=True, postgresql_where=text("touch_id IS NOT NULL")),
    )

    client_id: Mapped[uuid.UUID]
    conversation_id: Mapped[uuid.UUID]
    direction: Mapped[str]
    touch_id: Mapped[uuid.UUID | None]
    inbound_event_id: Mapped[uuid.UUID | None]
    subject: Mapped[str | None]
    body: Mapped[str] = mapped_column(server_default=text("''"))
    intent: Mapped[str | None] = mapped_column(INTENT)
    reading: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    rfc_message_id: Mapped[str | None]
    occurred_at: Mapped[datetime]
