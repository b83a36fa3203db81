"""What a person wants who wrote back, by conservative rules: sure only where one thing is said and plainly.

A question beside a yes is a question, since a person must answer it. Mixed, hedged or unclear is UNSURE. Input is what
the person wrote, without quotes and signature. These rules are the local floor that an agent may later go beyond.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agency_os.domain.plain_words import plain_words


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
    """``sure``: nothing in the text speaks against it. ``evidence``: the words that showed it; confidence 0 to 1."""

    intent: Intent
    sure: bool
    confidence: float
    evidence: str


# Each pattern sees the text without what the ones before it found, so that "not interested" holds no interest.
_MONTHS: Final = r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|aug|sept?|oct|nov|dec)"
_DAYS: Final = r"(?:(?:mon|tues|wednes|thurs|fri)days?|mon|tues?|wed|thurs?|fri|tomorrow|mornings?|arvos?|afternoons?|lunchtime|\d{1,2}(?:[:.]\d\d)? ?(?:am|pm))"
_SEASON: Final = rf"(?:few|couple of|six|three|\d+) (?:weeks|months)|months?|quarters?|(?:new |next |financial )+year|{_MONTHS}|christmas|xmas|easter|summer|winter|spring|autumn|eofy|fy ?\d*|financial year"

_OTHER: Final = re.compile(
    r"\bwrong (?:person|e-?mail|address|bloke|guy|girl|lady|contact|department|inbox|\w+!)|\bnot the (?:right|best|correct) (?:person|contact|one|e-?mail|guy|department|point of contact)\b"
    r"|\bnot (?:my (?:area|department|call|decision|responsibility|role)|me you|across (?:this|that)|involved in|responsible for|in charge of)\b"
    r"|\b(?:speak|talk|get in touch|touch base|you want|best to (?:e-?mail|call|contact)|try) (?:to |with )?[^.!?\n]{0,40}\b(?:instead|(?:she|he|they|who)(?:'s)? (?:is |are )?(?:handles?|looks?|runs?|manages?|deals?|the one))\b"
    r"|\b(?:i|he|she|they|we)(?:'ve| have| has)? no longer (?:works?|with|in|at|handles?|looks?|employed|deals?)\b|\bno longer (?:works?|employed|with (?:us|the))\b|\bi(?:'ve| have)? (?:retired|sold (?:up|the business))\b|\b(?:has|have) taken over\b|\b(?:left|moved on from|retired from) the (?:company|business|organisation|team)\b"
    r"|\b(?:forward(?:ed|ing)?|pass(?:ed|ing)?|cc'?ing|cc'?d|cc-ing|copied in|copying in|loop(?:ed|ing)?(?: in)?|flick(?:ed|ing)|sent|handed)\b(?: (?:this|it|your e-?mail|your details|that|you))?(?: (?:on|over|along|in))*(?: to)? (?!me\b|us\b|my\b|through\b)(?:our |the |my )?\w+[^.!?\n]{0,40}\b(?:who|handles?|looks? after|for a look|help|team|manager|boss|in charge|partner|if)\b"
    r"|\b(?:forward(?:ed|ing)|pass(?:ed|ing)|flick(?:ed|ing)) (?:this |it |your e-?mail |your details )?(?:on|over|along|across)\b"
    r"|\b(?:he|she|they|who|\w+) (?:handles?|looks? after|manages|runs) (?:all )?(?:our|the|this|that|these|marketing)\b|\bi (?:don'?t|do not) (?:handle|deal with|look after|do the marketing|make (?:those|these|the))\b|\bi only do\b|\bi'm just the\b"
)
_NOT: Final = re.compile(
    r"\b(?:not|no longer|isn'?t|aren'?t|ain'?t|never|hardly|un)[ -]?(?:\w+ ){0,3}?(?:interested|of (?:any )?interest|keen|looking (?:for|at|to)|a (?:good )?(?:fit|match|priority)|for (?:us|me)\b|needed?\b|required|something|pursuing|in the market|sold|worth it|what we|convinced)\b[^.!?,;\n]*"
    r"|\bno,? (?:thanks?|thank you|thx|ta|cheers|interest|need|budget|requirement|way|chance)\b|(?:^|[.!?\n] *)(?:hi |hey |sorry,? |thanks,? (?:but )?)?n(?:o|ah|ope|ot us)\b(?! (?:worries|problem|wuckas|dramas?|stress|doubt|brainer|idea))"
    r"|\b(?:all|we'?re|i'?m|we are|i am) (?:all )?(?:good|right|sorted|set|covered|fine|ok|okay)\b(?! (?:to|for|with|on|mon|tue|wed|thu|fri|if|after|in the)\b)|\b(?:it's a|a hard|hard|firm) no\b"
    r"|\balready (?:have|got|use|work|using|working|with|sorted|covered|signed)\b[^.!?;\n]*|\b(?:all|everything|marketing|this|it|that)\b[^.!?\n]{0,30}\bin[ -]?house\b|\bi'?ll pass\b|\bwe'?ll pass\b|\bgonna pass\b|\bgoing to pass\b|\bpass (?:on|for) (?:this|it|now)\b|\bhard pass\b"
    r"|\b(?:happy|stick\w*|staying) with (?:our|my|the|who|what)\b[^.!?\n]*|\b(?:won'?t|will not|wouldn't) be (?:going|proceeding|taking|needing|interested|requiring)\b[^.!?\n]*|\b(?:don'?t|do not|doesn't) (?:really )?(?:need|require|want|have (?:the )?(?:capacity|budget|time|money)|do (?:any )?(?:marketing|advertising)|think (?:so|this|it))\b[^.!?\n]*"
    r"|\bcan'?t (?:afford|justify)\b[^.!?\n]*|\bnot (?:going|proceeding|proceed|take|taking)\b[^.!?\n]*|\bdeclin(?:e|ing)\b|\bthanks?,? but\b|\bno good for us\b|\bwaste of (?:time|money)\b|\b(?:closing|closed|selling|winding up|shut(?:ting)?) (?:down |up )?(?:the |our )?(?:business|shop|doors|company)\b"
)
_LATER: Final = re.compile(
    rf"\b(?:try|check|come|circle|get|touch|reach|drop|ping|call|e-?mail|contact|follow|remind|chase|hit|talk|speak|revisit|look)\b[^.!?\n]{{0,50}}?\b(?:in|after|next|later|around|closer|come|once|early|mid|from|until|till) (?:on |in |to |the |a |about )*(?:{_SEASON})\b"
    r"|\b(?:not|isn't|wasn't) (?:right |really )?(?:now|(?:a |the )?(?:right|good|best|great) time|just yet|yet|at the moment|at this (?:stage|point|time)|this (?:year|quarter|month|fy))\b|\b(?:bad|wrong|terrible|poor) tim(?:e|ing)\b|\btoo busy\b|\bflat (?:out|chat|stick)\b|\bsnowed under\b|\bswamped\b"
    r"|\bmaybe (?:later|next|in)\b|\bdown the track\b|\bbudgets?(?:'s| is| are|'re)? (?:\w+ )?(?:locked|spent|frozen|gone|allocated|set)\b|\b(?:signed|locked) (?:up|in|on)\b[^.!?\n]{0,30}\b(?:months?|year|contract)\b"
    rf"|\b(?:check|circle|come) back\b|\bmiddle of (?:a |an |our )?\w+|\bmid[ -]?way through\b|\b(?:after|until|till|once we're past) (?:the |our )?(?:end of )?(?:the )?(?:{_SEASON})\b|\bon hold\b|\bpark (?:it|this)\b|\bback burner\b"
)
_MEET: Final = re.compile(
    r"\b(?:send|shoot|flick|share|give|pop|drop|fire|whack)\b[^.!?\n]{0,30}\b(?:times?|link|invite|calendar|slots?|availab\w+|calendly|booking)\b"
    r"|\bbook (?:me|us|it|a (?:time|call|chat|meeting)|in|something)\b|\b(?:set up|set|arrange|schedule|organise|organize|lock in|tee up|find|make|pick|line up|sort out) (?:a |the |some |up )?"
    r"(?:\w+ )?(?:meeting|call|chat|time|zoom|catch[ -]?up|demo|coffee|slot)\b|\b(?:jump|hop|get) on (?:a|the)\b[^.!?\n]{0,20}\b(?:call|zoom|phone|teams)\b"
    r"|\bcalendar (?:link|invite)\b|\bwhat does (?:next|this) week look like\b|\bwhen(?:'s| is| are|'re)? (?:suits?|works?|good|you (?:free|available|around)|a good time|can (?:we|you))\b|\bwhen you'?re free\b"
    rf"|\b{_DAYS}\b[^.!?\n]{{0,30}}\b(?:works?|suits?|is best|are best|good|free|fine|ok)\b|\b(?:free|available|around) (?:on |next |this |from |after |at |most )*{_DAYS}\b"
    r"|\blet'?s (?:talk|chat|meet|find a time|do it|book|catch up|jump on|tee)\b|\bgive (?:me|us) a (?:bell|buzz|ring|call|shout|tingle)\b|\b(?:ring|call) me (?:on|at|any ?time|this|next|after)\b|\bwhat times?\b"
    rf"|\b(?:ring|call) me {_DAYS}\b|\b(?:how about|what about|can we do|could we do|let's (?:do|say)|shall we say|does) (?:\w+ )?{_DAYS}\b"
    r"|\bwhat'?s your (?:availability|calendar)\b|\bgrab a coffee\b|\b(?:have|up for|keen for|open to|happy with) a (?:quick |brief |short )?(?:chat|call|meeting|coffee|yarn|catch[ -]?up)\b|\bcatch up (?:next|this|on|over)\b|\bmeet (?:up|next|this|on|with you)\b|\bhappy to (?:meet|chat|talk|catch up|have a (?:chat|call|yarn))\b"
)
_WANTS: Final = re.compile(
    r"\b(?:(?:i|we)(?: am|'m|'re| are|'d be| would be)|yes|yep|yeah|very|quite|definitely|would be|pretty|super|really|could be) (?:\w+ )?(?:keen|interested|curious)\b|(?:^|[.!?\n,] *)(?:keen|interested)\b|\bthis (?:interests|intrigues) (?:me|us)\b|\bof interest to (?:me|us)\b"
    r"|\bsounds? (?:good|great|interesting|promising|awesome|ideal|like (?:something|just|exactly))\b|\bhappy to (?:take a look|have a look|hear|look|learn|listen|explore)\b"
    r"|\b(?:love|like|keen|want) to (?:hear|know|learn|see|find out|explore|discuss)\b|\btell (?:me|us) more\b|\b(?:good|great|perfect|impeccable) timing\b|\byes,? please\b|\bopen to (?:it|that|this|having|hearing|a conversation|ideas)\b|\bgot my attention\b|\bworth a (?:chat|look|conversation)\b"
    r"|^(?:hi [\w ]{1,20},? |hey [\w ]{1,20},? )?(?:yes|yep|yeah|yup|sure(?: thing)?|absolutely|definitely|for sure|why not)(?: (?:please|mate|thanks|cheers|go on|go ahead|let's do it|that works))*[.!,]*$"
)
_HEDGE: Final = re.compile(
    r"\b(?:maybe|perhaps|might|unlikely|depends|depending|not sure|unsure|(?:was|were|would have been|would've been|used to be) (?:\w+ )?interested|if (?:you can|it|the price|we|i)|only if|unless|as long as|provided|in theory|possibly|but|however|although)\b"
    r"|\b(?:passed away|deceased|funeral|palliative|administration|liquidat\w+|bankrupt\w*|lawyer|solicitor|legal)\b"
    r"|\b(?:we|i) (?:offer|sell|provide|specialise|are an? \w* ?agency)\b|\bour (?:services|platform|proposal)\b|\b(?:buy|purchase|sell)(?:ing)? (?:your|you)\b|\bjoking\b|\blol\b|\bhaha|\bas if\b|\byeah,? right\b|\bnot exactly\b"
)
_BUT_YES: Final = re.compile(
    r"\bbut (?:i'm|i am|we're|we are|i'd be|we'd be|yes|yeah),? (?:\w+ )?(?:open|keen|interested|happy|up)\b"
)
_ASKS: Final = re.compile(
    r"\?|\b(?:how much|what (?:does|would|is|sort|are|do|kind)|can you (?:tell|explain|elaborate|clarify)|(?:could|can) you (?:please )?(?:send|provide|share|give)[^.!?\n]{0,25}(?:info|details|examples?|case stud\w+|pricing|price list|brochure)|"
    r"(?:what|which|who|why|how|where) (?:[\w']+ ){0,2}(?:do|does|did|is|are|would|have|can) (?:you|we|it|this|that|your)|do you \w+|is there an?|how (?:is|does|do|did|would|long|many)|what'?s the|more info\w*|(?:send|email|shoot) (?:me |us |through |over )*(?:some |more |your |a |the )*(?:info(?:rmation)?(?!@)|details|pricing|price list|brochure|case stud\w+|examples?|proposal|quote))\b"
)
_ASKS_FOR_TIME: Final = re.compile(
    rf"\b(?:{_DAYS}|time|times|availab\w+|calendar|calendly|invite|slots?|meeting|call|chat|next week|this week|when|zoom|link|suits?|free (?:on|at|next|this|for)|coffee|catch[ -]?up)\b"
)
_LATER_ASKED: Final = re.compile(r"\b(?:touch base|revisit|try|check|come back|circle|get back|reach out|back in)\b")
_NO_TIME: Final = re.compile(
    r"\b(?:cost|price|pricing|fees?|charge|contract|lock|how much|what (?:sort|kind|results?|exactly|would|do you)|who|why|how did|how do|include|included|case stud\w+|examples?|work with|outsourced|guarantee|minimum|long does|agenda|about)\b"
)
_COURTESY: Final = re.compile(
    r"\bhow (?:are|r) (?:you|things|ya)(?: going| doing| today)?\b[^.!?\n]*\??|\bhow's (?:it|things) (?:going|tracking)\??"
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
_IN_ORDER: Final = (
    (Intent.WRONG_PERSON, _OTHER),
    (Intent.NOT_NOW, _LATER),
    (Intent.NOT_INTERESTED, _NOT),
    (Intent.MEETING_REQUEST, _MEET),
    (Intent.INTERESTED, _WANTS),
)
_WISHES: Final = frozenset({Intent.MEETING_REQUEST, Intent.INTERESTED})
_LONG: Final = 1000
"""Characters from which one sign is not enough to know what somebody wants."""
_LOOKED_AT: Final = 2000
"""Characters that are looked at: of a longer text no rule is sure anyway."""


def database_intent(intent: Intent) -> str | None:
    """The stored value for an intent."""
    return _DATABASE.get(intent)


def read_intent(text: str) -> IntentReading:
    """What ``text`` asks for; sure only where no other sign stands beside it."""
    plain = _COURTESY.sub(" ", plain_words(text)[:_LOOKED_AT])
    short = len(plain) < _LONG
    found: dict[Intent, str] = {}
    rest = plain
    for intent, pattern in _IN_ORDER:
        matches = [match[0].strip(" .,!?\n") for match in pattern.finditer(rest)]
        if matches:
            found[intent] = matches[0][:120]
            rest = pattern.sub(" # ", rest)
    against = [intent for intent in found if intent not in _WISHES]
    asked = _question(plain, later=Intent.NOT_NOW in found)
    if asked is not None:
        return IntentReading(Intent.QUESTION, short and not against, 0.8, asked[:120])
    if not against:
        return _wish(found, plain, short=short)
    if len(against) < len(found) or not short:
        return _unsure(found)
    # of what speaks against, the other person comes first, then the other time, since both say more than a no
    return IntentReading(
        against[0], sure=len(against) == 1 or _agree(against), confidence=0.85, evidence=found[against[0]]
    )


def _agree(against: list[Intent]) -> bool:
    """A no beside "not now" is a no for now; beside another person it is neither."""
    return Intent.WRONG_PERSON not in against


def _wish(found: dict[Intent, str], plain: str, *, short: bool) -> IntentReading:
    wish = next((intent for intent in (Intent.MEETING_REQUEST, Intent.INTERESTED) if intent in found), None)
    if wish is None:
        return _unsure(found)
    hedge = _HEDGE.search(plain)
    if hedge is None or _BUT_YES.search(plain):
        return IntentReading(wish, sure=short, confidence=0.85, evidence=found[wish])
    return IntentReading(Intent.UNSURE, sure=False, confidence=0.4, evidence=f"{found[wish]}; {hedge[0]}")


def _question(plain: str, *, later: bool) -> str | None:
    """The sentence that a person must answer: none that only asks for a time, or to be asked again later."""
    for sentence in re.findall(r"[^.!?\n]+[.!?]*", plain):
        if not _ASKS.search(sentence):
            continue
        small = _ASKS_FOR_TIME.search(sentence) if "?" in sentence else None
        small = small or (_LATER_ASKED.search(sentence) if later else None)
        if small is None or _NO_TIME.search(sentence):
            return str(sentence).strip()
    return None


def _unsure(found: dict[Intent, str]) -> IntentReading:
    return IntentReading(Intent.UNSURE, sure=False, confidence=0.3, evidence="; ".join(found.values()))
