"""Who asks to be left in peace: surely, possibly, or not at all; and from whom.

The Spam Act 2003 (Cth), s 18, wants an opt-out honoured however it is worded, so the rules lean one way: what might be
one is *possible* and holds the lead for a person, and only what is plainly something else is let pass.
Input is what the person wrote, without quotes: words of our own footer must not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final


class OptOutScope(StrEnum):
    """Whom an opt-out binds: the client whose message it answers, or every client of the platform."""

    CLIENT = "client"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class OptOut:
    """``sure`` is False where a person must look. ``complaint``: there was talk of spam, law or a regulator.

    ``erasure``: the person asks for deletion of their data. ``rule`` and ``words`` say what was found.
    """

    sure: bool
    scope: OptOutScope
    rule: str
    words: str
    complaint: bool = False
    erasure: bool = False


# What follows is matched against lower-case text with straight quotes, single spaces and repaired misspellings.
_ME: Final = r"(?:me|us|my|our|myself|this|these|the|that|it|him|her|them|any|all|everyone|anyone)"
_LIST: Final = r"(?:(?:mail(?:ing)?|e-?mail|contact|distribution|marketing|call|prospect\w*|spam|send)[ -]?)?(?:lists?|database|db|crm|system|records|sequence|campaign)"
_SEND: Final = r"(?:e-?mail|contact|messag|mail|writ|send|call|text|phon|ring|approach|bother|spam|pester|harass|hassl|cold[ -]?call|reach|market|target|follow)(?:e|t?ing|ing|s|ed)?"

_SURE: Final[tuple[tuple[str, str], ...]] = (
    ("unsubscribe, as a request", r"\bunsubscrib(?:e|ed|ing)?\b(?= (?:me|us|my|our|this|please|from|all|now|immediately|asap|thank|thx|ta)\b)"),
    ("unsubscribe, as a request", r"\b(?:please|to|kindly|be|want|now|and|just|can you|could you|would you|can i|how (?:do|can) i|pls) (?:be |get )?unsubscrib(?:e|ed|ing)\b"),
    ("unsubscribe, alone in its sentence", r"(?:^|[.!?\n]) *(?:please )?unsubscribed?(?: please| now| me| thanks| thank you| ta)* *(?:$|[.!?\n])"),
    ("stop, alone in its sentence", r"(?:^|[.!?\n]|, ) *(?:please |just |ok(?:ay)? )*stop(?:all)?(?: it| this| now| please| already| mate| thanks)* *(?:$|[.!?\n,])"),
    ("stop contacting", rf"\b(?:stop|cease|quit|refrain from|enough (?:with|of)|knock off) (?:\w+ ){{0,2}}?(?:{_SEND}|(?:the|these|this|your|all) (?:\w+ )?(?:e-?mails?|messages?|spam|contact|calls|correspondence|rubbish|crap))"),
    ("stop, as a request", r"\b(?:please|can you|could you|would you|will you|you (?:need to|must|have to|should)|make it|i said|just)(?: \w+){0,2} stop\b"),
    ("remove me", rf"\b(?:remove|delete|erase|scrub|purge|wipe|drop) (?:{_ME} (?:\w+ ){{0,5}}?)?(?:me|us|my|our|from|off|list|lists|details|data|e-?mail|address|name|info|information|number|record|records|contact)\b"),
    ("remove, alone in its sentence", r"(?:^|[.!?\n]|, ) *(?:please )?remove(?: please| now| asap| me| thanks| thank you| ta)* *(?:$|[.!?\n,])"),
    ("off the list", rf"\b(?:take|taken|taking|get|getting|strike|cross|scratch|keep|leave|pull) (?:{_ME} )?(?:\w+ ){{0,3}}?(?:off|out of|from) (?:of )?(?:(?:your|the|this|that|these|those|any|all|every|ya|ur) )+(?:\w+ ){{0,2}}?{_LIST}"),
    ("off the list", r"\b(?:take|get|count|leave|cross|strike|scratch|rule) (?:me|us|my name|our name|my email|this email|this address) (?:off|out)\b"),
    ("off the list", rf"\b(?:off|from) (?:your|the|this) {_LIST} (?:please|thanks|thank you|now|asap)"),
    ("opt out", r"\b(?:opt(?:ing|ed)?|opt me|opt us)[ -]?out\b(?! (?:rate|link|page|list|process|law|rule|option|of (?:hand|curiosity)))"),
    ("do not contact", rf"\b(?:do not|don't|dont|never|no longer|must not|cannot|can't|should not|not to|won't you please not) (?:ever |again |please |you |dare |want you to |wish you to |want to be |wish to be |want |wish )*(?:be )?{_SEND} (?:me|us|out|up|this|here|again|any|anything|to me|to us|to this|my|our|ever)\b"),
    ("do not contact", r"\b(?:do not|don't|dont|never) (?:ever )?(?:contact|e-?mail|call|message|text|spam) *(?:$|[.!?\n,])"),
    ("do not contact", r"\bdo[ -]?not[ -]?(?:contact|call|e-?mail|mail)(?: (?:list|register))?\b"),
    ("wants no mail", r"\b(?:do not|don't|dont|no longer|never|not) (?:want|wish|care|need|agree|consent|expect|like|interested in)(?: to)? (?:(?:be|get|getting|being) )?(?:receiv\w+|hear\w*|contacted|emailed|e-mailed|messaged|(?:any )?(?:more|further|other|future) (?:of )?(?:\w+ )?(?:e-?mails?|messages?|contact|spam|mail|correspondence|communications?)|(?:these|your|such|marketing) (?:\w+ )?(?:e-?mails?|messages?|spam))"),
    ("wants no mail", r"\b(?:no|not any) (?:more|further|future) (?:\w+ )?(?:e-?mails?|messages?|mail|contact|spam|correspondence|communications?|calls|follow[ -]?ups?|of (?:this|these))\b"),
    ("do not follow up", r"\b(?:do not|don't|dont|never) (?:bother |try to |try )?(?:follow(?:ing)?[ -]?up|chas(?:e|ing)|writ(?:e|ing) (?:back|again)|contact(?:ing)?|email(?:ing)? (?:back|again)|reach(?:ing)? out|get in touch|(?:send|sending) (?:me |us )?(?:any|more|another|anything|stuff|this|these))\b"),
    ("leave us alone", r"\bleave (?:me|us) (?:alone|be|in peace)\b|\blose (?:my|our|this) (?:number|e-?mail|address|details|contact)|\bgo away\b|\bget lost\b|\b(?:piss|bugger|rack|nick|sod|jog|fuck|f\*+k?|eff|f off|shove) ?(?:right )?off\b|\bget stuffed\b|\bon your bike\b|\bnot? (?:to )?contact (?:me|us) again\b"),
    ("reported", r"\b(?:report(?:ed|ing)?|complain(?:ed|ing)?|complaint|forward(?:ed|ing)?)\b.{0,40}\b(?:spam|acma|accc|privacy commissioner|oaic|authorit|your (?:isp|provider))|\b(?:mark|flag)(?:ed|ing)?\b.{0,20}\b(?:spam|junk)\b|\bcease and desist\b|\bspam act\b"),
    ("block", r"\b(?:blocked|blocking|block) (?:you|your|this (?:sender|address|domain))\b"),
)  # fmt: skip

_NOT_ONE: Final = re.compile(
    r"\b(?:hate|sad|reluctant|loath|silly|mad|crazy) to (?:stop|opt|unsubscribe)"
    r"|\bdo(?: not|n't) hesitate to\b[^.!?\n]*|\bfeel free to\b[^.!?\n]*|\bstop(?:ped|ping)? by\b|\bnon[ -]?stop\b"
    r"|\bstop(?:ped)? (?:losing|wasting|relying|spending|paying|doing|using|guessing|working|advertising)\b"
    r"|\bdrop (?:me|us) (?:a|an) (?:line|note|email|text|call)\b|\bone[ -]stop\b|\b(?:our|their|the|your|an?) (?:un)?subscrib\w+ (?:rate|link|list|page|button|form)s?\b"
    r"|\b(?:our|my) (?:customers?|clients?|patients?|subscribers?|members?)\b[^.!?\n]{0,40}\bunsubscrib\w+"
    r"|\b(?:reduce|fewer|less|lower|avoid) (?:the )?(?:spam|unsubscribes?|opt[ -]?outs?)\b|\bspam (?:folder|filter)s?\b"
    r"|\bi would ?n't (?:want to )?stop\b",
)
"""What only sounds like one: taken out before the patterns look."""

_POSSIBLE: Final[tuple[tuple[str, str], ...]] = (
    ("speaks of stopping", r"\bstop\b|\bcease\b|\bquit\b"),
    ("speaks of unsubscribing", r"\bunsubscrib\w*|\bopt(?:ed|ing)?[ -]?(?:me |us )?out\b|\boff (?:your|the|this) \w+"),
    ("speaks of removal", r"\b(?:remove|removal|delete|erase|take me off|take us off)\b"),
    ("speaks of spam or law", r"\bspam\w*|\bjunk mail\b|\bharass\w*|\bprivacy act\b|\bacma\b|\blawyers?\b.{0,30}\byou\b|\bunsolicited\b"),
    ("wants no contact", r"\b(?:do not|don't|dont|never|no longer|no need to|please do not|rather not|prefer not) (?:\w+ ){0,3}(?:contact|e-?mail|mail|call|message|write|hear|reach|receive)\w*"),
    ("asks where the address is from", r"\b(?:where|how) (?:on earth |the hell )?(?:did|have|do) you (?:get|got|find|have|obtain) (?:my|our|this)\b"),
)  # fmt: skip
_EVERYONE: Final = re.compile(
    r"\b(?:never|not|nobody|no one|none)\b[^.!?\n]{0,40}\b(?:anyone|anybody|any (?:of your|other|company|agency|client))\b"
    r"|\ball (?:of )?your (?:lists?|clients?|databases?|systems?|companies|brands)\b|\bevery(?:one|body|where| list)\b"
    r"|\bany (?:list|database) (?:you|of yours)\b|\ball lists\b"
)
_COMPLAINT: Final = re.compile(
    r"\bspam(?:mer|ming|med|s)?\b(?! (?:folder|filter))|\bacma\b|\baccc\b|\bprivacy (?:act|commissioner)\b|\boaic\b"
    r"|\bspam act\b|\bharass\w*|\blegal action\b|\bcease and desist\b|\breport(?:ed|ing)? (?:you|this|it)\b|\billegal\b"
)
_ERASURE: Final = re.compile(
    r"\b(?:delete|erase|destroy|purge|wipe|remove)\b[^.!?\n]{0,40}\b(?:data|details|information|info|records?)\b|\bgdpr\b"
    r"|\bright to be forgotten\b"
)
_WORDS: Final = ("unsubscribe", "unsubscribed", "unsubscribing", "remove", "delete", "spam", "emailing", "contacting")
_MISSPELT: Final = re.compile(r"\b(?:un|in|on)?s[a-z]{1,3}b?s?c?[a-z]{1,3}b[a-z]{0,4}\b|\b[a-z]{6,14}\b")
_COMMON: Final = frozenset(
    {"removed", "removal", "deleted", "describe", "described", "subscribe", "subscribed", "emailed", "contact"}
    | {"contacts", "contacted", "mailing", "prescribe", "remote", "prove", "moved", "removing", "deleting"}
)
_LONGEST: Final = 20_000


def read_opt_out(text: str) -> OptOut | None:
    """The wish to be left in peace in what a person wrote; None where nothing points to one."""
    plain = _plain(text)
    cleared = _NOT_ONE.sub(" ", plain)
    for sure, table in ((True, _SURE), (False, _POSSIBLE)):
        for rule, pattern in table:
            found = re.search(pattern, cleared)
            if found is not None:
                return OptOut(
                    sure=sure,
                    scope=OptOutScope.EVERYONE if _EVERYONE.search(cleared) else OptOutScope.CLIENT,
                    rule=rule,
                    words=found[0].strip()[:120],
                    complaint=_COMPLAINT.search(cleared) is not None,
                    erasure=_ERASURE.search(cleared) is not None,
                )
    return None


def _plain(text: str) -> str:
    lowered = text[:_LONGEST].casefold().replace("’", "'").replace("‘", "'").replace("`", "'")
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in lowered.split("\n"))
    return _MISSPELT.sub(_respelt, "\n".join(lines))


def _respelt(found: re.Match[str]) -> str:
    """A word one or two letters off one that matters: "unsubcribe", "remvoe", "unsuscribe"."""
    word = found[0]
    if word in _WORDS or word in _COMMON:
        return word
    near = get_close_matches(word, _WORDS, n=1, cutoff=0.86 if len(word) > 7 else 0.9)
    if near:
        return near[0]
    swapped = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)}
    return next((known for known in _WORDS if known in swapped), word)
