"""Content: due planned touches get their words, addresses and headers, fixed before they may be claimed (freeze).

Deterministic: templates and stored facts in, canonical bytes with their hash out. What cannot be written is skipped
with its reason; what lacks something of the agency's waits for the agency.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import formataddr
from typing import Any, Final
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.channels import Channel
from agency_os.domain.content import (
    ANSWER_BODY,
    Sender,
    TemplateFaultError,
    Thread,
    booking_link,
    write_letter,
)
from agency_os.domain.lifecycle import PermissionMode
from agency_os.domain.touch import TouchKind, payload_hash
from agency_os.kit.tokens import TouchTokens
from agency_os.repositories.touch_planning import TouchPlanningRepository

BATCH: Final = 500
ASK_AGAIN: Final = timedelta(hours=6)
"""Business time until a message that lacks something of the agency's is tried again."""


class AgencyFaultError(TemplateFaultError):
    """Something that the agency must fill in is missing; the message waits for it."""

    code = "agency_fault"


@dataclass(slots=True)
class Frozen:
    """What a batch came to."""

    ready: int = 0
    awaiting_approval: int = 0
    skipped: int = 0
    waiting: int = 0
    _payloads: dict[UUID, tuple[str, bool]] = field(default_factory=dict)
    _hashes: dict[UUID, str] = field(default_factory=dict)
    _skips: dict[UUID, str] = field(default_factory=dict)
    _delays: dict[UUID, str] = field(default_factory=dict)


class ContentEngine:
    """Writes and freezes. ``public_url`` is where unsubscribe links lead, ``reply_domain`` where answers come in."""

    def __init__(self, tokens: TouchTokens, public_url: str, reply_domain: str) -> None:
        self._tokens = tokens
        self._public_url = public_url
        self._reply_domain = reply_domain

    async def freeze_due(self, db: AsyncSession, *, client_id: UUID, now: datetime) -> Frozen:
        """Freeze one batch of due planned email touches of a client."""
        repository = TouchPlanningRepository(db)
        result = Frozen()
        for row in await repository.freezable(client_id, Channel.EMAIL, now, BATCH):
            self._freeze(row, result)
        await repository.freeze(result._payloads, result._hashes, now)
        await repository.skip(result._skips)
        await repository.postpone(result._delays, now + ASK_AGAIN)
        return result

    def _freeze(self, row: Mapping[str, Any], result: Frozen) -> None:
        touch_id = row["id"]
        try:
            payload = self.payload(row)
        except AgencyFaultError as fault:
            result._delays[touch_id] = str(fault)
            result.waiting += 1
        except TemplateFaultError as fault:
            result._skips[touch_id] = str(fault)
            result.skipped += 1
        else:
            approved = row["permission_mode"] == PermissionMode.AUTOPILOT
            result._payloads[touch_id] = (json.dumps(payload, ensure_ascii=False, sort_keys=True), approved)
            result._hashes[touch_id] = payload_hash(payload)
            result.ready += approved
            result.awaiting_approval += not approved

    def payload(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The frozen email of one row of `TouchPlanningRepository.freezable`.

        Raises TemplateFaultError when it cannot be written for this lead, AgencyFaultError when the agency must act.
        """
        sender, recipient = _sender(row), row["email"]
        if recipient is None:
            raise TemplateFaultError("the lead has no email address")
        touch_id: UUID = row["id"]
        reply_token = self._tokens.make(touch_id, "reply")
        unsubscribe_url = f"{self._public_url}/u/{self._tokens.make(touch_id, 'unsubscribe')}"
        is_answer = row["kind"] == TouchKind.ANSWER
        letter = write_letter(
            subject=row["subject_template"],
            body=ANSWER_BODY if is_answer else row["body_template"],
            values=_values(row, sender, reply_token),
            sender=sender,
            unsubscribe_url=unsubscribe_url,
            thread=_answered(row) if is_answer else _thread(row),
        )
        return {
            "sender": formataddr((sender.name, sender.email)),
            "to": recipient,
            "subject": letter.subject,
            "text": letter.text,
            "html": letter.html,
            "reply_to": f"reply+{reply_token}@{self._reply_domain}",
            "headers": dict(letter.headers),
            "tags": {"touch": str(touch_id)},
        }


def _sender(row: Mapping[str, Any]) -> Sender:
    name, email = row["resource_sender_name"] or row["sender_name"], row["sender_email"]
    if email is None or not name:
        raise AgencyFaultError("its sending domain has no sender: fill in the sender's name and address")
    if not row["postal_address"]:
        raise AgencyFaultError("the client has no postal address, which every commercial email must name")
    return Sender(name, email, row["client_name"], row["abn"], row["postal_address"])


def _values(row: Mapping[str, Any], sender: Sender, reply_token: str) -> dict[str, str]:
    """Everything that a template may say; what is not known is left out, so that ``| default("there")`` works."""
    known = {
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "title": row["title"],
        "company": row["company"],
        "industry": row["organization_industry"],
        "state": row["state"],
        "domain": row["domain"],
        "sender_name": sender.name,
        "sender_first_name": sender.name.split()[0],
        "agency": sender.agency,
        "offer": row["default_offer"],
        "value_proposition": row["value_proposition"],
        "website": row["website_url"],
        "booking_link": booking_link(row["booking_url"], reply_token) if row["booking_url"] else None,
    }
    return {name: value for name, value in known.items() if value}


def _thread(row: Mapping[str, Any]) -> Thread | None:
    if row["thread_message_id"] is None:
        return None
    return Thread(row["thread_message_id"], row["thread_references"] or "", row["thread_subject"] or "")


def _answered(row: Mapping[str, Any]) -> Thread | None:
    """The person's own message, behind the ids of ours that it answered."""
    if row["inbound_message_id"] is None:
        return _thread(row)
    ours = f"{row['thread_references'] or ''} {row['thread_message_id'] or ''}".strip()
    return Thread(row["inbound_message_id"], ours, row["inbound_subject"] or row["thread_subject"] or "")
