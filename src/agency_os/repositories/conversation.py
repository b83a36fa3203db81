"""Conversations: what a person wrote, who must look at it, and the automatic answers, at most one a day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from agency_os.kit.ids import new_id
from agency_os.repositories.base import Repository

ANSWER_SPACING: Final = timedelta(hours=24)
"""At most one automatic answer per thread in this time (invariant 16)."""

_OPEN = text("""
    INSERT INTO conversations (id, client_id, lead_id, campaign_id, channel, last_message_at)
    VALUES (:id, :client_id, :lead_id, :campaign_id, 'email', :at)
    ON CONFLICT (client_id, lead_id, channel) DO UPDATE
    SET last_message_at = greatest(conversations.last_message_at, excluded.last_message_at)
    RETURNING id
""")
_ADD = text("""
    INSERT INTO messages (id, client_id, conversation_id, direction, inbound_event_id, subject, body, intent, reading,
        rfc_message_id, occurred_at)
    VALUES (:id, :client_id, :conversation_id, 'in', :event_id, :subject, :body, CAST(:intent AS intent_type),
        CAST(:reading AS jsonb), :message_id, :at)
    ON CONFLICT DO NOTHING
""")
_NEEDS_PERSON = text("""
    UPDATE conversations SET needs_person = true, needs_person_reason = :reason WHERE id = :id
""")
_TAKE_ANSWER = text("""
    UPDATE conversations SET last_answered_at = :now
    WHERE id = :id AND (last_answered_at IS NULL OR last_answered_at <= :before)
    RETURNING id
""")
_ANSWER = text("""
    INSERT INTO touches (id, client_id, campaign_id, lead_id, kind, channel, answers_event_id, resource_id, due_at)
    VALUES (:id, :client_id, :campaign_id, :lead_id, 'answer', 'email', :event_id, :resource_id, :now)
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A message that came in; ``text`` is what the person wrote, ``at`` business time."""

    event_id: UUID
    subject: str
    text: str
    intent: str | None
    reading: Mapping[str, Any]
    message_id: str | None
    at: datetime


class ConversationRepository(Repository):
    """Conversations of the tenants that the caller names."""

    async def add(self, client_id: UUID, lead_id: UUID, campaign_id: UUID | None, message: WrittenMessage) -> UUID:
        """Store a message in the lead's conversation, which is made where there is none. Returns the conversation."""
        opening = {"id": new_id(), "client_id": client_id, "lead_id": lead_id, "campaign_id": campaign_id}
        conversation: UUID = (await self.db.execute(_OPEN, {**opening, "at": message.at})).scalar_one()
        await self.db.execute(
            _ADD,
            {
                "id": new_id(),
                "client_id": client_id,
                "conversation_id": conversation,
                "event_id": message.event_id,
                "subject": message.subject,
                "body": message.text,
                "intent": message.intent,
                "reading": json.dumps(dict(message.reading), default=str),
                "message_id": message.message_id,
                "at": message.at,
            },
        )
        return conversation

    async def needs_person(self, conversation: UUID, reason: str) -> None:
        """A person must look at it."""
        await self.db.execute(_NEEDS_PERSON, {"id": conversation, "reason": reason})

    async def plan_answer(
        self,
        conversation: UUID,
        *,
        client_id: UUID,
        campaign_id: UUID,
        lead_id: UUID,
        resource_id: UUID | None,
        event_id: UUID,
        now: datetime,
    ) -> bool:
        """Plan the automatic answer to one message; False where this thread got one within 24 hours."""
        taken = await self.db.execute(_TAKE_ANSWER, {"id": conversation, "now": now, "before": now - ANSWER_SPACING})
        if taken.scalar() is None:
            return False
        values = {"client_id": client_id, "campaign_id": campaign_id, "lead_id": lead_id, "resource_id": resource_id}
        await self.db.execute(_ANSWER, {"id": new_id(), **values, "event_id": event_id, "now": now})
        return True
