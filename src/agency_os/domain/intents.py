"""What a person wants who wrote back, by conservative rules: sure only where one thing is said and plainly.

A question beside a yes is a question, since a person must answer it. Mixed or unclear is UNSURE. Input is what the
person wrote, without quotes and signature. These rules are the local floor that an agent may later go beyond.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Intent(StrEnum):
    """What was wanted."""

    MEETING_REQUEST = "meeting_request"
    INTERESTED = "interested"
    QUESTION = "question"
    NOT_INTERESTED = "not_interested"
    NOT_NOW = "not_now"
    WRONG_PERSON = "wrong_person"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class IntentReading:
    """``sure``: nothing in the text speaks against it. ``evidence``: the words that showed it; confidence 0–1."""

    intent: Intent
    sure: bool
    confidence: float
    evidence: str


_MEET: Final = re.compile(
    r"\b(?:send|shoot|flick|share|give|pop)\b.{0,40}\b(?:times?|link|invite|calendar|slots?|availab\w+)\b"
    r"|\bbook (?:me|us|it|a|in)\b|\b(?:set up|arrange|schedule|organise|organize|lock in|tee up|find) (?:a |the |some )?"
    r"(?:\w+ )?(?:meeting|call|chat|time|zoom|catch[ -]?up|demo)\b|\b(?:jump|hop|get) on a\b.{0,20}\b(?:call|zoom)\b"
    r"|\bcalendar (?:link|invite)\b|\bwhat does (?:next|this) week look like\b|\bwhen (?:suits|works|are you free)\b"
    r"|\b(?:mornings?|arvos?|afternoons?|(?:mon|tues|wednes|thurs|fri)days?)\b.{0,30}\b(?:works?|suits?|best|good|free)\b"
    r"|\blet'?s (?:talk|chat|meet|find a time|do it|book)\b|\bgive (?:me|us) a (?:bell|buzz|ring|call)\b"
    r"|\bwhat'?s your availability\b|\bgrab a coffee\b|\bhave (?:a )?(?:quick )?(?:chat|call|meeting)\b"
)
_WANTS: Final = re.compile(
    r"\b(?:i'?m |we'?re |i am |we are |yes |yep |yeah |very |quite |definitely |would be |i'?d be |we'?d be )?(?:keen|interested)\b"
    r"|\bsounds? (?:good|great|interesting|like)\b|\bhappy to (?:have|chat|talk|meet|take|hear|look)\b"
    r"|\b(?:love|like) to (?:hear|know|learn|see|chat|talk|find out)\b|\btell me more\b|\bgood timing\b|\byes please\b"
    r"|\bopen to (?:a|it|that|this|having|hearing)\b|\bgot my attention\b|\bworth a (?:chat|look|conversation)\b"
    r"|^\W*(?:yes|yep|yeah|sure|absolutely|ok|okay|definitely)\b"
)
_NOT: Final = re.compile(
    r"\b(?:not|no longer|isn'?t|aren'?t|never|hardly) (?:\w+ ){0,3}(?:interested|keen|looking|a fit|for us|for me|needed?|"
    r"required|something we|pursuing|in the market)\b|\bno,? (?:thanks?|thank you|thx|ta|cheers)\b|^\W*n(?:o|ah|ope)\b"
    r"|\b(?:all|we'?re|i'?m|we are) (?:good|right|sorted|set|covered|fine)\b(?! (?:to|for|with) (?:a|chat|talk|time))"
    r"|\balready (?:have|got|use|work|using|working)\b|\bin[ -]?house\b|\bi'?ll pass\b|\b(?:pass|passing) on (?:this|it)\b"
    r"|\bhappy with (?:our|my|the|who)\b|\bwon'?t be (?:going|proceeding|taking|needing)\b|\bdon'?t (?:need|require|want|have capacity)\b"
    r"|\bno (?:need|interest|budget|requirement)\b|\bnot (?:going|proceeding|proceed)\b|\bdecline\b|\bthanks? but\b"
)
_LATER: Final = re.compile(
    r"\bnot (?:right )?now\b|\b(?:try|check|come|circle|get) (?:me |us |back )?(?:again |back )?(?:in|after|next|later)\b.{0,25}"
    r"\b(?:months?|quarter|year|week|july|january|christmas|easter|summer|winter|eofy|financial)\b"
    r"|\b(?:next|new) (?:financial )?(?:quarter|year|fy)\b|\bbad time\b|\btoo busy\b|\bflat out\b|\bmaybe later\b"
    r"|\bafter (?:eofy|christmas|easter|the (?:new year|holidays))\b|\bdown the track\b|\bin (?:a few|six|three|\d+) months\b"
)
_OTHER: Final = re.compile(
    r"\bwrong (?:person|email|address|bloke|guy|contact)\b|\bnot (?:the right|my area|my department|me you|my call)\b"
    r"|\b(?:speak|talk|get in touch) (?:to|with)\b.{0,40}\b(?:instead|she|he|they|who|handles?|looks? after)\b|\bno longer (?:work|with|in)\b"
    r"|\b(?:forward(?:ed|ing)?|pass(?:ed|ing)?|cc'?ing|cc'?d|loop(?:ed|ing)?)\b.{0,40}\b(?:on to|to|in|along)\b"
    r"|\b(?:he|she|they) (?:handles?|looks? after|makes? (?:those|these|the))\b|\bi don'?t (?:handle|deal with|look after)\b"
)
_ASKS: Final = re.compile(
    r"\?|\b(?:how much|what (?:does|would|is|sort|are|do)|can you tell|could you (?:send|tell|explain)|do you (?:work|have|do|offer)|"
    r"is there|how (?:is|does|do|did|would)|what'?s (?:the|your)|more info)\b"
)
_ASKS_FOR_TIME: Final = re.compile(
    r"[^.!?\n]*\b(?:times?|availab\w+|calendar|invite|slot|meeting|call|chat|week|when|zoom|link|suits?|free)\b[^.!?\n]*\?"
)
_DATABASE: Final[Mapping[Intent, str]] = MappingProxyType(
    {
        Intent.MEETING_REQUEST: "meeting_request",
        Intent.INTERESTED: "interested",
        Intent.QUESTION: "question",
        Intent.NOT_INTERESTED: "not_interested",
        Intent.NOT_NOW: "not_interested",
    }
)
"""The value of the database's ``intent_type``, where one fits."""

