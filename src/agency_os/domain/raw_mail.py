"""A raw email file (RFC 5322 bytes, as a mailbox or an .eml holds it) read into ``InboundMail``.

Promise: any bytes give a mail; what is broken in them is read as far as it goes. No network, nothing is unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parseaddr
from hashlib import sha256

from agency_os.domain.mail import REPORT_TYPES, InboundMail, ReportPart

_REPLY_LOCAL_PART = re.compile(r"^[^@+]+\+([^@]+)@")
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")


def parse_raw(raw: bytes, *, received_at: datetime, event_id: str | None = None) -> InboundMail:
    """The mail in ``raw``; without an ``event_id`` its Message-ID is taken, or else the SHA-256 of the bytes.

    ``received_at`` is the business time of receipt, aware UTC: the Date header is the sender's claim.
    """
    message = message_from_bytes(raw)
    headers = tuple((name, _decoded(value)) for name, value in message.items())
    # taken apart before it is decoded: an encoded name may hold what separates addresses (RFC 2047, section 5)
    name, address = parseaddr(_unfolded(message.get("From", "")))
    to = _addresses(message, "To", "Cc")
    delivered_to = (*_addresses(message, "Delivered-To", "X-Original-To", "Envelope-To"), *to)
    message_id = _message_ids(message.get("Message-ID"))
    answered = _message_ids(message.get("In-Reply-To"))
    return InboundMail(
        event_id=event_id or (message_id[0] if message_id else sha256(raw).hexdigest()),
        from_email=address,
        from_name=_decoded(name),
        to=to,
        mailbox_hash=next((found[1] for one in delivered_to if (found := _REPLY_LOCAL_PART.match(one))), ""),
        subject=_decoded(message.get("Subject", "")),
        text="\n".join(_texts(message, "text/plain")),
        html="\n".join(_texts(message, "text/html")),
        headers=headers,
        message_id=message_id[0] if message_id else None,
        in_reply_to=answered[0] if answered else None,
        references=_message_ids(message.get("References")),
        received_at=received_at,
        reports=tuple(_reports(message)),
    )


def _decoded(value: object) -> str:
    """A header's text: encoded words decoded (RFC 2047), folding undone."""
    text = str(value)
    try:
        text = str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        # what cannot be decoded is kept as it came, without what no text can hold
        text = text.encode("utf-8", "replace").decode("utf-8", "replace")
    return _unfolded(text)


def _unfolded(value: object) -> str:
    text = str(value).encode("utf-8", "replace").decode("utf-8", "replace")
    return re.sub(r"\s*[\r\n]+\s*", " ", text).strip()


def _addresses(message: Message, *names: str) -> tuple[str, ...]:
    values = [_unfolded(value) for name in names for value in message.get_all(name, [])]
    return tuple(address for _, address in getaddresses(values) if "@" in address)


def _message_ids(value: object) -> tuple[str, ...]:
    return tuple(_MESSAGE_ID.findall(str(value))) if value else ()


def _texts(part: Message, content_type: str) -> Iterator[str]:
    """The bodies of this type, in order, without attachments and without what stands in an attached mail."""
    payload = part.get_payload()
    if part.get_content_type() in REPORT_TYPES or part.get_content_disposition() == "attachment":
        return
    if isinstance(payload, list):
        for child in payload:
            if isinstance(child, Message):
                yield from _texts(child, content_type)
    elif part.get_content_maintype() in {"text", "multipart"} and _type_of_text(part) == content_type:
        yield _body(part)


def _type_of_text(part: Message) -> str:
    # a multipart whose boundary never comes is one text
    return "text/html" if part.get_content_type() == "text/html" else "text/plain"


def _body(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else str(part.get_payload()).encode("utf-8", "replace")
    for charset in (part.get_content_charset(), "utf-8", "latin-1"):
        try:
            return data.decode(charset or "utf-8")
        except (LookupError, UnicodeError):
            continue
    return data.decode("latin-1")


def _reports(part: Message) -> Iterator[ReportPart]:
    kind = part.get_content_type()
    payload = part.get_payload()
    if kind in REPORT_TYPES:
        # the parser makes messages of the blocks of a status and of an attached mail: text again
        blocks = [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []
        text = "\n\n".join(_block(child) for child in blocks) if blocks else _body(part)
        yield ReportPart(kind, text)
    elif isinstance(payload, list):
        for child in payload:
            if isinstance(child, Message):
                yield from _reports(child)


def _block(block: Message) -> str:
    headers = "\n".join(f"{name}: {_decoded(value)}" for name, value in block.items())
    bodies = "\n".join(_texts(block, "text/plain"))
    return f"{headers}\n\n{bodies}".rstrip() if bodies else headers
