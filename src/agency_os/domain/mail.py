"""One email as it came in, whatever way it came: provider webhook, mailbox or raw file.

Integrations build it from what they receive; the rules of ``reply_reading`` and the matching to a thread read it.
Promise: header names are as received, ``header()`` compares them without case (RFC 5322 section 1.2.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class ReportPart:
    """A machine-readable part of a delivery or complaint report, decoded as text.

    ``content_type`` is lower case without parameters: ``message/delivery-status`` (RFC 3464),
    ``message/feedback-report`` (RFC 5965), ``message/rfc822`` or ``text/rfc822-headers`` (the mail reported on).
    """

    content_type: str
    text: str


REPORT_TYPES: Final = frozenset(
    {
        "message/delivery-status",
        "message/global-delivery-status",
        "message/feedback-report",
        "message/rfc822",
        "text/rfc822-headers",
    }
)
"""Content types that an integration hands over as ``reports``; webhooks carry them as attachments."""


_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,990}>")


def message_ids(header: str) -> tuple[str, ...]:
    """The message ids in a header's value, with their angle brackets, as they stand (RFC 5322 section 3.6.4)."""
    return tuple(_MESSAGE_ID.findall(header))


@dataclass(frozen=True, slots=True)
class InboundMail:
    """A received email.

    ``event_id`` is the provider's id of the delivery to us, unique per provider. ``mailbox_hash`` is what stood after
    the ``+`` of the address that received it, empty if nothing did. ``message_id``, ``in_reply_to`` and ``references``
    keep their angle brackets, as RFC 5322 section 3.6.4 writes them; references stand oldest first. ``text`` and
    ``html`` are decoded and may be empty. ``received_at`` is an aware UTC datetime of the business clock. ``reports``
    holds the attached parts of ``REPORT_TYPES``, which only delivery and complaint reports and forwards have.
    """

    event_id: str
    from_email: str
    from_name: str
    to: tuple[str, ...]
    mailbox_hash: str
    subject: str
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]
    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    received_at: datetime
    reports: tuple[ReportPart, ...] = ()

    def __post_init__(self) -> None:
        if self.received_at.tzinfo is None:
            raise ValueError("received_at must be an aware datetime in UTC")

    def header(self, name: str) -> str | None:
        """The first value of the header ``name``, compared without case; None if the mail has no such header."""
        return next(iter(self.headers_named(name)), None)

    def headers_named(self, name: str) -> tuple[str, ...]:
        """Every value of the header ``name``, in the order received."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)
