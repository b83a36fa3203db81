"""Postmark (postmarkapp.com/developer): inbound mail, and bounces and complaints of the outbound stream, by webhook.

Postmark does not sign; the webhook's address carries HTTP Basic credentials. It takes 200 alone for success, and
stops for good at 403. An inbound message has no RecordType, every other event has.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from agency_os.domain.mail import REPORT_TYPES, InboundMail, ReportPart
from agency_os.exceptions import InvalidInputError
from agency_os.integrations.json_fields import Fields, clean_text, read_webhook, short_hash
from agency_os.integrations.mail_transport import MailEvent, MailEventKind
from agency_os.integrations.webhook import MEGABYTE, EventName, Webhook, WebhookSource
from agency_os.kit.signatures import verify_basic

NAME = "postmark"
LIMIT = 48 * MEGABYTE
"""Postmark hands over mails of up to 35 MB (postmarkapp.com/developer), their attachments in base64."""
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,990}>")

_RECORD_KINDS = {
    "Delivery": MailEventKind.DELIVERED,
    "Open": MailEventKind.OPENED,
    "Click": MailEventKind.CLICKED,
    "SpamComplaint": MailEventKind.COMPLAINED,
}
# postmarkapp.com/developer/api/bounce-api, "Bounce types": ``Type`` decides, not the number.
_HARD_BOUNCES = frozenset({"HardBounce", "BadEmailAddress"})
_BOUNCE_KINDS = {
    "SpamComplaint": MailEventKind.COMPLAINED,
    "Unsubscribe": MailEventKind.UNSUBSCRIBED,
    "AutoResponder": MailEventKind.OTHER,
    "AddressChange": MailEventKind.OTHER,
    "Subscribe": MailEventKind.OTHER,
    "OpenRelayTest": MailEventKind.OTHER,
    "ChallengeVerification": MailEventKind.OTHER,
}
_SUPPRESSION_KINDS = {
    "HardBounce": MailEventKind.SUPPRESSED,
    "SpamComplaint": MailEventKind.COMPLAINED,
    "ManualSuppression": MailEventKind.UNSUBSCRIBED,
}


def verify(headers: Mapping[str, str], user: str, password: str) -> None:
    """Raise SignatureError unless the request carries our Basic credentials."""
    authorization = {name.lower(): value for name, value in headers.items()}.get("authorization")
    verify_basic(authorization, user, password)


def webhooks(user: str, password: str) -> WebhookSource:
    """Postmark's webhooks, whose address carries credentials."""
    return WebhookSource(NAME, _name_event, admit=lambda headers, _: verify(headers, user, password), limit=LIMIT)


def _name_event(webhook: Webhook, now: datetime) -> EventName:
    parsed = parse_webhook(webhook.body, now=now)
    if isinstance(parsed, InboundMail):
        return EventName(parsed.event_id, "inbound", parsed.received_at)
    record = read_webhook(webhook.body, "Postmark").text("RecordType")
    return EventName(parsed.event_id, record or "unnamed", parsed.occurred_at)


def parse_webhook(body: bytes, *, now: datetime) -> InboundMail | MailEvent:
    """Whatever Postmark sent. Raises InvalidInputError for a body that is neither mail nor event."""
    return parse_event(body) if "RecordType" in read_webhook(body, "Postmark") else parse_inbound(body, now=now)


def parse_inbound(body: bytes, *, now: datetime | None = None) -> InboundMail:
    """The mail in an inbound webhook.

    ``now`` is the business time of its receipt; without it the mail's own Date counts, which its sender chose. Raises
    InvalidInputError for a body without sender or id.
    """
    mail = read_webhook(body, "Postmark")
    provider_id, sender = mail.text("MessageID"), mail.inner("FromFull")
    from_email = sender.text("Email") or mail.text("From")
    if provider_id is None or from_email is None:
        raise InvalidInputError("the Postmark webhook holds no mail: MessageID or From is missing")
    headers = tuple((name, each.verbatim("Value")) for each in mail.each("Headers") if (name := each.text("Name")))
    return InboundMail(
        event_id=f"inbound:{provider_id}",
        from_email=from_email,
        from_name=sender.text("Name") or mail.text("FromName") or "",
        to=_recipients(mail),
        mailbox_hash=_mailbox_hash(mail),
        subject=mail.text("Subject") or "",
        text=mail.verbatim("TextBody"),
        html=mail.verbatim("HtmlBody"),
        headers=headers,
        message_id=next(iter(_ids(headers, "message-id")), None),
        in_reply_to=next(iter(_ids(headers, "in-reply-to")), None),
        references=_ids(headers, "references"),
        received_at=_received_at(mail.text("Date"), now),
        reports=_reports(mail),
    )


