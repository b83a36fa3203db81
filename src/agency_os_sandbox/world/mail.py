"""A message as a provider accepted it: plain values, kept as JSON, read by the world."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any


@dataclass(frozen=True, slots=True)
class Mail:
    """An accepted email. Addresses stand as given (``Name <a@b>`` or bare); ``accepted_at`` is virtual, UTC."""

    id: str
    message_id: str
    accepted_at: datetime
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    reply_to: tuple[str, ...]
    headers: dict[str, str]
    tags: dict[str, str]

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every bare address that gets it, in lower case."""
        return tuple(bare(address) for address in (*self.to, *self.cc, *self.bcc))

    def header(self, name: str) -> str:
        """A header by name, whatever its case; empty when absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def to_json(self) -> str:
        """What is kept of it beside id, Message-ID and time."""
        return json.dumps(
            {
                "sender": self.sender, "to": self.to, "subject": self.subject, "text": self.text, "html": self.html,
                "cc": self.cc, "bcc": self.bcc, "reply_to": self.reply_to, "headers": self.headers, "tags": self.tags,
            },
            ensure_ascii=False,
        )  # fmt: skip

    @classmethod
    def from_json(cls, email_id: str, message_id: str, accepted_at: datetime, payload: str) -> Mail:
        """The reverse of ``to_json``."""
        data: dict[str, Any] = json.loads(payload)
        for name in ("to", "cc", "bcc", "reply_to"):
            data[name] = tuple(data[name])
        return cls(id=email_id, message_id=message_id, accepted_at=accepted_at, **data)


def bare(address: str) -> str:
    """The address alone, in lower case: ``Ada <Ada@B.example>`` becomes ``ada@b.example``."""
    return parseaddr(address)[1].strip().lower()
