"""Delivery reports and complaints: which address a message did not reach, and whether it ever will.

Sources: RFC 3464 (delivery status), RFC 3463 (status codes), RFC 5965 and 6591 (complaint reports), and the texts that
mail servers write where they follow none of these.
Promise: *hard* means that the address or its domain does not exist or takes no mail; all else, a full mailbox and a
refusal for policy among it, is soft, since the address may be right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Final

from agency_os.domain.mail import InboundMail
from agency_os.domain.reply_text import html_to_text


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    """One address of a delivery report, lower case. ``status`` is the enhanced code (RFC 3463), None if unsaid."""

    address: str
    hard: bool
    status: str | None
    diagnostic: str


@dataclass(frozen=True, slots=True)
class ReportedMail:
    """The mail of ours that a report is about, as far as it is attached: for matching it to the touch."""

    message_id: str | None
    to: tuple[str, ...]
    reply_to: str | None


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail that did not arrive, or not yet. ``rule`` says what told so. ``recipients`` may be empty."""

    recipients: tuple[BouncedRecipient, ...]
    rule: str

    @property
    def hard(self) -> bool:
        """Whether any of its addresses is dead."""
        return any(recipient.hard for recipient in self.recipients)


@dataclass(frozen=True, slots=True)
class Complaint:
    """A feedback report. ``by_person`` is False for reports that machines write about authentication (RFC 6591)."""

    feedback_type: str
    recipients: tuple[str, ...]
    by_person: bool


# bounded as RFC 5321 section 4.5.3.1 and RFC 1035 bound it: without, a long word takes a square of its length
_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}")
_STATUS: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE: Final = re.compile(r"(?<![\d.])([45][0-5]\d)(?=[\s-]|$)")
_FIELD: Final = re.compile(r"^([A-Za-z-]+)[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)", re.MULTILINE)

_SUBJECT: Final = re.compile(
    r"undeliver(?:ed|able)|returned mail|mail delivery (?:fail|status)"
    r"|delivery (?:status|failure|has failed|notification)"
    r"|delivery report|failure (?:notice|delivery)|failed delivery|message delivery has failed|mail failure"
    r"|mail system error|could not be delivered|error sending your mail|unzustellbar|nicht zugestellt"
    r"|non remis|échec de la remise|no se puede entregar|mancato recapito|onbestelbaar|недоставленное",
    re.IGNORECASE,
)
_TEXT: Final = re.compile(
    r"could not be delivered|couldn't be delivered|wasn't able to deliver|was not delivered|unable to deliver"
    r"|delivery (?:to the following .{0,20})?(?:has )?failed|did not reach the following|trouble delivering"
    r"|error (?:was )?(?:delivering|while (?:trying|attempting) to deliver)|undeliverable to|delivery has been delayed"
    r"|following recipients? (?:was|were|returned)|message is delayed|returned to sender",
    re.IGNORECASE,
)
_DAEMON: Final = re.compile(
    r"^(?:mailer-?daemon|post_?master|mail\.?delivery\.?(?:system|subsystem))(?:@|$)", re.IGNORECASE
)
_DAEMON_NAME: Final = re.compile(r"mailer-daemon|mail deliver\w* (?:sub)?system|content-filter", re.IGNORECASE)
_NO_PERSON: Final = re.compile(r"^(?:no-?reply|do-?not-?reply)[^@]*@", re.IGNORECASE)
_ORIGINAL: Final = re.compile(
    r"^[ \t>]*(?:-{2,80}.{0,60}(?:original|copy of (?:the|your) message|unsent message|returned message|below this line"
    r"|header of|enclosed is).*|original message follows.*|message headers follow.*|included is a copy of.*"
    r"|below is a copy of.*|received: ?(?:from|by|\().*)$",
    re.IGNORECASE | re.MULTILINE,
)

