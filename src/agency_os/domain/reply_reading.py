"""How a mail that came in is read: what no person wrote first, then a no, then what the person wants.

The order is the rule: our own mail and lists, delivery and complaint reports, automatic answers, then the person's own
words without quotes and signature: opt-out before intent. An opt-out inside an automatic answer is not the person's.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from agency_os.domain.auto_replies import AutoKind, AutoMail, read_auto_mail
from agency_os.domain.bounces import Bounce, Complaint, read_bounce, read_complaint
from agency_os.domain.intents import database_intent, read_intent
from agency_os.domain.mail import InboundMail
from agency_os.domain.opt_outs import OptOut, read_opt_out
from agency_os.domain.plain_words import split_sign_off
from agency_os.domain.reply_text import reply_text


class ReplyKind(StrEnum):
    """What a mail is."""

    OWN_MAIL = "own_mail"
    LIST_MAIL = "list_mail"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    OUT_OF_OFFICE = "out_of_office"
    AUTO_REPLY = "auto_reply"
    LEFT_COMPANY = "left_company"
    OPT_OUT = "opt_out"
    POSSIBLE_OPT_OUT = "possible_opt_out"
    MEETING_REQUEST = "meeting_request"
    INTERESTED = "interested"
    QUESTION = "question"
    NOT_INTERESTED = "not_interested"
    NOT_NOW = "not_now"
    WRONG_PERSON = "wrong_person"
    UNSURE = "unsure"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class ReplyReading:
    """``text`` is what the person wrote, ``intent`` the database's value where one fits, ``evidence`` what showed it.

    ``sure``: rules may act on it; ``needs_person``: a person must look whatever the rules do. ``back_on`` is the first
    day back of somebody who is away.
    """

    kind: ReplyKind
    sure: bool
    confidence: float
    evidence: str
    text: str
    intent: str | None = None
    bounce: Bounce | None = None
    complaint: Complaint | None = None
    back_on: date | None = None
    opt_out: OptOut | None = None
    needs_person: bool = False


_AUTOMATIC: Final = {
    AutoKind.OUT_OF_OFFICE: (ReplyKind.OUT_OF_OFFICE, "out_of_office"),
    AutoKind.AUTO_REPLY: (ReplyKind.AUTO_REPLY, "auto_reply"),
    AutoKind.LEFT: (ReplyKind.LEFT_COMPANY, "auto_reply"),
    AutoKind.LIST: (ReplyKind.LIST_MAIL, None),
    AutoKind.OWN: (ReplyKind.OWN_MAIL, None),
}
_SURE_ENOUGH: Final = 0.7
"""Confidence from which an automatic answer is believed to be one: below it a person may have written."""
_BY_MORE_THAN_WORDS: Final = 0.94
"""Confidence of an automatic answer that a header or its subject shows."""
_ANSWER: Final = re.compile(r"\s*(?:(?:re|fwd?|aw|sv|wg|antw)\s*:\s*)+", re.IGNORECASE)
_UNSUBSCRIBE: Final = re.compile(r"\s*unsubscribe\s*$", re.IGNORECASE)


def read_reply(mail: InboundMail, own_senders: Collection[str] = ()) -> ReplyReading:
    """The reading of ``mail``; ``own_senders`` are addresses or domains that we send from, lower case."""
    parts = reply_text(mail)
    automatic = read_auto_mail(mail, parts.own or parts.text, own_senders)
    if automatic is not None and automatic.kind is AutoKind.OWN:
        return _automatic(automatic, parts.text)
    bounce = read_bounce(mail)
    if bounce is not None:
        return ReplyReading(ReplyKind.BOUNCE, bounce.hard, 0.95, bounce.rule, parts.text, bounce=bounce)
    complaint = read_complaint(mail)
    if complaint is not None:
        kind = ReplyKind.COMPLAINT if complaint.by_person else ReplyKind.AUTO_REPLY
        return ReplyReading(kind, True, 0.95, complaint.feedback_type, parts.text, complaint=complaint)
    if automatic is None or automatic.confidence < _SURE_ENOUGH:
        return _written(parts.text, parts.own, mail.subject)
    opt_out = _opt_out_after_all(automatic, mail, parts.own)
    return _automatic(automatic, parts.text) if opt_out is None else _left_in_peace(opt_out, parts.text)


def _opt_out_after_all(automatic: AutoMail, mail: InboundMail, own: str) -> OptOut | None:
    """An opt-out in what only looks automatic, for a person to look at.

    A wish to unsubscribe that a mail program sends by itself has it as the whole subject; a mail taken for automatic by
    its words alone, or one from a list that answers us, may be a person's.
    """
    if _UNSUBSCRIBE.match(mail.subject):
        return read_opt_out(mail.subject)
    by_words = automatic.confidence < _BY_MORE_THAN_WORDS
    listed = automatic.kind is AutoKind.LIST and bool(mail.mailbox_hash or mail.in_reply_to)
    found = read_opt_out(split_sign_off(own)[0]) if by_words or listed else None
    return None if found is None else replace(found, sure=False)


def _automatic(automatic: AutoMail, text: str) -> ReplyReading:
    kind, intent = _AUTOMATIC[automatic.kind]
    evidence = f"{automatic.rule}: {automatic.words}"
    return ReplyReading(kind, True, automatic.confidence, evidence, text, intent, back_on=automatic.back_on)


def _written(text: str, own: str, subject: str) -> ReplyReading:
    # A forward or a reply below unmarked quotes has no words that are surely the person's: a person looks.
    said, below = split_sign_off(own)
    opt_out = _opt_out(said, below, subject)
    if opt_out is not None:
        return _left_in_peace(opt_out, text)
    if not said:
        return ReplyReading(ReplyKind.EMPTY, False, 0.2, "nothing that the person wrote", text, needs_person=True)
    reading = read_intent(said)
    kind = ReplyKind(reading.intent.value)
    needs_person = not reading.sure or kind in (ReplyKind.QUESTION, ReplyKind.WRONG_PERSON, ReplyKind.UNSURE)
    return ReplyReading(
        kind,
        reading.sure,
        reading.confidence,
        reading.evidence[:200],
        text,
        database_intent(reading.intent),
        needs_person=needs_person,
    )


def _opt_out(said: str, below: str, subject: str) -> OptOut | None:
    """The wish in the words themselves, or else in a subject or below the sign-off, where it is never sure."""
    answered = _ANSWER.match(subject)
    own_subject = subject if answered is None else ""
    found = read_opt_out(f"{own_subject}\n\n{said}")
    if found is not None:
        return found
    elsewhere = (read_opt_out(subject[answered.end() :]) if answered else None, read_opt_out(below))
    sure = next((one for one in elsewhere if one is not None and one.sure), None)
    return None if sure is None else replace(sure, sure=False)


def _left_in_peace(opt_out: OptOut, text: str) -> ReplyReading:
    return ReplyReading(
        ReplyKind.OPT_OUT if opt_out.sure else ReplyKind.POSSIBLE_OPT_OUT,
        opt_out.sure,
        0.95 if opt_out.sure else 0.5,
        f"{opt_out.rule}: {opt_out.words}",
        text,
        "unsubscribe" if opt_out.sure else None,
        opt_out=opt_out,
        needs_person=not opt_out.sure,
    )
