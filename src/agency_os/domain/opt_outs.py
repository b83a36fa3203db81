"""Who asks to be left in peace: surely, possibly, or not at all; and from whom.

The Spam Act 2003 (Cth), s 18, wants an opt-out honoured however it is worded, so the rules lean one way: what might be
one is *possible* and holds the lead for a person, and only what is plainly something else is let pass.
Input is what the person wrote, without quotes: words of our own footer must not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agency_os.domain.misspellings import repaired
from agency_os.domain.plain_words import plain_words


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


# No repetition is without a bound: a mail of one word ten thousand times must not hold a worker up.
# What follows is matched against ``plain_words``: lower case, straight quotes, unwrapped lines, repaired misspellings.
_END: Final = r" *(?:$|[.!?,;\n])"
_START: Final = r"(?:^|[.!?,;:\n]|\bbut\b|\band\b|\bso\b) *"
_SOFT: Final = r"(?:please |pls |just |ok(?:ay)? |kindly |guys,? |mate,? |hi,? |no,? ){0,6}"
_CAN: Final = r"(?:please|pls|kindly|(?:can|could|would|will) you(?: please| kindly| just){0,6}|i(?:'d| would) like you to|i (?:want|need) you to|i (?:told|asked) you to|you (?:need to|must|have to|should|better))"
_NOT: Final = (
    r"(?:do not|don't|dont|never|no longer|must not|mustn't|cannot|can't|should not|shouldn't|not to|stop and do not)"
)
_TO_ME: Final = r"(?:me|us|this (?:e-?mail|address|number|inbox|mailbox|account|office)|my|our|anyone at|anybody at)"
_SEND: Final = r"(?:e-?mail|contact|message|mail|write|send|call|text|phone|ring|approach|bother|spam|pester|harass|hassle|cold[ -]?call)"
_SENDING: Final = r"(?:e-?mail|contact|messag|mail|writ|send|call|text|phon|ring|approach|bother|spamm?|pester|harass|hassl|cold[ -]?call|target|follow)ing"
_MAILS: Final = r"(?:e-?mails?|messages?|spam|spamming|junk|correspondence|newsletters?|mail-?outs?|rubbish|crap|garbage|nonsense|harassment|follow[ -]?ups)(?! (?:marketing|campaigns?|templates?|address(?:es)?|leads?|enquir\w+))"
_LIST: Final = r"(?:(?:mail(?:ing)?|e-?mail(?:ing)?|contacts?|distribution|marketing|call(?:ing)?|prospect(?:s|ing)?|spam|send(?:ing)?|outreach|sales|bloody|stupid|whatever) ?-?){0,6}(?:lists?|databases?|db|crm|systems?|records|sequences?|campaigns?|marketing|e-?mails|mailouts?|mailings?|mailouts?|newsletters?)"
_MINE: Final = r"(?:me|us|myself|my|our|this (?:e-?mail|address|number|contact|account|inbox|mailbox)|that (?:e-?mail|address|number)|\S{1,64}@\S{1,99}|(?:the|this) (?:above|following))"
_DETAILS: Final = r"(?:names?|e-?mails?|address\w*|details?|data|info|information|numbers?|contacts?|records?|company|business|profile|mobile|phone)"

_SURE: Final[tuple[tuple[str, str], ...]] = (
    ("unsubscribe, as a request", r"\bunsubscrib(?:e|ed|ing)\b(?= (?:me|us|my|our|this|that|please|pls|from|all|now|immediately|asap|thank|thanks|thx|ta)\b| \S+@)"),
    ("unsubscribe, as a request", rf"\b(?:{_CAN}|please|to|be|want|now|and|just|can i|how (?:do|can) i|do i|let me|can't|cannot) (?:be |get |just |now ){{0,6}}unsubscrib(?:e|ed|ing)\b"),
    ("unsubscribe, alone in its sentence", rf"{_START}{_SOFT}unsubscribed?(?: please| now| me| thanks| thank you| ta| asap){{0,6}}{_END}"),
    ("stop, alone in its sentence", rf"{_START}{_SOFT}stop(?: ?all)?(?: it| this| that| now| please| pls| already| mate| thanks| thank you| immediately){{0,6}}{_END}"),
    ("stop contacting", rf"\b(?:stop(?:ped)?|ceased?|quit|refrain(?:ed)? from|no more|enough (?:with|of)) (?:\w+ly |with |all |any |the |this |these |this constant |your |you |bloody |fucking |damn |cold ){{0,6}}{_SENDING}\b"),
    ("stop contacting", rf"\b(?:stop|cease|quit|enough (?:with|of)) (?:with )?(?:sending )?(?:(?:all|any|the|these|this|your|bloody|constant|sales|marketing|cold|stupid|endless|unsolicited|me|us) ){{1,6}}{_MAILS}|\bcease (?:all |any |further ){{0,6}}(?:contact|communications?)\b"),
    ("stop, as a request", rf"\b{_CAN} (?:now |just |all )?stop\b(?={_END}| (?:this|these|now|immediately|it\b|all (?:contact|e-?mails)|the (?:e-?mails|messages|spam)))"),
    ("stop, as a request", r"\b(?:make it stop|want (?:this|it|these|them|the emails) to stop|i said stop|must stop now)\b"),
    ("remove me", r"\b(?:remove|delete|erase|scrub|purge|wipe|get rid of|unlist) (?:also )?(?:me|us|myself)\b(?! (?:from|off) (?:google|bing|the (?:search|map|index|blacklist)|a (?:black|spam)))"),
    ("remove me", rf"\b(?:remove|delete|erase|scrub|purge|wipe|get rid of|take off|take down) (?:all |any |of ){{0,6}}(?:(?:my|our) (?:[\w']+ ){{0,3}}?{_DETAILS}\b|this (?:e-?mail|address|number|contact|account|inbox|mailbox)|that (?:e-?mail|address|number)|\S{{1,64}}@\S{{1,99}}|(?:the |your |personal ){{0,6}}(?:data|information|info|details|records) (?:that )?(?:you|i|about|on me|of mine))"),
    ("remove me", rf"\b(?:remove|delete|drop|erase) (?:\S{{1,40}} ){{0,6}}?(?:from|off|on) (?:(?:your|the|this|that|these|those|any|all|every|ya|ur|any of|all of) ){{0,6}}(?:\w+ ){{0,1}}?{_LIST}\b"),
    ("remove me", rf"\b(?:want|like|ask(?:ed|ing)?|request\w*|wish|need)(?: \w+)? to be (?:removed|deleted|taken off|unsubscribed)\b|\b(?:be|get|have) (?:me |us |my \w+ |this \w+ )?(?:removed|deleted|taken off)(?= (?:from|off) (?:your|the|this|any|all)\b|{_END}| please)|\b(?:i am|i'm|we are|we're|is|are) (?:removed|deleted|taken off) from (?:all|any|your)\b"),
    ("remove, alone in its sentence", rf"{_START}{_SOFT}(?:remove|delete)d?(?: please| now| asap| me| thanks| thank you| ta| immediately){{0,6}}{_END}"),
    ("off the list", rf"\b(?:take|taken|taking|get|getting|strike|cross|scratch|keep|leave|pull|bump|knock) (?:{_MINE} )(?:\S{{1,40}} ){{0,4}}?(?:off|out of) (?:of )?(?:(?:your|the|this|that|these|those|any|all|every|ya|ur|yr) ){{1,6}}(?:\w+ )?{_LIST}"),
    ("off the list", rf"\b(?:take|strike|cross|scratch|pull) (?:{_MINE} )(?:\S{{1,40}} ){{0,3}}?from (?:(?:your|the|this|any|all) ){{1,6}}{_LIST}"),
    ("off the list", r"\b(?:take|cross|strike|scratch) (?:me|us|my name|my e-?mail|our (?:name|e-?mail|address)|this e-?mail|this address) off\b"),
    ("off the list", rf"\b(?:get|come|want|be|removed?|taken|me|us) off (?:of )?(?:your|the|this|that|all) (?:\w+ )?{_LIST}\b"),
    ("opt out", rf"\b(?:(?:opt(?:ing|ed)?|opt me|opt us)[ -]?out|opt-out)\b(?= (?:please|pls|now|thanks|from|of (?:this|these|your|all|any|further|future|receiving|the (?:e-?mails|list|mailing)))\b|{_END})"),
    ("do not contact", rf"\b{_NOT} (?:ever |again |please |you |dare |want you to |wish you to |want to be |wish to be |keep |try (?:to )?|bother ){{0,6}}(?:be )?(?:{_SEND}|{_SENDING}|emailed|contacted|messaged|called|spammed)(?: (?:to|with|anything(?: else)?(?: to)?|any ?more (?:to|e-?mails to)))? {_TO_ME}\b"),
    ("do not contact", rf"\b{_NOT} (?:ever |please |dare ){{0,6}}(?:contact|e-?mail|message|spam|write|bother|keep {_SENDING})(?: again| any ?more| ever)?{_END}|{_START}{_SOFT}{_NOT} (?:contact|e-?mail|call|message|text|spam|mail)(?: again)?{_END}"),
    ("do not contact", rf"\b(?:make sure|ensure|see to it) (?:that )?(?:i|we) (?:do not|don't|dont|never|no longer) (?:receive|get|hear)\b|\b(?:make sure|ensure) (?:that )?(?:you|this|it|nobody) [^.!?\n]{{0,20}}\b{_NOT} (?:{_SEND}|happen)\b"),
    ("do not contact", r"\b(?:add|put|place)\b[^.!?\n]{0,40}\bdo[ -]not[ -](?:contact|call|e-?mail|mail)\b|\b(?:i'm|i am|we're|we are|number is|numbers are)\b[^.!?\n]{0,15}\bdo[ -]not[ -]call\b"),
    ("wants no mail", rf"\b(?:do not|don't|dont|no longer|never|not) (?:ever |really |actually )?(?:want|wish|care|agree|consent|expect|like|interested in|asked|signed up)(?: to| for)? (?:(?:be|get|getting|being) )?(?:receiv\w+|hear(?:ing)? from (?:you|anyone|anybody|your)|contacted|emailed|e-mailed|messaged|called|marketed to|(?:any )?(?:more|further|other|future) (?:of )?(?:your |these |sales |marketing )?{_MAILS}|(?:of )?(?:these|your|such|marketing|spam) (?:\w+ )?{_MAILS})"),
    ("wants no mail", rf"\b(?:no|not any) (?:more|further|future) (?:of (?:this|these|your) ?)?(?:sales |marketing |of |unsolicited |such )?(?:{_MAILS}|contact|communications?|follow[ -]?ups?)\b(?! (?:than|form))|\bno more of (?:this|these)\b"),
    ("do not follow up", r"\b(?:do not|don't|dont|never|stop) (?:bother |try to |try |keep |please ){0,6}(?:follow(?:ing)?[ -]?up|chas(?:e|ing)(?: me| us)|writ(?:e|ing) (?:back|again|to)|e-?mail(?:ing)? (?:back|again)|reach(?:ing)? out|get(?:ting)? in touch|(?:send|sending) (?:me |us )?(?:any|more|another|anything|stuff|this|these))\b"),
    ("leave us alone", rf"\bleave (?:me|us) (?:alone|be{_END}|in peace)|{_START}{_SOFT}(?:go away|get lost|lose (?:my|our|this) (?:number|e-?mail|address|details))\b|\b(?:piss|bugger|rack|nick|sod|jog|fuck|f\*+k?|eff|f|shove) (?:right |the \w+ )?off\b|\bget stuffed\b|\bon your bike\b"),
    ("reported", r"\b(?:report(?:ed|ing)?|complain(?:ed|ing)?|complaint|forward(?:ed|ing)?)\b[^.!?\n]{0,40}\b(?:spam|acma|accc|privacy commissioner|oaic|authorit\w+|your (?:isp|provider))\b|\b(?:mark|flag)(?:ed|ing)?\b[^.!?\n]{0,20}\b(?:spam|junk)\b|\bcease and desist\b|\bbreach of the (?:spam|privacy) act\b"),
    ("block", r"\b(?:blocked|blocking|block) (?:you(?: guys)?|your (?:e-?mail|address|domain|number|emails)|this (?:sender|address|domain))\b"),
)  # fmt: skip

_NOT_ONE: Final = re.compile(
    r"\b(?:hate|sad|reluctant|loath|silly|mad|crazy|shame) to (?:stop|opt|unsubscribe)|\b(?:do not|don't|dont) hesitate to\b[^.!?\n]*"
    r"|\bfeel free to\b[^.!?\n]*|\b(?:stop(?:s|ped|ping)?|drop) (?:by|in|past|over|off)\b|\bnon[ -]?stop\b|\bone[ -]stop\b"
    r"|\b(?:bus|tram|train|truck|pit|full|first|last|next) stop\b|\bstop(?:ped|s)? (?:losing|wasting|relying|spending|paying|doing|using|guessing|working|advertising|growing|the bleeding)\b"
    r"|\b(?:can't|cannot|couldn't|won't|didn't|don't|never) stop (?:thinking|laughing|talking|there|growing|now that)\b|\bdrop (?:me|us) (?:a|an) \w+"
    r"|\b(?:(?:our|their|the|your|high|low|email|an?) ){1,6}unsubscri\w+(?: rates?| links?| pages?| buttons?| forms?| numbers?|s)?\b|\bunsubscribe (?:rates?|links?|buttons?)\b"
    r"|\b(?:people|users|readers|subscribers|members|(?:our|my|their) (?:\w+ )?(?:customers?|clients?|patients?|subscribers?|members?|lists?|people|users))\b[^.!?\n]{0,40}\bunsubscrib\w+"
    r"|\b(?:reduce|fewer|less|lower|avoid) (?:the |our )?(?:spam|unsubscri\w+|opt[ -]?outs?)\b|\b(?:in|into|from|to|my|our|the|your) spam\b(?= folder| filter|[.,!?]|$| and| so| or)|\bspam (?:folder|filter|box)s?\b|\bjunk folder\b"
    r"|\b(?:more|better|our|do|doing|need|with) e-?mail (?:marketing|campaigns?)\b|\bi would ?n't (?:want to )?stop\b|\bquit(?:e)? (?:my|his|her|their) job\b"
)
"""What only sounds like one: taken out before the patterns look."""

_NOT_SURE: Final = re.compile(
    r"\b(?:do not|don't|dont|not) (?:want|wish|going|planning|mean|meaning|trying|asking) (?:you )?to (?:unsubscrib\w+|opt out|stop)\b"
    r"|\b(?:we|they|i|he|she|who)(?:'ve|'re|'ll|'d| have| had| are| will| would)? (?:(?!you\b|your\b|this\b|these\b|it\b|them\b|ask|said\b|told\b|demand|insist|want\b|like\b|please\b)[\w']+ ){0,4}(?:stop|cease|quit)\b"
    r"|\bopt(?:ing|ed)?[ -]?out of (?:the|your|a|any|that) (?:contract|lock|trial|plan|term|agreement|deal)\b"
    r"|\b(?:if|should) (?:i|we|you|they)\b[^.!?,\n]{0,40}\b(?:unsubscribe|opt out|stop|remove)\b|\bwhat (?:happens )?if\b[^.!?\n]*"
)
"""What may be one or not: only the patterns of what is possible look at it."""
_SOFTENED: Final = re.compile(
    r"\b(?:until|before|instead|rather than|is (?:better|best)|easier|unless|for now|right now|this (?:week|month)|(?:use|try|call|text|ring) (?:my|me on|the|this)|use \S{1,64}@\S{1,99}|but (?:do |please )?(?:call|text|ring|email|send|feel))\b"
)
"""In the sentence of the wish: another day or another way is wanted, so that a person should look."""

_POSSIBLE: Final[tuple[tuple[str, str], ...]] = (
    ("speaks of stopping", r"\b(?:stop|cease|quit|enough is enough|that's enough|for the last time)\b"),
    ("speaks of unsubscribing", r"\bunsubscri\w*|\bopt(?:ed|ing|s)?[ -]?(?:me |us )?out\b|\b(?:off|out of) (?:your|this) (?:\w+ )?(?:list|database|books|radar|mail)\w*|\bcount (?:me|us) out\b|\bun ?sub\b"),
    ("speaks of removal", r"\b(?:remove[sd]?|removal|delete[sd]?|erase[sd]?|take (?:me|us) (?:off|out)\b(?! (?:for|to)))"),
    ("speaks of spam or law", r"\bspam\w*|\bjunk mail\b|\bharass\w*|\bprivacy act\b|\bprivacy commissioner\b|\bacma\b|\bgdpr\b|\blawyers?\b|\bsolicitor'?s?\b|\bunsolicited\b|\bdo[ -]not[ -](?:call|contact)\b|\b(?:report|block)(?:ed|ing)? (?:you|this|the sender)\b"),
    ("wants no contact", rf"\b(?:do not|don't|dont|never|no longer|no need (?:to|for)|rather (?:you )?(?:not|didn't)|prefer (?:you )?(?:not|didn't)|can't you|why (?:do|are) you (?:keep )?)(?: [\w']+){{0,3}}? (?:{_SEND}|hear from|reach out|follow|chase|in touch|{_SENDING}|emailed|contacted|receiv\w+)\b"),
    ("wants no contact", r"\b(?:last|third|fourth|fifth) time (?:i|i've|i have|you)\b|\b(?:sick|tired|over) (?:of )?(?:your|these|all these|the constant)\b|\b(?:i|we) (?:have )?(?:never|didn't|did not) (?:sign|signed|ask|asked|subscribe|subscribed|consent|agree)\w*|\bnot appreciated\b|\bhow dare\b|\bwithdraw (?:my|our) consent\b|\bno contact\b|\bnot? (?:ever )?again\b|\bnever again\b|\bwho gave you\b"),
    ("asks angrily where the address is from", r"\b(?:where|how) (?:on earth |the \w+ )(?:did|have|do|are) you\b"),
)  # fmt: skip
_EVERYONE: Final = re.compile(
    r"\b(?:from|by|with) (?:you or |you and )?(?:anyone|anybody|any (?:of your|other|company|companies|agency|agencies|marketer|one)\w*)\b(?! (?:at|in|here))"
    r"|\b(?:all|any|every)(?: (?:of|one of)){0,6} (?:your|ur) (?:\w+ )?(?:lists?|clients?|databases?|systems?|companies|brands|partners)\b|\bevery list\b|\beverywhere\b"
    r"|\bany (?:list|database) (?:you|of yours)\b|\ball (?:the |mailing |marketing |e-?mail ){0,6}(?:lists|databases)\b|\ball marketing\b|\b(?:you or|nor) (?:any of )?your (?:clients|partners|customers)\b"
)
_COMPLAINT: Final = re.compile(
    r"\bspam(?:mer|mers|ming|med|s)?\b|\bacma\b|\baccc\b|\bprivacy (?:act|commissioner)\b|\boaic\b|\bharass\w*|\blegal action\b"
    r"|\bcease and desist\b|\breport(?:ed|ing)? (?:you|this|it|your)\b|\billegal\b|\bunsolicited\b|\blodg\w+ a complaint\b"
)
_ERASURE: Final = re.compile(
    r"\b(?:delete|erase|destroy|purge|wipe|remove)\b[^.!?\n]{0,40}\b(?:data|details|information|info|records?)\b|\bgdpr\b"
    r"|\bright to be forgotten\b|\b(?:data|details|information|records?) (?:to be )?(?:deleted|erased|destroyed)\b"
)


def read_opt_out(text: str) -> OptOut | None:
    """The wish to be left in peace in what a person wrote; None where nothing points to one."""
    meant = _NOT_ONE.sub(" # ", repaired(plain_words(text)))
    sure = _first(_SURE, _NOT_SURE.sub(" # ", meant))
    found = sure or _first(_POSSIBLE, meant)
    if found is None:
        return None
    rule, words, sentence = found
    return OptOut(
        sure=sure is not None and _SOFTENED.search(sentence) is None,
        scope=OptOutScope.EVERYONE if _EVERYONE.search(meant) else OptOutScope.CLIENT,
        rule=rule,
        words=words,
        complaint=_COMPLAINT.search(meant) is not None,
        erasure=_ERASURE.search(meant) is not None,
    )


def _first(table: tuple[tuple[str, str], ...], text: str) -> tuple[str, str, str] | None:
    """The first rule of ``table`` that finds something, what it found, and the sentence around that."""
    for rule, pattern in table:
        found = re.search(pattern, text)
        if found is not None:
            start = max(text.rfind(mark, 0, found.start() + 1) for mark in ".!?\n") + 1
            ends = [at for mark in ".!?\n" if (at := text.find(mark, found.end())) >= 0]
            return rule, found[0].strip(" .,;:!?\n")[:120], text[start : min(ends, default=len(text))]
    return None
