"""What a cell of a lead list says: names, addresses, websites, profiles, counts and days as people write them.

Text in, one normal form out, or None: what cannot be read is unknown, never made up. A day stands before its month.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from agency_os.kit.addresses import is_free_mail, normalise_email, registrable_domain

_READ: Final = 1_000
"""Characters of a cell that are looked at for an address."""

_TITLES: Final = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir"})
_AFTER_NAME: Final = re.compile(r"(?:(?:[A-Z]{2,5}|Ph\.?D\.?|Jr\.?|Sr\.?)[ ,]*)+")
_POST_NOMINALS: Final = frozenset("bcom bsc cfa cpa faicd gaicd ii iii jr llb llm maicd mba msc oam phd sr".split())
_PARTICLES: Final = frozenset(
    {"van", "von", "de", "di", "da", "del", "der", "la", "le", "el", "al", "bin", "mac", "st"}
)
_PROFILE: Final = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)?linkedin\.com/(?:in/([^/?#\s]+)|pub/([^/?#\s]+)/?(?:[?#\s]|$))", re.IGNORECASE
)
_SHARED_HOSTS: Final = frozenset(
    """
    about.me business.site canva.site carrd.co clutch.co crunchbase.com etsy.com facebook.com fb.com fb.me g.co g.page
    github.com google.com google.com.au instagram.com linkedin.com linktr.ee lnkd.in medium.com oneflare.com.au
    pinterest.com productreview.com.au seek.com.au squarespace.com substack.com threads.net tiktok.com truelocal.com.au
    twitter.com webnode.com weebly.com wix.com wordpress.com x.com yellowpages.com.au yelp.com youtube.com
    """.split()
)
"""Hosts on which anybody has a page: such an address names no company, but for the host's own."""

_YES: Final = frozenset("yes y true t 1 x ja".split())
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_ISO_DAY: Final = re.compile(r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2}))(?!\d)|(?:(\d{4})(\d\d)(\d\d))\b")
_LOCAL_DAY: Final = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})\b")
_DAY_IN_WORDS: Final = re.compile(
    r"\b(?:(\d{1,2})(?:st|nd|rd|th)?[ .-]+([a-z]{3,9})|([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?)[ .,-]+(\d{4}|\d{2})\b"
)
_COUNT: Final = re.compile(r"(\d+(?:\.\d+)?)(?:\s*([km])(?![a-z]))?")


def split_name(full: str) -> tuple[str, str]:
    """First and last name of "Dr Ann van der Berg", "BERG, Ann", "Ann Berg, CPA", "Ann Berg PhD (she/her)"; of one word
    the last is empty."""
    full = re.sub(r"\([^()]*\)", " ", full)
    before, comma, after = (part.strip() for part in full.partition(","))
    if comma and _AFTER_NAME.fullmatch(after) and " " in before and not before.isupper():
        full = before
    elif comma:
        return (after.split(" ")[0] if after else ""), before
    words = [word for word in full.split() if word.strip(".").casefold() not in _TITLES]
    while len(words) > 2 and words[-1].replace(".", "").casefold() in _POST_NOMINALS:
        words.pop()
    if len(words) < 2:
        return (words[0] if words else ""), ""
    start = len(words) - 1
    while start > 1 and words[start - 1].casefold() in _PARTICLES:
        start -= 1
    return words[0], " ".join(words[start:])


def cased(name: str) -> str:
    """A name that was written all in capitals or all in small letters, as people write it."""
    if not (name.isupper() or name.islower()) or len(name) < 3:
        return name
    return re.sub(r"[^\W\d_]+", lambda word: word[0].capitalize(), name.lower())


def read_email(text: str) -> str | None:
    """The address in "ann@acme.com.au", "Ann Smith <ann@…>", "mailto:ann@…"; of several the first; else None."""
    parts = (text[:_READ], *re.split(r"[;,|<>]+", text[:_READ]))
    bare = (re.sub(r"(?i)^\s*mailto:", "", part) for part in parts if "@" in part)
    return next((address for part in bare if (address := normalise_email(part)) is not None), None)


def read_website(text: str) -> str | None:
    """The registrable domain of a company's own website, of several the first; None for a page on a host that gives
    pages to anybody, such as Facebook, by which two companies would be taken for one."""
    first = re.split(r"[\s;,|]+", text[:_READ].strip().lower(), maxsplit=1)[0]
    bare = re.sub(r"^https?[:/]+", "", first)
    domain = registrable_domain(bare)
    if domain is None or is_free_mail(domain):
        return None
    host, _, page = bare.partition("/")
    if domain in _SHARED_HOSTS and (page or host not in {domain, f"www.{domain}"}):
        return None
    return domain


def read_profile(text: str) -> str | None:
    """The one form of a person's LinkedIn address; None for a company's page, and for an old address with numbers,
    which is not the person of that name today."""
    found = _PROFILE.search(text)
    return f"https://www.linkedin.com/in/{(found[1] or found[2]).rstrip('.,').lower()}" if found is not None else None


def read_count(text: str) -> int | None:
    """Employees in "25", "1,200", "10k+", "11-50" (the middle of a range), "51 to 200", "500+"; else None."""
    plain = re.sub(r"(?<=\d)[,. ](?=\d{3}(?!\d))", "", text[:80].casefold())
    units = {"": 1, "k": 1_000, "m": 1_000_000}
    numbers = [float(number) * units[unit] for number, unit in _COUNT.findall(plain)[:2]]
    if not numbers:
        return None
    middle = sum(numbers) / len(numbers)
    return round(middle) if 1 <= middle < 10_000_000 else None


def read_day(text: str) -> date | None:
    """A day as "2026-03-02", "2/3/2026" (day first, as written in Australia), "02.03.26", "2 March 2026"; else None."""
    if (iso := _ISO_DAY.match(text)) is not None:
        return _day(*(part for part in iso.groups() if part is not None))
    if (local := _LOCAL_DAY.match(text)) is not None:
        return _day(local[3], local[2], local[1])
    if (words := _DAY_IN_WORDS.search(text[:80].casefold())) is not None:
        name = words[2] or words[3]
        month = next((at for at, month in enumerate(_MONTHS, start=1) if month.startswith(name)), 0)
        return _day(words[5], str(9 if name == "sept" else month), words[1] or words[4])
    return None


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))
    except ValueError:
        return None


def read_year(text: str) -> int | None:
    """A year of foundation; else None."""
    found = re.search(r"\b(1[6-9]\d\d|20\d\d)\b", text)
    return int(found[1]) if found else None


def read_flag(text: str) -> bool | None:
    """Whether a cell says yes; None when it says nothing."""
    return text.casefold() in _YES if text else None