_SOFT_WORDS: Final = re.compile(
    r"quota|mailbox\b.{0,40}\bfull|full mailbox|storage|too (?:large|big|long)|size limit|disk space|spam|\bube\b"
    r"|blacklist|block(?:ed|list)|banned|\brbl\b|reputation|polic(?:y|ies)|dmarc|\bspf\b|dkim|unauthenticated|authenticat"
    r"|relay|too many|rate limit|volume|expired|timed? ?out|retry time|try again|temporar|deferred|delayed|queue"
    r"|hop count|routing loop|mail loop|sender (?:address )?(?:rejected|not)|sender rejected|sender address|on hold"
    r"|service (?:currently )?unavailable|disabled|suspended|inactive|attempts|not accepting connections|rdns",
    re.IGNORECASE,
)
_HARD_WORDS: Final = re.compile(
    r"user unknown|unknown (?:user|recipient|local|or illegal user|address)"
    r"|no such (?:user|recipient|mailbox|person|address)"
    r"|(?:user|recipient|address|mailbox|account)\b.{0,60}?(?:not (?:found|exist|known|listed|recognized|recognised)"
    r"|doesn't exist|does not exist|\bunknown\b|no longer|not our customer)"
    r"|invalid (?:recipient|mailbox|address|domain|final)"
    r"|unrouteable address|no mailbox here|host(?:name)? (?:unknown|not found|name lookup)|nxdomain|unknown host"
    r"|domain.{0,40}(?:not found|does not exist|unknown)|find any host|find a mail exchanger|does not accept mail"
    r"|bad destination|recipient address rejected: access denied|no longer on server|(?<=\d )\S+ does not exist"
    r"|ディレクトリのリストにありません",
    re.IGNORECASE,
)
_HARD_STATUS: Final = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.1.351", "5.4.4", "5.7.27"})
"""Bad mailbox, system or syntax of the address, moved, null MX (RFC 7505), no route (RFC 3463 sections 3.2 and 3.5)."""

_ARRIVED: Final = frozenset({"delivered", "relayed", "expanded"})


def read_bounce(mail: InboundMail) -> Bounce | None:
    """The delivery report in ``mail``; None if it is none, or says that the mail arrived."""
    fields = [field for part in _parts(mail, "delivery-status") for field in _recipient_blocks(part)]
    rule = "RFC 3464 delivery status"
    if not fields and _looks_like_report(mail):
        fields = list(_recipient_blocks(_report_text(mail)))
        rule = "delivery report in words"
    if fields:
        failed = [field for field in fields if field.get("action", "").lower() not in _ARRIVED]
        found = tuple(_from_fields(field, _report_text(mail)) for field in failed)
        return Bounce(tuple(one for one in found if one is not None), rule) if failed else None
    if _looks_like_report(mail):
        return Bounce(tuple(_from_text(mail)), "delivery report in words")
    return None


def read_complaint(mail: InboundMail) -> Complaint | None:
    """The feedback report in ``mail`` (RFC 5965; and Hotmail's, which only attaches the mail), or None."""
    for part in _parts(mail, "message/feedback-report"):
        fields = _fields(part)
        kind = fields.get("feedback-type", "abuse").lower()
        named = tuple(_ADDRESS.findall("\n".join(_values(part, "original-rcpt-to"))))
        by_person = kind not in {"auth-failure", "not-spam", "virus"}
        return Complaint(kind, named or _reported_recipients(mail), by_person)
    if re.match(r"\s*complaint about message from\b", mail.subject, re.IGNORECASE) and _parts(mail, "rfc822"):
        return Complaint("abuse", _reported_recipients(mail), by_person=True)
    return None


def reported_mail(mail: InboundMail) -> ReportedMail | None:
    """The headers of our mail that a report carries, or None if it carries none."""
    return next((found for part in _parts(mail, "rfc822") if (found := _reported(part)) is not None), None)


def _reported(text: str) -> ReportedMail | None:
    fields = _fields(text)
    to = tuple(address.lower() for address in _ADDRESS.findall(fields.get("to", "")))
    reply_to = parseaddr(fields.get("reply-to", ""))[1] or None
    if fields.get("message-id") or to:
        return ReportedMail(fields.get("message-id"), to, reply_to)
    return None


def _reported_recipients(mail: InboundMail) -> tuple[str, ...]:
    for part in _parts(mail, "rfc822"):
        fields = _fields(part)
        named = _ADDRESS.findall(fields.get("x-hmxmroriginalrecipient", "") or fields.get("to", ""))
        if named:
            return tuple(address.lower() for address in named)
    return ()


def _parts(mail: InboundMail, kind: str) -> list[str]:
    return [part.text.replace("\r\n", "\n") for part in mail.reports if kind in part.content_type]


def _fields(text: str) -> dict[str, str]:
    """Header-like fields, the first of each name, lower-case names, folding undone."""
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(text):
        fields.setdefault(name.lower(), " ".join(value.split()))
    return fields


def _values(text: str, name: str) -> Iterator[str]:
    return (value for found, value in _FIELD.findall(text) if found.lower() == name)


def _recipient_blocks(text: str) -> Iterator[dict[str, str]]:
    for block in re.split(r"\n[ \t]*\n", text):
        fields = _fields(block)
        if "final-recipient" in fields or ("original-recipient" in fields and "action" in fields):
            yield fields


