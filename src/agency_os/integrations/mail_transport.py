"""What every way of sending email has in common: the message, the results, the events, and the ``MailTransport``
protocol.

A message is frozen as canonical JSON, so that equal messages are equal bytes: a provider's idempotency key stands
for exactly these bytes, and an approval pins their hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from agency_os.exceptions import InvalidInputError


def canonical_json(value: object) -> bytes:
    """The one spelling of a JSON value: sorted names, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """One message to one person. ``sender`` may carry a name (``Jo <jo@a.example>``); ``tags`` travel with its events.

    Raises InvalidInputError for a line break in any header, which could smuggle in another (RFC 5322, 2.2).
    """

    sender: str
    to: str
    subject: str
    text: str
    html: str | None = None
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lines = [self.sender, self.to, self.subject, self.reply_to or "", *self.headers, *self.headers.values()]
        if any("\r" in line or "\n" in line or "\x00" in line for line in lines):
            raise InvalidInputError("an email's headers must not contain line breaks", field="headers")

    def to_json(self) -> str:
        """The canonical form, to be stored."""
        return canonical_json(
            {
                "sender": self.sender,
                "to": self.to,
                "subject": self.subject,
                "text": self.text,
                "html": self.html,
                "reply_to": self.reply_to,
                "headers": dict(self.headers),
                "tags": dict(self.tags),
            }
        ).decode("ascii")

    @classmethod
    def from_json(cls, stored: str | Mapping[str, Any]) -> OutgoingEmail:
        """The message of a canonical form, given as text or as the object it spells. Raises InvalidInputError."""
        try:
            fields = json.loads(stored) if isinstance(stored, str) else dict(stored)
            return cls(**fields)
        except (ValueError, TypeError):
            raise InvalidInputError("a stored email is not in its canonical form") from None

    def digest(self) -> bytes:
        """SHA-256 of the canonical form."""
        return hashlib.sha256(self.to_json().encode("ascii")).digest()


@dataclass(frozen=True, slots=True)
class SendResult:
    """An accepted request: the provider's ids in the order of the messages, and the cost in emails."""

    ids: tuple[str, ...]
    units: Decimal


@dataclass(frozen=True, slots=True)
class SentEmail:
    """An email as the provider remembers it. ``message_id`` is the RFC 5322 one with its angle brackets, once known."""

    id: str
    to: tuple[str, ...]
    subject: str
    created_at: datetime
    message_id: str | None
    last_event: str | None


class MailEventKind(StrEnum):
    """What happened to an email, or to the address it went to."""

    SENT = "sent"
    SCHEDULED = "scheduled"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    RECEIVED = "received"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One event of a provider's webhook.

    ``event_id`` is unique per provider and the same over repeats. ``hard`` says that the address will never accept
    mail (a permanent bounce, or the provider's own suppression). ``occurred_at`` is in the provider's time, aware
    UTC.
    """

    event_id: str
    kind: MailEventKind
    provider_message_id: str | None
    recipient: str | None
    hard: bool
    occurred_at: datetime | None
    detail: str
    tags: Mapping[str, str] = field(default_factory=dict)


class MailTransport(Protocol):
    """Sends email. Errors are those of ProviderError; their ``outcome`` decides what may happen next."""

    @property
    def name(self) -> str:
        """The provider's name, as in the ledger."""
        ...

    @property
    def key_window(self) -> timedelta | None:
        """How long the provider remembers an idempotency key, in business time; None where it has none."""
        ...

    @property
    def batch_limit(self) -> int:
        """The most emails in one ``send_batch``."""
        ...

    async def send(self, email: OutgoingEmail, *, key: str) -> SendResult:
        """Send one email under an idempotency key."""
        ...

    async def send_batch(self, emails: Sequence[OutgoingEmail], *, key: str) -> SendResult:
        """Send all of them or none under one idempotency key."""
        ...

    async def message_id(self, provider_id: str) -> str | None:
        """The RFC 5322 Message-ID of a sent email; None while the provider does not know it."""
        ...

    async def list_recent(self, limit: int = 100, after: str | None = None) -> list[SentEmail]:
        """The emails sent last, newest first; ``after`` is the id of the last one of the page before."""
        ...
