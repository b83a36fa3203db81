"""Repairs the words that decide whether somebody wants to be left in peace: "unsubcribe", "remvoe", "emailling".

Only words a slip or two away from one of a few are touched, and none that is a word of its own ("remote", "subscribe").
Promise: linear in the number of different words; the distance counts a swap of two neighbours as one slip.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_SLIPS: Final = {
    "unsubscribe": 2,
    "unsubscribed": 2,
    "unsubscribing": 2,
    "remove": 1,
    "delete": 1,
    "emailing": 1,
    "contacting": 1,
}
"""The word meant, and how many slips it may have."""
_OWN_WORDS: Final = frozenset(
    {"removed", "removes", "remover", "remote", "deleted", "deletes", "unsubscribes", "unsubscriber", "retailing"}
    | {"mailing", "contacting", "contracting", "entailing"}
)
_FIRST_LETTERS: Final = re.compile(r"^(?:[unoi][a-z]?s|us|un|nu|r|em|d|el|c|ea|me)")
_WORD: Final = re.compile(r"\b[a-z]{5,15}\b")
_APART: Final = re.compile(r"\bun[- ]subscri")


def repaired(text: str) -> str:
    """``text`` (lower case) with the misspelt words that matter put right."""
    return _WORD.sub(lambda found: _meant(found[0]), _APART.sub("unsubscri", text))


@lru_cache(maxsize=4096)
def _meant(word: str) -> str:
    if word in _SLIPS or word in _OWN_WORDS or not _FIRST_LETTERS.match(word):
        return word
    for meant, allowed in _SLIPS.items():
        if abs(len(word) - len(meant)) <= allowed and _distance(word, meant) <= allowed:
            return meant
    return word


def _distance(one: str, other: str) -> int:
    """Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, last, row = row, before, [at]
        for to, wanted in enumerate(other, start=1):
            cost = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != wanted))
            if at > 1 and to > 1 and letter == other[to - 2] and one[at - 2] == wanted:
                cost = min(cost, last[to - 2] + 1)
            row.append(cost)
    return row[-1]
