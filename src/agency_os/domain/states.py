"""Australian states and territories, and country names, read from what people write in lists and profiles.

Everything unknown reads as None: a wrong state would place a call in the wrong hours, a missing one is safe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """A state or mainland territory of Australia, by its postal abbreviation."""

    ACT = "ACT"
    NSW = "NSW"
    NT = "NT"
    QLD = "QLD"
    SA = "SA"
    TAS = "TAS"
    VIC = "VIC"
    WA = "WA"


STATE_NAMES: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.ACT: "Australian Capital Territory",
        State.NSW: "New South Wales",
        State.NT: "Northern Territory",
        State.QLD: "Queensland",
        State.SA: "South Australia",
        State.TAS: "Tasmania",
        State.VIC: "Victoria",
        State.WA: "Western Australia",
    }
)

_CITIES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "canberra": State.ACT,
        "sydney": State.NSW,
        "newcastle": State.NSW,
        "wollongong": State.NSW,
        "darwin": State.NT,
        "alice springs": State.NT,
        "brisbane": State.QLD,
        "gold coast": State.QLD,
        "sunshine coast": State.QLD,
        "cairns": State.QLD,
        "townsville": State.QLD,
        "toowoomba": State.QLD,
        "adelaide": State.SA,
        "hobart": State.TAS,
        "launceston": State.TAS,
        "melbourne": State.VIC,
        "geelong": State.VIC,
        "ballarat": State.VIC,
        "bendigo": State.VIC,
        "perth": State.WA,
        "fremantle": State.WA,
        "bunbury": State.WA,
    }
)
"""Cities large and unambiguous enough to stand for their state where a list gives nothing else."""

_STATE_WORDS: Final[Mapping[str, State]] = MappingProxyType(
    {state.value.casefold(): state for state in State}
    | {name.casefold(): state for state, name in STATE_NAMES.items()}
    | {"tassie": State.TAS, "qnsland": State.QLD, "south aus": State.SA, "west australia": State.WA}
)

_POSTCODES: Final[tuple[tuple[int, int, State], ...]] = (
    (200, 299, State.ACT),
    (800, 999, State.NT),
    (1000, 2599, State.NSW),
    (2600, 2618, State.ACT),
    (2619, 2899, State.NSW),
    (2900, 2920, State.ACT),
    (2921, 2999, State.NSW),
    (3000, 3999, State.VIC),
    (4000, 4999, State.QLD),
    (5000, 5999, State.SA),
    (6000, 6999, State.WA),
    (7000, 7999, State.TAS),
    (8000, 8999, State.VIC),
    (9000, 9999, State.QLD),
)
"""Australia Post's postcode ranges (post-office boxes and large users included)."""

_COUNTRIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "AE": ("united arab emirates", "uae"),
        "AT": ("austria",),
        "AU": ("australia", "aus", "commonwealth of australia", "oz", "au-australia"),
        "BE": ("belgium",),
        "BR": ("brazil",),
        "CA": ("canada",),
        "CH": ("switzerland",),
        "CN": ("china", "people's republic of china"),
        "DE": ("germany", "deutschland"),
        "DK": ("denmark",),
        "ES": ("spain",),
        "FI": ("finland",),
        "FJ": ("fiji",),
        "FR": ("france",),
        "GB": ("united kingdom", "uk", "great britain", "england", "scotland", "wales", "northern ireland", "gbr"),
        "HK": ("hong kong", "hong kong sar"),
        "ID": ("indonesia",),
        "IE": ("ireland",),
        "IL": ("israel",),
        "IN": ("india",),
        "IT": ("italy",),
        "JP": ("japan",),
        "KR": ("south korea", "korea", "republic of korea"),
        "LK": ("sri lanka",),
        "MX": ("mexico",),
        "MY": ("malaysia",),
        "NL": ("netherlands", "the netherlands", "holland"),
        "NO": ("norway",),
        "NZ": ("new zealand", "nzl", "aotearoa"),
        "PG": ("papua new guinea", "png"),
        "PH": ("philippines", "the philippines"),
        "PL": ("poland",),
        "PT": ("portugal",),
        "SE": ("sweden",),
        "SG": ("singapore", "sgp"),
        "TH": ("thailand",),
        "TW": ("taiwan",),
        "US": ("united states", "united states of america", "usa", "america"),
        "VN": ("vietnam", "viet nam"),
        "ZA": ("south africa",),
    }
)
"""ISO 3166-1 alpha-2 code to the names met in lists; others stay unread."""

_COUNTRY_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {name: code for code, names in _COUNTRIES.items() for name in (code.casefold(), *names)}
)


@lru_cache(maxsize=4096)
def read_state(text: str | None) -> State | None:
    """The state that ``text`` names: "NSW", "n.s.w.", "New South Wales", "Sydney NSW 2000", "AU-VIC", "Brisbane".

    None when nothing, or more than one state, is named, and where another country is ("Perth, Scotland").
    """
    if not text or read_country(text) not in (None, "AU"):
        return None
    words = _words(re.sub(r"(?i)\bau[-_/](?=[a-z]{2,3}\b)", "", text)).replace("-", " ")
    found = _STATE_WORDS.get(words) or _STATE_WORDS.get(words.replace(" ", "")) or _CITIES.get(words)
    if found is not None:
        return found
    named = {state for name, state in _STATE_WORDS.items() if _names(words, name)}
    if not named:
        named = {state for city, state in _CITIES.items() if _names(words, city)}
    return named.pop() if len(named) == 1 else None


def state_of_postcode(text: str | None) -> State | None:
    """The state of an Australian postcode; a leading zero lost by a spreadsheet ("800" for Darwin) is forgiven."""
    digits = (text or "").strip()
    if not re.fullmatch(r"[0-9]{3,4}", digits):
        return None
    number = int(digits)
    return next((state for low, high, state in _POSTCODES if low <= number <= high), None)


def read_country(text: str | None) -> str | None:
    """ISO 3166-1 alpha-2 code of the country that ``text`` names, None when it names none that is known here."""
    if not text:
        return None
    words = _words(text)
    found = _COUNTRY_WORDS.get(words) or _COUNTRY_WORDS.get(words.replace(" ", ""))
    if found is not None:
        return found
    last = _words(text.rsplit(",", 1)[-1])
    return _COUNTRY_WORDS.get(last)


def _words(text: str) -> str:
    """Lower-case words without punctuation but the apostrophe; "N.S.W." becomes "nsw"."""
    without_dots = re.sub(r"(?<=\b[^\W\d_])\.\s?(?=[^\W\d_]\b|\s|$|,)", "", text)
    return " ".join(re.sub(r"[^\w'\-]+", " ", without_dots.casefold()).split())


def _names(words: str, name: str) -> bool:
    return f" {name} " in f" {words} "
