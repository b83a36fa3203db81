"""Seniority read from a job title as people write it: "Founder & Director", "Snr. Account Mgr", "EA to the CEO".

Points per level are the blueprint's (Part 6, Authority) with design decision 24. A title is cut into the roles it
names; each role is judged by its words and its head noun, and the highest counts. What is not recognised counts 0.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final


class Seniority(StrEnum):
    """How much a person decides alone, highest first."""

    OWNER = "owner"
    C_LEVEL = "c_level"
    VP = "vp"
    DIRECTOR = "director"
    SENIOR_MANAGER = "senior_manager"
    MANAGER = "manager"
    OTHER = "other"


SENIORITY_POINTS: Final[Mapping[Seniority, int]] = MappingProxyType(
    {
        Seniority.OWNER: 25,
        Seniority.C_LEVEL: 22,
        Seniority.VP: 18,
        Seniority.DIRECTOR: 15,
        Seniority.SENIOR_MANAGER: 10,
        Seniority.MANAGER: 7,
        Seniority.OTHER: 0,
    }
)
"""Owner, founder, CEO and managing director stand on one level; head of stands beside senior manager."""

_LADDER: Final = tuple(Seniority)


def word_set(words: str) -> frozenset[str]:
    """The words of a blank-separated list, for tables that are easier read as one."""
    return frozenset(words.split())


_SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sr": "senior", "snr": "senior", "mgr": "manager", "mngr": "manager", "dir": "director", "exec": "executive",
        "asst": "assistant", "assoc": "associate", "gm": "general manager", "vice-president": "vp", "evp": "vp",
        "svp": "vp", "avp": "vp", "ceo": "ceo", "coceo": "ceo", "md": "md", "mng": "managing", "coowner": "owner",
        "cofounder": "founder", "codirector": "director", "founding-partner": "founder", "chairman": "chair",
        "chairwoman": "chair", "chairperson": "chair", "managers": "manager",
    }
)  # fmt: skip

_C_SUITE: Final = word_set(
    "cao cco cdo cfo chro cino cio ciso clo cmo coo cpo cro cso cto cxo cgo cbo ccio cpto chair president"
)
_CHIEF_OF: Final = word_set(
    "commercial compliance content creative customer data design digital experience financial finance growth human "
    "information innovation legal marketing medical operating operations people product revenue risk sales scientific "
    "strategy technical technology transformation"
)
_NOT_THE_COMPANYS: Final = word_set(
    "account application asset budget data domain dog home journey platform process product property risk service "
    "solution system technical"
)
"""An owner of one of these does not own the business: a product owner, a process owner."""

_AFTER_OWNER: Final = word_set("operator of director manager founder driver ceo chef dentist principal vet")
_SUPPORT: Final = word_set(
    "adviser advisor ambassador assistant associate coach consultant coordinator ea intern liaison mentor office pa "
    "receptionist recruiter representative secretary student support trainee"
)
"""A role whose head noun is one of these only stands near the level that it names: a CEO coach, a VP assistant."""

_NOT_NOW: Final = word_set("aspiring ex former formerly future past previously retired wannabe emeritus")
_MEDICAL: Final = word_set("doctor physician surgeon medicine clinic psychiatrist radiologist gp")
_OWNING: Final = word_set("owner proprietor founder franchisee")


@dataclass(frozen=True, slots=True)
class TitleReading:
    """The level found and the part of the title that shows it (empty when nothing does)."""

    seniority: Seniority
    evidence: str

    @property
    def points(self) -> int:
        """Authority points, 0–25."""
        return SENIORITY_POINTS[self.seniority]


@lru_cache(maxsize=4096)
def read_title(text: str) -> TitleReading:
    """The seniority that a job title names."""
    best = TitleReading(Seniority.OTHER, "")
    for role in _roles(text):
        level = _level(role)
        if _LADDER.index(level) < _LADDER.index(best.seniority):
            best = TitleReading(level, " ".join(role))
    return best


@lru_cache(maxsize=4096)
def title_words(text: str) -> tuple[str, ...]:
    """The words of a title in one spelling, lower case and without accents and possessives, roles not told apart."""
    return tuple(word for role in _roles(text) for word in role)


@lru_cache(maxsize=4096)
def _roles(text: str) -> tuple[tuple[str, ...], ...]:
    """The roles in a title, each as words: cut at punctuation, "and" and the company, without "to the …"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    for pattern, instead in _REWRITTEN:
        plain = pattern.sub(instead, plain)
    roles = (_spelled(_POSSESSIVE.sub(" ", part)) for part in _BETWEEN_ROLES.split(plain))
    return tuple(role for role in roles if role)


