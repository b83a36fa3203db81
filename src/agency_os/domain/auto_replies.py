"""Mail that no person wrote to us just now: absence notes, automatic answers, mailing lists, our own mail.

Sources: RFC 3834 (Auto-Submitted, null return path), RFC 2919 and 2369 (list headers), Microsoft's
X-Auto-Response-Suppress, the Precedence header, and the words such mail uses in some fifteen languages.
Promise: a weak sign, such as Precedence or a word in the text, decides only together with a second one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from agency_os.domain.absence_dates import return_date
from agency_os.domain.mail import InboundMail


class AutoKind(StrEnum):
    """What kind of mail nobody wrote. ``left`` is an automatic answer saying that the person works there no more."""

    OUT_OF_OFFICE = "out_of_office"
    AUTO_REPLY = "auto_reply"
    LEFT = "left"
    LIST = "list"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class AutoMail:
    """``rule`` and ``words`` say why; ``back_on`` is the day the absence ends, if it is said; confidence 0 to 1."""

    kind: AutoKind
    rule: str
    words: str
    confidence: float
    back_on: date | None = None


_SUBJECT: Final = re.compile(
    r"^(?:(?:re|aw|sv|fw|fwd)\s*:\s*)?(?:\[[^\]]{1,40}\]\s*)?(?:auto(?:matic|mated|matisk)?[- ]?(?:reply|response"
    r"|responder)"
    r"|auto\s*:|out[- ]of[- ](?:the[- ])?office|ooo\b|away from (?:the office|my (?:desk|email))|away until"
    r"|(?:i(?:'m| am) )?(?:currently )?(?:on|away on) (?:annual|parental|maternity|paternity|sick|long service)? ?leave"
    r"|on holidays?\b|on vacation|vacation (?:reply|notice)|abwesenheits?notiz|automatische antwort|abwesend"
    r"|réponse automatique|absence du bureau|absent\(e\)|respuesta automática|fuera de (?:la )?oficina"
    r"|risposta automatica|fuori (?:sede|ufficio)|automatisch(?:e)? antwoord|afwezig|autosvar|automatiskt svar"
    r"|automaattinen vastaus|poissa|odpowiedź automatyczna|autoodpowiedź|resposta automática|ausência"
    r"|automatická odpověď|автоответ|автоматический ответ|otomatik yanıt"
    r"|自動返信|不在通知|自动(?:回复|答复)|자동 ?회신)",
    re.IGNORECASE,
)
_ABSENT_SUBJECT: Final = re.compile(
    r"office|ooo\b|away|leave|holiday|vacation|abwesen|absen|fuera|fuori|afwezig|poissa|ausência|不在", re.IGNORECASE
)

_ABSENT: Final = re.compile(
    r"\bout of (?:the )?office\b|\bon (?:annual |parental |maternity |paternity |sick |personal |long service )?leave\b"
    r"|\b(?:am|'m|be|currently|is) (?:away|on holidays?|on vacation|travelling|out of office)\b"
    r"|\baway from (?:the office|my desk"
    r"|work|my email)|\bnicht im (?:büro|haus)\b|\babwesend\b|\bim urlaub\b|\babsent(?:e)? du\b|\ben congés?\b"
    r"|\bfuera de la oficina\b|\bde vacaciones\b|\bfuori (?:sede|ufficio)\b|\bin ferie\b|\bafwezig\b|\bmet vakantie\b"
    r"|\bpå semester\b|\bna urlopie\b|\bde férias\b|\bв отпуске\b",
    re.IGNORECASE,
)
_ABSENT_SIGNED: Final = re.compile(
    r"\boff (?:camping|sick|work|for|until|till|on)\b|\b(?:closed|shut) (?:for|until|till|from|over|between|on)\b"
    r"|\b(?:office|shop|we)(?:'s| is| are|'re|'ll be| will be)? (?:\w+ )?closed\b|\bre-?opens?\b|\bback (?:on deck"
    r"|in the office|at work"
    r"|at my desk|on board|online)\b|\bout of range\b|\bunavailable\b|\b(?:i|we)(?:'ll| will) (?:be away|return"
    r"|be back)\b",
    re.IGNORECASE,
)
"""Words of an absence where the mail is known to be automatic: a person may write them too."""
_NOTE_MARKS: Final = re.compile(
    r"thank(?:s| you) for (?:your|the) (?:e-?mail|message|enquiry)|limited access|no access to (?:my )?e-?mail"
    r"|for (?:any )?(?:urgent|immediate)|if (?:it is|it's|your \w+ is|this is|the matter is) urgent"
    r"|urgent (?:matters|enquir)"
    r"|in my absence|during this (?:time|period)|upon my return|on my return|when i return|not be checking|will respond"
    r"|please (?:contact|call|e-?mail|reach out to) .{2,80}|will not be (?:read|forwarded)|nach meiner rückkehr"
    r"|dringend"
    r"|à mon retour|en cas d'urgence|a mi regreso|al mio rientro",
    re.IGNORECASE,
)
_MACHINE_WORDS: Final = re.compile(
    r"this is an? auto(?:mated|matic|matically generated)[ -]?(?:e-?mail|message|response|reply|acknowledge?ment)"
    r"|(?:please )?do not (?:reply|respond) (?:directly )?to this (?:e-?mail|message)|this (?:mailbox|inbox"
    r"|address) is not (?:monitored"
    r"|attended)|automatically generated (?:e-?mail|message|response)|dies ist eine automatische"
    r"|ceci est un message automatique",
    re.IGNORECASE,
)
_RECEIVED: Final = re.compile(
    r"(?:we have|we've|has been|have) received your (?:e-?mail|message|enquiry|request)|(?:your|the) (?:e-?mail"
    r"|message|enquiry"
    r"|request|ticket) has been (?:received|logged|created)|a (?:support )?ticket has been (?:created|logged)"
    r"|(?:we|someone|a member of our team) (?:will|aim to) (?:get back|respond|reply|be in touch).{0,60}"
    r"(?:within|as soon as|shortly|hours|business days?)",
    re.IGNORECASE,
)
_LEFT: Final = re.compile(
    r"(?:no longer (?:works?|working|employed|with|at)|has (?:now )?left|have (?:now )?left|is not with) (?:for |at "
    r"|with )?"
    r"(?:the )?(?:company|business|organi[sz]ation|us\b|here\b|our|[\w&' ]{2,40}?(?:pty|ltd|group|agency|team)?)"
    r"|finished (?:up )?(?:work )?(?:at|with) (?:the )?\w+",
    re.IGNORECASE,
)
_NO_REPLY: Final = re.compile(r"^(?:no-?reply|do-?not-?reply|donotreply)[^@]*@", re.IGNORECASE)
_STRONG_HEADERS: Final = (
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Auto-Reply",
    "X-Mail-Autoreply",
    "X-MS-Exchange-Inbox-Rules-Loop",
)


def read_auto_mail(mail: InboundMail, own_text: str, own_senders: Collection[str] = ()) -> AutoMail | None:
    """What kind of automatic mail this is; None if a person may have written it.

    ``own_text`` is the body without quotes. ``own_senders`` are addresses or domains that we send from, lower case.
    """
    address = mail.from_email.lower()
    if address in own_senders or address.rpartition("@")[2] in own_senders:
        return AutoMail(AutoKind.OWN, "our own sender", address, 1.0)
    sign = _header_sign(mail)
    if sign is not None:
        return _of_kind(mail, own_text, *sign, confidence=0.98)
    found = _SUBJECT.search(mail.subject)
    if found:
        return _of_kind(mail, own_text, "subject of an automatic answer", found[0], confidence=0.95)
    listed = _list_sign(mail)
    if listed is not None:
        return AutoMail(AutoKind.LIST, *listed, 0.95)
    return _by_words(mail, own_text)


def _header_sign(mail: InboundMail) -> tuple[str, str] | None:
    submitted = (mail.header("Auto-Submitted") or "no").split(";")[0].strip().lower()
    if submitted.partition(" ")[0] != "no":
        return "Auto-Submitted (RFC 3834)", submitted
    for name in _STRONG_HEADERS:
        value = mail.header(name)
        if value is not None and value.strip().lower() not in {"no", "false"}:
            return name, value
    if (mail.header("Return-Path") or "-").strip() == "<>":
        return "null return path (RFC 3834)", "<>"
    if re.search(r"report-type\s*=\s*\"?disposition-notification", mail.header("Content-Type") or "", re.IGNORECASE):
        return "receipt (RFC 8098)", "disposition-notification"
    precedence = (mail.header("Precedence") or "").strip().lower()
    if precedence in {"auto_reply", "auto-reply"}:
        return "Precedence", precedence
    if _NO_REPLY.match(mail.from_email):
        return "sender takes no mail", mail.from_email
    return None


def _list_sign(mail: InboundMail) -> tuple[str, str] | None:
    """A list's header needs a second sign: a company's shared mailbox may be a list that its people answer from."""
    marks = [name for name in ("List-Id", "List-Post", "List-Unsubscribe", "Mailing-List") if mail.header(name)]
    precedence = (mail.header("Precedence") or "").strip().lower()
    if precedence in {"list", "bulk", "junk"}:
        marks.append(f"Precedence: {precedence}")
    answers_us = bool(mail.mailbox_hash or mail.in_reply_to)
    if marks and not (answers_us and len(marks) == 1):
        return "mailing list (RFC 2919, 2369)", ", ".join(marks)
    return None


def _of_kind(mail: InboundMail, text: str, rule: str, words: str, *, confidence: float) -> AutoMail:
    left = _LEFT.search(text)
    if left:
        return AutoMail(AutoKind.LEFT, rule, left[0], confidence)
    back = return_date(f"{mail.subject}. {text}", mail.received_at.date())
    absent = _ABSENT.search(text) or _ABSENT_SIGNED.search(text) or _ABSENT_SUBJECT.search(_own_subject(mail.subject))
    if absent or (back is not None and _NOTE_MARKS.search(text)):
        return AutoMail(AutoKind.OUT_OF_OFFICE, rule, words, confidence, back)
    return AutoMail(AutoKind.AUTO_REPLY, rule, words, confidence)


def _by_words(mail: InboundMail, text: str) -> AutoMail | None:
    """Without a header or subject to go by: a machine's own words, or two signs of a note and no question to us."""
    machine = _MACHINE_WORDS.search(text)
    if machine:
        return _of_kind(mail, text, "says that a machine wrote it", machine[0], confidence=0.9)
    suppress = mail.header("X-Auto-Response-Suppress")
    bulk = (mail.header("Precedence") or "").strip().lower() in {"bulk", "junk", "list"}
    absent, marks, received = _ABSENT.search(text), _NOTE_MARKS.search(text), _RECEIVED.search(text)
    signs = [found for found in (absent, marks, received) if found]
    weak = len(signs) + bool(suppress) + bulk
    if weak >= 2 and (absent or received) and "?" not in text:
        # people too say that somebody will be in touch: without an absence or a header it stays unsure
        confidence = 0.85 if absent or suppress or bulk else 0.6
        words = "; ".join(one[0] for one in signs)
        return _of_kind(mail, text, "words of an automatic answer", words, confidence=confidence)
    return None


def _own_subject(subject: str) -> str:
    """What an automatic answer puts before the subject of ours that it repeats."""
    found = _SUBJECT.search(subject)
    if found is None:
        return ""
    colon = subject.find(":", found.start() + len(found[0]) - 1)
    return subject[: colon if colon >= 0 else len(subject)]