def _report_text(mail: InboundMail) -> str:
    """What the mail server says, without the copy of our mail below it."""
    text = (mail.text if mail.text.strip() else html_to_text(mail.html)).replace("\r\n", "\n")
    original = _ORIGINAL.search(text)
    return text[: original.start()] if original and original.start() else text


def _looks_like_report(mail: InboundMail) -> bool:
    """Whether a machine wrote this about a delivery: a sender that is no person, and words of failure."""
    if mail.header("X-Failed-Recipients"):
        return True
    if re.search(r"report-type\s*=\s*\"?delivery-status", mail.header("Content-Type") or "", re.IGNORECASE):
        return True
    text = _report_text(mail)[:3000]
    return _no_person(mail) and bool(
        _SUBJECT.search(mail.subject)
        or _TEXT.search(text)
        or (_REPLY_CODE.search(text) and (_STATUS.search(text) or _HARD_WORDS.search(text)))
    )


def _no_person(mail: InboundMail) -> bool:
    return bool(
        _DAEMON.match(mail.from_email)
        or _NO_PERSON.match(mail.from_email)
        or _DAEMON_NAME.search(f"{mail.from_name} {mail.header('From') or ''}")
        or (mail.header("Return-Path") or "-").strip() in {"<>", "<MAILER-DAEMON>"}
    )


def _from_fields(fields: dict[str, str], text: str) -> BouncedRecipient | None:
    named = fields.get("original-recipient") or fields.get("final-recipient", "")
    addresses = _ADDRESS.findall(fields.get("final-recipient", "")) or _ADDRESS.findall(named)
    if not addresses:
        return None
    address = addresses[0].lower()
    diagnostic = fields.get("diagnostic-code", "")
    if not diagnostic:
        diagnostic = _segments(text, [address]).get(address, text)
    statuses = _STATUS.findall(diagnostic) + _STATUS.findall(fields.get("status", ""))
    # the server's own words are finer than the x.0.0 that some relays put into the field
    status = next((one for one in statuses if not one.endswith(".0.0")), statuses[0] if statuses else None)
    delayed = fields.get("action", "").lower() == "delayed"
    return BouncedRecipient(address, not delayed and _is_hard(status, diagnostic), status, diagnostic[:500])


def _from_text(mail: InboundMail) -> Iterator[BouncedRecipient]:
    text = _report_text(mail)
    delayed = bool(re.search(r"\b(?:delay(?:ed)?|warning)\b", f"{mail.subject}\n{text[:600]}", re.IGNORECASE))
    ours = {address.lower() for address in (*mail.to, mail.from_email)}
    named = _ADDRESS.findall(mail.header("X-Failed-Recipients") or "")
    found = named or [one for one in _ADDRESS.findall(text) if one.lower() not in ours]
    reported = reported_mail(mail) or _reported(mail.text[len(text) :])
    candidates = list(dict.fromkeys(one.lower() for one in found or (reported.to if reported else ())))
    segments = _segments(text, candidates)
    for address in candidates:
        words = segments.get(address, text)
        statuses = _STATUS.findall(words)
        status = statuses[0] if statuses else None
        yield BouncedRecipient(address, not delayed and _is_hard(status, words), status, " ".join(words.split())[:500])


def _segments(text: str, addresses: list[str]) -> dict[str, str]:
    """For each address the words that follow it up to the next one; all the words where those hold no diagnosis."""
    places = sorted(
        (found.start(), found[0].lower()) for found in _ADDRESS.finditer(text) if found[0].lower() in set(addresses)
    )
    segments: dict[str, str] = {}
    for number, (start, address) in enumerate(places):
        end = next((at for at, other in places[number + 1 :] if other != address), len(text))
        line = text.rfind("\n", 0, start) + 1
        segments[address] = f"{segments.get(address, '')}\n{text[line:end]}"
    telling = re.compile(f"{_STATUS.pattern}|{_REPLY_CODE.pattern}|{_SOFT_WORDS.pattern}|{_HARD_WORDS.pattern}", re.I)
    return {address: words if telling.search(words) else text for address, words in segments.items()}


def _is_hard(status: str | None, diagnostic: str) -> bool:
    words = " ".join(diagnostic.split())
    if status and status.startswith(("4.", "2.")):
        return False
    if status == "5.4.1" and "recipient address rejected: access denied" in words.lower():
        return True  # what Exchange Online says of a mailbox that does not exist
    if status and status.startswith("5.7.") and status not in _HARD_STATUS:
        return False  # security or policy: the address may well exist
    if _SOFT_WORDS.search(words):
        return False
    return bool(_HARD_WORDS.search(words)) or status in _HARD_STATUS
