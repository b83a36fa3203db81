"""An outgoing email as RFC 5322 bytes. Pure: equal input makes equal bytes.

The standard library builds the MIME parts. Headers are folded here, at spaces alone: its policies cut a long address of
List-Unsubscribe or In-Reply-To up into encoded words, which no receiver understands there (RFC 2047, section 5).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from email.charset import QP, Charset
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import Compat32
from email.utils import format_datetime
from typing import Final

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.mailbox_accounts import is_plain_address

_NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<address>[^<>\s]+)>", re.DOTALL)
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
_OUR_MESSAGE_ID = re.compile(r"[0-9a-f]{32}\.aos@[A-Za-z0-9.-]+")
_OURS: Final = frozenset(
    "bcc cc date from message-id mime-version reply-to resent-bcc resent-cc resent-to return-path sender subject "
    "to".split()
)
"""Headers that no caller gives, nor any that begins with ``Content-``."""
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LINE: Final = 78
_FOLD: Final = "\r\n "
_LONGEST_LINE: Final = 998  # RFC 5322, 2.1.1
_WORD_BYTES: Final = 42
"""Of text in one encoded word, which may have 75 characters (RFC 2047, section 2)."""


def message_id_of(key: str, domain: str) -> str:
    """The Message-ID, in its brackets, of what goes out under the idempotency ``key`` from ``domain``."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}.aos@{domain}>"


def is_our_message_id(provider_id: str) -> bool:
    """Whether a Message-ID without its brackets is one of ``message_id_of``."""
    return _OUR_MESSAGE_ID.fullmatch(provider_id) is not None


def build_message(email: OutgoingEmail, message_id: str, date: datetime) -> bytes:
    """The bytes of ``email``, lines ended by CRLF. ``date`` is business time, aware UTC.

    Raises InvalidInputError for a header that is not the caller's to give, or that no mail can carry.
    """
    boundary = f"=_{hashlib.sha256(message_id.encode()).hexdigest()[:40]}"
    message = _body(email, boundary)
    message["Date"] = format_datetime(date)
    message["From"] = _mailbox(email.sender, "sender")
    message["To"] = email.to
    message["Message-ID"] = message_id
    message["Subject"] = _text(email.subject, len("Subject: "))
    if email.reply_to:
        message["Reply-To"] = _mailbox(email.reply_to, "reply_to")
    for name, value in _given(email.headers).items():
        message[name] = _folded(value, len(name) + 2)
    return message.as_bytes(policy=_Folded(linesep="\r\n"))


class _Folded(Compat32):
    """Writes headers as they are: folded already."""

    def fold(self, name: str, value: str) -> str:
        return f"{name}: {value}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii")


def _body(email: OutgoingEmail, boundary: str) -> Message:
    quoted = Charset("utf-8")
    quoted.body_encoding = QP  # 7 bits, lines below 78 characters, legible to filters
    text = MIMEText(email.text, "plain", quoted)  # type: ignore[arg-type]  # takes a Charset as set_payload does
    if not email.html:
        return text
    both = MIMEMultipart("alternative", boundary=boundary)
    both.attach(text)
    both.attach(MIMEText(email.html, "html", quoted))  # type: ignore[arg-type]  # as above
    for part in both.walk():
        if part is not both:
            del part["MIME-Version"]
    return both


def _given(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS or name.lower().startswith("content-"):
            raise InvalidInputError(f"an email's header {name[:40]!r} is not for the caller to give", field="headers")
        if not value.isascii() or not value.isprintable():
            raise InvalidInputError(f"the header {name} holds more than printable ASCII", field=f"headers.{name}")
    return headers


def name_and_address(value: str) -> tuple[str, str]:
    """What ``Jo, of Harbour <jo@a.example>`` names. The name may be quoted or in encoded words, but need not be."""
    match = _NAMED.fullmatch(value.strip())
    if match is None:
        return "", value.strip()
    name = match["name"]
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    if "=?" in name:
        with suppress(HeaderParseError, LookupError, UnicodeError, ValueError):
            name = str(make_header(decode_header(name)))
    return name, match["address"]


def _mailbox(value: str, field: str) -> str:
    name, address = name_and_address(value)
    if not is_plain_address(address):
        raise InvalidInputError(f"{field} is not one address of plain ASCII", field=field)
    if not name:
        return address
    shown = _encoded(name)
    if _ATOMS.fullmatch(name) and "=?" not in name and len(name) < _LINE // 2:
        shown = name
    elif name.isascii() and name.isprintable() and "=?" not in name and len(name) < _LINE // 2:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        shown = f'"{escaped}"'
    return f"{shown}{' ' if len(shown) + len(address) < _LINE - len('Reply-To:  ') else _FOLD}<{address}>"


def _text(value: str, start: int) -> str:
    """A header for people: plain where that gives exactly ``value`` back, else as encoded words."""
    words = value.split(" ")
    legible = value.isascii() and value.isprintable() and "=?" not in value
    return _folded(value, start) if legible and all(0 < len(w) < _LINE for w in words) else _encoded(value)


def _folded(value: str, start: int) -> str:
    """``value`` with line breaks before spaces; ``start`` characters stand before it. Raises InvalidInputError."""
    lines: list[str] = []
    line, room = "", _LINE - start
    for word in value.strip().split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, _LINE - 1
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    if max(map(len, lines)) > _LONGEST_LINE - start:
        raise InvalidInputError("a header holds a word that is longer than a line may be", field="headers")
    return _FOLD.join(lines)


def _encoded(value: str) -> str:
    """``value`` as encoded words, never cut within a letter (RFC 2047, section 5)."""
    pieces, piece = [], b""
    for letter in value:
        octets = letter.encode("utf-8", "replace")
        if len(piece) + len(octets) > _WORD_BYTES:
            pieces.append(piece)
            piece = b""
        piece += octets
    pieces.append(piece)
    return _FOLD.join(f"=?utf-8?b?{b64encode(each).decode('ascii')}?=" for each in pieces if each)
