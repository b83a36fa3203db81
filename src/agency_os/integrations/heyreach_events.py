"""HeyReach's webhooks: what happened on LinkedIn, told without a signature and without an id.

Promises: the secret at the end of the address admits; an event is known by what it tells of, so that a repeat, and the
second webhook that tells of the same reply, are the same event; unknown kinds are named and kept. Nothing of a person
stands in the id. Payloads are known by observation (snake case, ``event_type`` in lower case).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.heyreach import NAME
from agency_os.integrations.heyreach_types import ChatMessage, moment_of, profile_url_of
from agency_os.integrations.json_fields import Fields, read_webhook, short_hash
from agency_os.integrations.webhook import EventName, Webhook, WebhookSource, same_secret

_LONGEST_KIND = 100


class LinkedInEventKind(StrEnum):
    """What an event means for us."""

    INVITED = "invited"
    CONNECTED = "connected"
    SENT = "sent"
    REPLIED = "replied"
    TOUCHED = "touched"
    COMPLETED = "completed"
    TAGGED = "tagged"
    OTHER = "other"


KINDS: Final = {
    "connection_request_sent": LinkedInEventKind.INVITED,
    "connection_request_accepted": LinkedInEventKind.CONNECTED,
    "message_sent": LinkedInEventKind.SENT,
    "inmail_sent": LinkedInEventKind.SENT,
    "message_reply_received": LinkedInEventKind.REPLIED,
    "inmail_reply_received": LinkedInEventKind.REPLIED,
    "every_message_reply_received": LinkedInEventKind.REPLIED,
    "follow_sent": LinkedInEventKind.TOUCHED,
    "liked_post": LinkedInEventKind.TOUCHED,
    "viewed_profile": LinkedInEventKind.TOUCHED,
    "campaign_completed": LinkedInEventKind.COMPLETED,
    "lead_tag_updated": LinkedInEventKind.TAGGED,
}
"""By HeyReach's word, in lower case."""

_ONCE = frozenset({LinkedInEventKind.INVITED, LinkedInEventKind.CONNECTED})
"""What happens once per campaign, seat and lead: its time is no part of its identity."""


@dataclass(frozen=True, slots=True)
class LinkedInEvent:
    """One event. ``account_id`` is the seat; ``messages`` are the conversation's latest, oldest first; ``name`` is
    HeyReach's word for ``kind``."""

    event_id: str
    kind: LinkedInEventKind
    name: str
    campaign_id: int | None
    account_id: int | None
    profile_url: str | None
    lead_id: str | None
    conversation_id: str | None
    occurred_at: datetime | None
    is_inmail: bool
    messages: tuple[ChatMessage, ...] = field(repr=False)

    @property
    def replies(self) -> tuple[ChatMessage, ...]:
        """What the lead wrote, oldest first."""
        return tuple(message for message in self.messages if message.is_theirs)


def webhooks(secret: str) -> WebhookSource:
    """HeyReach's webhooks, whose address ends in ``secret``."""
    return WebhookSource(NAME, _name_event, admit=lambda _, offered: same_secret(offered, secret))


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    event = parse_event(webhook.body)
    return EventName(event.event_id, event.name, event.occurred_at)


def parse_event(body: bytes) -> LinkedInEvent:
    """The event in a webhook's body. Raises InvalidInputError for a body that is no event."""
    event = read_webhook(body, "HeyReach")
    name = event.text("event_type") or event.text("eventType")
    if name is None:
        raise InvalidInputError("the HeyReach webhook names no event_type", field="event_type")
    name = name.lower()[:_LONGEST_KIND]
    kind = KINDS.get(name, LinkedInEventKind.OTHER)
    lead = event.inner("lead")
    return LinkedInEvent(
        event_id=f"{_family(kind, name)}:{_identity(kind, event, body)}",
        kind=kind,
        name=name,
        campaign_id=event.inner("campaign").whole("id"),
        account_id=event.inner("sender").whole("id"),
        profile_url=profile_url_of(lead),
        lead_id=lead.text("id"),
        conversation_id=event.text("conversation_id"),
        occurred_at=moment_of(event, "timestamp"),
        is_inmail=event.flag("is_inmail") is True or name.startswith("inmail_"),
        messages=_messages(event),
    )


def _family(kind: LinkedInEventKind, name: str) -> str:
    """A reply is told by up to two webhooks, the campaign's and the one for every reply."""
    return "reply" if kind is LinkedInEventKind.REPLIED else name


def _identity(kind: LinkedInEventKind, event: Fields, body: bytes) -> str:
    """A hash of what the event tells of; of the whole body where that is not enough to tell two events apart."""
    lead, conversation, at = event.inner("lead"), event.text("conversation_id"), event.text("timestamp")
    parts = [event.inner("sender").text("id"), profile_url_of(lead) or lead.text("id")]
    campaign = event.inner("campaign").text("id")
    newest = _newest(kind, event)
    if newest is not None and newest.at is not None and (conversation or all(parts)):
        return _hash([*([conversation] if conversation else parts), newest.at.isoformat(), newest.text])
    if kind in _ONCE and campaign and all(parts):
        return _hash([campaign, *parts])
    if at is not None and (campaign or conversation or any(parts)):
        detail = newest.text if newest is not None else json.dumps(lead.texts("tags"))
        return _hash([campaign, conversation, *parts, at, detail])
    return short_hash(body)


def _newest(kind: LinkedInEventKind, event: Fields) -> ChatMessage | None:
    """The message that the event is about: their latest for a reply, ours for a message sent."""
    if kind not in (LinkedInEventKind.REPLIED, LinkedInEventKind.SENT):
        return None
    theirs = kind is LinkedInEventKind.REPLIED
    return next((each for each in reversed(_messages(event)) if each.is_theirs is theirs), None)


def _messages(event: Fields) -> tuple[ChatMessage, ...]:
    """Oldest first; HeyReach's order is not published, so time decides, and their order where it is missing."""
    found = [
        ChatMessage(each.verbatim("message"), moment_of(each, "creation_time"), each.flag("is_reply") is True)
        for each in event.each("recent_messages")
    ]
    return tuple(sorted(found, key=lambda message: message.at or _NEVER))


def _hash(parts: list[str | None]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


_NEVER = datetime.min.replace(tzinfo=UTC)
