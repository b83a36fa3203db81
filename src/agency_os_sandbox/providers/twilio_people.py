"""What happens to a text message: whether it arrives, and what its recipient answers.

A draw is a hash of (seed, number, how many messages this sender sent before), never of arrival order between people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from agency_os_sandbox.world.chance import pick, unit

SENT_AFTER = timedelta(seconds=2)
DONE_AFTER = timedelta(seconds=5)
STOP_SHARE = 0.06
ANSWER_SHARE = 0.14
UNREACHABLE_SHARE = 0.03

STOP_WORDS = ("STOP", "Stop", "UNSUBSCRIBE", "stop")
_ANSWERS = (
    "Yes please, Tuesday at ten suits me.",
    "Who is this?",
    "Can you email me the details first?",
    "Not for us right now, thanks.",
    "Ring me after 3pm.",
)
_GSM = re.compile(r"[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\\\[~\]|€]*")
_DOUBLE = re.compile(r"[\f^{}\\\[~\]|€]")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person answers, and how long after the message was accepted."""

    text: str
    after: timedelta
    is_stop: bool


def is_reachable(seed: int, number: str) -> bool:
    """Whether messages to this number arrive."""
    return unit(seed, "sms unreachable", number) >= UNREACHABLE_SHARE


def reply_of(seed: int, number: str, step: int) -> Reply | None:
    """What the person behind ``number`` answers to the message after ``step`` earlier ones from the same sender."""
    if not is_reachable(seed, number):
        return None
    draw = unit(seed, "sms reply", number, step)
    after = timedelta(minutes=2 + int(90 * unit(seed, "sms wait", number, step)))
    if draw < STOP_SHARE:
        return Reply(pick(STOP_WORDS, seed, number, step), after, is_stop=True)
    if draw < STOP_SHARE + ANSWER_SHARE:
        return Reply(pick(_ANSWERS, seed, number, step), after, is_stop=False)
    return None


def segments_of(body: str) -> int:
    """The segments that the message is charged as: 160 places of the GSM alphabet or 70 of UTF-16, fewer in each of
    several; what takes two places is not split (3GPP TS 23.038 and 23.040)."""
    in_gsm = _GSM.fullmatch(body) is not None
    whole, part = (160, 153) if in_gsm else (70, 67)
    # Two places become two letters, so that a cut which would fall between them is moved before them.
    wide = _DOUBLE.sub("ab", body) if in_gsm else re.sub(r"[\U00010000-\U0010ffff]", "ab", body)
    if len(wide) <= whole:
        return 1
    starts = _second_halves(body, _DOUBLE if in_gsm else re.compile(r"[\U00010000-\U0010ffff]"))
    at, count = 0, 0
    while at < len(wide):
        at += part
        if at < len(wide) and at in starts:
            at -= 1
        count += 1
    return count


def _second_halves(body: str, double: re.Pattern[str]) -> set[int]:
    found, at = set(), 0
    for character in body:
        if double.fullmatch(character):
            found.add(at + 1)
            at += 1
        at += 1
    return found
