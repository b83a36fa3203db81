"""A person's text made even for rules to read, and freed of what stands below every mail of theirs.

Mail programs wrap lines, phones write curly quotes, and companies add disclaimers that speak of deleting: none of it
is what the person wants. Promise: words are never reordered; only greetings' company and boilerplate are cut.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LONGEST: Final = 20_000
"""Characters that rules look at; of a longer text its beginning and its end, where people say what they want."""
_WRAPPED: Final = 40
"""A line at least this long that ends without a stop goes on in the next one."""

_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"', "–": "-", "—": "-"})

_BOILERPLATE: Final = re.compile(
    r"\bconfidential|\b(?:received?|receipt of) (?:this|it|the)\b.{0,40}\b(?:in error|by mistake)\b"
    r"|\bintended (?:only|solely|recipient)"
    r"|\b(?:legally )?privileged\b|\bconsider the environment\b|\bvirus(?:es)?\b.{0,60}\battachments?\b"
    r"|\btraditional (?:custodians|owners)\b|\belders past\b|\bunauthori[sz]ed (?:use|disclosure|copying)\b"
    r"|\bliability limited by\b"
    r"|\b(?:delete|destroy) (?:it|(?:this|the) (?:e-?mail|message|transmission)|all copies|any copies)\b"
    r"|\bviews expressed\b|\bnotify (?:us|the sender)\b.{0,60}\bdelet|\bnot the intended\b",
    re.IGNORECASE,
)
_LONGEST_SIGN_OFF: Final = 60
_SIGN_OFF: Final = re.compile(
    r"^(?:(?:kind(?:est)?|best|warm(?:est)?|many|with|kindly|yours|cheers and|thanks and|thank you and)[ ,&]*)*"
    r"(?:regards|rgds|kr|thanks(?: again| in advance| so much)?|thanx|thank you|thx|cheers|ta|best|best wishes|wishes"
    r"|sincerely|truly"
    r"|faithfully|hooroo|all the best|take care|warmly|speak soon|talk soon)(?: mate| guys| all)?[\s,.!]*$",
    re.IGNORECASE,
)
_GREETING: Final = re.compile(
    r"^(?:hi|hello|hey|g'?day|dear|good (?:morning|afternoon|day|evening)|morning|afternoon)\b[\w ,'.!-]{0,40}$"
    r"|^[\w'-]{2,20},$",
    re.IGNORECASE,
)


def plain_words(text: str) -> str:
    """``text`` in lower case with straight quotes, single spaces and wrapped lines joined; lines stay lines."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}\n{text[-_LONGEST // 2 :]}"
    even = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    lines = [" ".join(line.split()) for line in even.split("\n")]
    joined = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        goes_on = bool(following) and bool(line) and line[-1] not in ".!?:;,"
        wraps = goes_on and (len(line) >= _WRAPPED or following[0].islower())
        joined += line + (" " if wraps or (line.endswith(",") and following[:1].islower()) else "\n")
    return joined.strip().casefold()


def split_sign_off(own: str) -> tuple[str, str]:
    """What was said, and what stands below the sign-off ("Kind regards,"), both without a company's boilerplate.

    Without a sign-off below at least one line of its own the second is empty.
    """
    lines = _without_boilerplate(own).split("\n")
    said = False
    for index, line in enumerate(lines):
        words = line.strip()
        if said and len(words) < _LONGEST_SIGN_OFF and _SIGN_OFF.match(words):
            return "\n".join(lines[:index]).strip(), "\n".join(lines[index + 1 :]).strip()
        said = said or _is_said(words)
    return "\n".join(lines).strip(), ""


def _is_said(line: str) -> bool:
    return bool(line) and not _GREETING.match(line)


def _without_boilerplate(own: str) -> str:
    """Without the sentences of a company's footer; what comes first in a mail is the person's own in any case."""
    kept: list[str] = []
    said = False
    for paragraph in re.split(r"\n[^\S\n]*\n", own):
        if said and _BOILERPLATE.search(paragraph):
            sentences = re.split(r"(?<=[.!?])\s+", " ".join(paragraph.split()))
            kept.append(" ".join(one for one in sentences if not _BOILERPLATE.search(one)))
        else:
            kept.append(paragraph)
        said = said or any(_is_said(line.strip()) for line in paragraph.split("\n"))
    return "\n\n".join(kept)
