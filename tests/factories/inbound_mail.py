"""Mails as they come in, with only what a test is about named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agency_os.domain.mail import InboundMail

RECEIVED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""A Monday noon in Sydney."""


def inbound(text: str = "", **changes: Any) -> InboundMail:
    """A person's answer to a message of ours that says ``text``."""
    values: dict[str, Any] = {
        "event_id": "event-1",
        "from_email": "pat@acme.example",
        "from_name": "Pat Smith",
        "to": ("ann@harbour.example",),
        "mailbox_hash": "token",
        "subject": "Re: A question for Acme",
        "text": text,
        "html": "",
        "headers": (),
        "message_id": "<reply@acme.example>",
        "in_reply_to": "<touch@harbour.example>",
        "references": ("<touch@harbour.example>",),
        "received_at": RECEIVED,
    }
    return InboundMail(**{**values, **changes})