_LONG: Final = 1200


def database_intent(intent: Intent) -> str | None:
    """The stored value for an intent."""
    return _DATABASE.get(intent)


def read_intent(text: str) -> IntentReading:
    """What ``text`` asks for; sure only where no other sign stands beside it."""
    plain = " ".join(text.casefold().replace("’", "'").split())
    found = {
        name: match[0].strip()
        for name, pattern in (
            (Intent.MEETING_REQUEST, _MEET),
            (Intent.INTERESTED, _WANTS),
            (Intent.NOT_INTERESTED, _NOT),
            (Intent.NOT_NOW, _LATER),
            (Intent.WRONG_PERSON, _OTHER),
        )
        if (match := pattern.search(plain)) is not None
    }
    asks = _ASKS.search(_ASKS_FOR_TIME.sub(" ", plain))
    wish = next((name for name in (Intent.MEETING_REQUEST, Intent.INTERESTED) if name in found), None)
    against = [name for name in (Intent.NOT_INTERESTED, Intent.NOT_NOW, Intent.WRONG_PERSON) if name in found]
    if asks is not None:
        return IntentReading(Intent.QUESTION, not against and len(plain) < _LONG, 0.8, asks[0])
    if wish is not None and not against:
        return IntentReading(wish, len(plain) < _LONG, 0.85, found[wish])
    if wish is None and against:
        return IntentReading(against[-1], len(plain) < _LONG, 0.85, found[against[-1]])
    evidence = ", ".join(sorted(found.values()))
    return IntentReading(Intent.UNSURE, sure=False, confidence=0.3, evidence=evidence)