_REWRITTEN: Final = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\b([a-z])\.(?=[a-z]\b)", r"\1"),
        (r"\bvice[\s\-]*(president|chair\w*)", "vp"),
        (r"\bco[\s\-]+(?=founder|owner|director|ceo)", ""),
        (r"\bex-(?=\w)", "ex "),
        (r"\bfounding (partner|director|principal)", "founder"),
        (r"(\s@\s?|\sat\s).*", ""),
        (r"\b(office of|reporting to|reports to)\b.*", ""),
        # who serves somebody ends the list of own roles: "Assistant to the CEO & Founder" is an assistant
        (r"\bto\b.*", ""),
    )
)
_BETWEEN_ROLES: Final = re.compile(r"[,;|/&+()\[\]–—·•:]|\s-\s|\band\b")
_POSSESSIVE: Final = re.compile(r"\b\w+'s?\b")


def _spelled(part: str) -> tuple[str, ...]:
    words = _WORD.findall(part)
    return tuple(" ".join(_SPELLINGS.get(word, word) for word in words).split())


_WORD: Final = re.compile(r"[a-z0-9]+")


def _level(role: tuple[str, ...]) -> Seniority:
    words = set(role)
    if words & _NOT_NOW or role[-1] in _SUPPORT:
        return Seniority.OTHER
    level = next((level for level, holds in _TESTS if holds(role)), Seniority.OTHER)
    if "assistant" in words:
        return _below(level)
    # a deputy to the top is not the top; a deputy or associate director is still a director
    if words & {"deputy", "associate"} and level is Seniority.OWNER:
        return Seniority.C_LEVEL
    return level


def _below(level: Seniority) -> Seniority:
    return _LADDER[min(_LADDER.index(level) + 1, len(_LADDER) - 1)]


_LEADS: Final = re.compile(r"\bchief executive\b|\bmanaging (director|partner|principal|member)\b|\bequity partner\b")


def _owns_or_leads(role: tuple[str, ...]) -> bool:
    phrase = " ".join(role)
    if role == ("md",) or (role[-1] == "md" and not set(role) & _MEDICAL):
        return True
    if "ceo" in role or "sole trader" in phrase or _LEADS.search(phrase):
        return True
    return any(_owns_at(role, at) for at, word in enumerate(role) if word in _OWNING)


def _owns_at(role: tuple[str, ...], at: int) -> bool:
    if at > 0 and role[at - 1] in _NOT_THE_COMPANYS:
        return False
    return at == len(role) - 1 or role[at + 1] in _AFTER_OWNER


def _is_c_level(role: tuple[str, ...]) -> bool:
    if set(role) & _C_SUITE or role in (("partner",), ("senior", "partner"), ("principal",)):
        return True
    if "chief" not in role:
        return False
    after = role[role.index("chief") + 1 :]
    return bool(after) and (after[-1] == "officer" or "officer" in after or after[0] in _CHIEF_OF)


_HEADS: Final = re.compile(r"\bhead of\b|\bchief of staff\b|\b(general|group|national) (\w+ )?manager\b")


def _heads(role: tuple[str, ...]) -> bool:
    phrase = " ".join(role)
    if _HEADS.search(phrase):
        return True
    if "senior" in role and "manager" in role:
        return True
    return role == ("head",) or (len(role) > 1 and role[-1] == "head")


_TESTS: Final[tuple[tuple[Seniority, Callable[[tuple[str, ...]], bool]], ...]] = (
    (Seniority.OWNER, _owns_or_leads),
    (Seniority.VP, lambda role: "vp" in role),
    (Seniority.C_LEVEL, _is_c_level),
    (Seniority.DIRECTOR, lambda role: "director" in role),
    (Seniority.SENIOR_MANAGER, _heads),
    (Seniority.MANAGER, lambda role: "manager" in role),
)
"""In the order asked; the vice president before the president that he is not."""