def parse_event(body: bytes) -> MailEvent:
    """The bounce, complaint, delivery, open, click or change of subscription in a webhook. Raises InvalidInputError."""
    event = read_webhook(body, "Postmark")
    record = event.text("RecordType")
    if record is None:
        raise InvalidInputError("the Postmark webhook names no RecordType", field="RecordType")
    kind, hard = _kind_of(record, event)
    moments = ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")
    occurred = next((event.text(name) for name in moments if name in event), None)
    recipient = event.text("Recipient") or event.text("Email")
    whom = event.text("MessageID") or recipient
    identity = event.text("ID") or f"{whom or ''}:{occurred or ''}"
    # Without its id or either part of it, an event is told from others by its body alone.
    mark = "" if event.text("ID") or (whom and occurred) else f":{short_hash(body)}"
    return MailEvent(
        event_id=f"{record}:{identity}{mark}",
        kind=kind,
        provider_message_id=event.text("MessageID"),
        recipient=recipient,
        hard=hard,
        occurred_at=next((event.moment(name) for name in moments if name in event), None),
        detail=_detail(record, event),
        tags={clean_text(name): value for name in _names(event) if (value := event.inner("Metadata").text(name))},
    )


def _names(event: Fields) -> list[str]:
    metadata = event.raw("Metadata")
    return [str(name) for name in metadata] if isinstance(metadata, dict) else []


def _kind_of(record: str, event: Fields) -> tuple[MailEventKind, bool]:
    if record == "Bounce":
        bounce = event.text("Type") or ""
        return _BOUNCE_KINDS.get(bounce, MailEventKind.BOUNCED), bounce in _HARD_BOUNCES
    if record == "SubscriptionChange":
        reason = event.text("SuppressionReason") or ""
        kind = _SUPPRESSION_KINDS.get(reason, MailEventKind.SUPPRESSED)
        return (kind, reason == "HardBounce") if event.flag("SuppressSending") else (MailEventKind.OTHER, False)
    return _RECORD_KINDS.get(record, MailEventKind.OTHER), False


def _detail(record: str, event: Fields) -> str:
    parts = [event.text(name) for name in ("Type", "SuppressionReason", "Description", "Details", "OriginalLink")]
    return ": ".join(part for part in parts if part)[:500] or record


def _recipients(mail: Fields) -> tuple[str, ...]:
    full = [each.text("Email") for name in ("ToFull", "CcFull", "BccFull") for each in mail.each(name)]
    found = [address for address in [*full, mail.text("OriginalRecipient")] if address]
    return tuple(dict.fromkeys(found))


def _mailbox_hash(mail: Fields) -> str:
    # A reply to all may put our address into the copies, and a forwarding server leaves it in the original
    # recipient alone.
    hashes = [each.text("MailboxHash") for name in ("ToFull", "CcFull", "BccFull") for each in mail.each(name)]
    original = (mail.text("OriginalRecipient") or "").rpartition("@")[0].partition("+")[2]
    return next((each for each in [mail.text("MailboxHash"), original, *hashes] if each), "")


def _ids(headers: tuple[tuple[str, str], ...], name: str) -> tuple[str, ...]:
    return tuple(found for key, value in headers if key.lower() == name for found in _MESSAGE_ID.findall(value))


def _received_at(date: str | None, now: datetime | None) -> datetime:
    if now is not None:
        return now
    try:
        moment = parsedate_to_datetime(date or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInputError("the mail has no readable Date, and no time of receipt was given") from None


def _reports(mail: Fields) -> tuple[ReportPart, ...]:
    parts = []
    for attachment in mail.each("Attachments"):
        kind = (attachment.text("ContentType") or "").partition(";")[0].strip().lower()
        if kind not in REPORT_TYPES:
            continue
        try:
            raw = base64.b64decode(attachment.verbatim("Content"))
        except (binascii.Error, ValueError):
            continue
        parts.append(ReportPart(kind, clean_text(raw.decode("utf-8", "replace"))))
    return tuple(parts)
