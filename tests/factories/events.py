"""Provider events about one lead, as the providers' webhooks bring them: mail events, replies, bookings."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from agency_os.kit.tokens import PersonHash, TouchTokens
from agency_os.repositories.inbound_event import NewEvent
from tests.factories.outreach import MONDAY_NOON

TOKENS = TouchTokens(b"t" * 40)
HASHES = PersonHash(b"s" * 40)
"""The keys of a process whose settings come from `tests.factories.api`."""


def mail_event(touch_id: UUID, to: str, kind: str, at: datetime = MONDAY_NOON, **data: Any) -> NewEvent:
    """Resend tells how a message fares: ``kind`` is ``delivered``, ``bounced`` …"""
    content = {"email_id": f"provider-{touch_id}", "to": [to], "tags": {"touch": str(touch_id)}, **data}
    body = {"type": f"email.{kind}", "created_at": at.isoformat(), "data": content}
    return NewEvent("resend", f"{kind}:{touch_id}", f"email.{kind}", json.dumps(body).encode(), at)


def hard_bounce(touch_id: UUID, to: str, at: datetime = MONDAY_NOON) -> NewEvent:
    """The address does not exist."""
    bounce = {"type": "Permanent", "subType": "General", "message": "550 no such user"}
    return mail_event(touch_id, to, "bounced", at, bounce=bounce)


def reply(touch_id: UUID, sender: str, text: str, at: datetime = MONDAY_NOON, number: int = 1) -> NewEvent:
    """Postmark hands over what the recipient of a message wrote back."""
    mail = {
        "MessageID": f"{touch_id}-{number}",
        "FromFull": {"Email": sender, "Name": "Pat"},
        "MailboxHash": TOKENS.make(touch_id, "reply"),
        "Subject": "Re: A question about your clinic",
        "TextBody": text,
        "Headers": [{"Name": "Message-ID", "Value": f"<{touch_id}-{number}@mail.example>"}],
    }
    return NewEvent("postmark", f"inbound:{mail['MessageID']}", "inbound", json.dumps(mail).encode(), at)


def booking(
    touch_id: UUID, sender: str, trigger: str, at: datetime, *, uid: str = "b1", replaces: str | None = None
) -> NewEvent:
    """Cal.com tells of a booking by a message's link; ``trigger`` is ``CREATED``, ``RESCHEDULED`` or ``CANCELLED``."""
    begins = MONDAY_NOON + timedelta(days=2 + int(uid[1:]))
    payload = {
        "uid": f"{uid}-{touch_id}",
        "title": "A first talk",
        "startTime": begins.isoformat(),
        "endTime": (begins + timedelta(minutes=30)).isoformat(),
        "attendees": [{"email": sender, "name": "Pat"}],
        "metadata": {"token": TOKENS.make(touch_id, "reply")},
        **({"rescheduleUid": f"{replaces}-{touch_id}"} if replaces else {}),
    }
    body = {"triggerEvent": f"BOOKING_{trigger}", "createdAt": at.isoformat(), "payload": payload}
    event_id = f"BOOKING_{trigger}:{payload['uid']}:{at.isoformat()}"
    return NewEvent("cal_com", event_id, f"BOOKING_{trigger}", json.dumps(body).encode(), at)
