"""The ideal customer profile (ICP): whom a client wants to reach, and how a company is matched against it.

Company fit of the ALS is judged against the confirmed profile; before one is confirmed the blueprint's defaults hold
(5–50 employees, Australia) and an industry matches nothing (design decision 24).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from agency_os.domain.als import DEFAULT_COUNTRY, DEFAULT_SIZE
from agency_os.domain.states import State, read_country, read_state
from agency_os.domain.titles import title_words, word_set

DEFAULT_EXCLUDED_TITLES: Final = (
    "student", "intern", "trainee", "apprentice", "volunteer", "retired", "unemployed", "job seeker",
)  # fmt: skip
"""Titles that never buy; a client's profile may name others instead."""


@dataclass(frozen=True, slots=True)
class Icp:
    """A client's profile as stored in the ``icp_*`` columns; it counts only once ``confirmed``.

    ``company_sizes`` are ranges as text ("11-50", "200+"), ``locations`` countries, states or cities,
    ``competitor_domains`` registrable domains.
    """

    industries: tuple[str, ...] = ()
    company_sizes: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    excluded_titles: tuple[str, ...] = DEFAULT_EXCLUDED_TITLES
    competitor_domains: tuple[str, ...] = ()
    confirmed: bool = False


NO_ICP: Final = Icp()
"""What holds before a client has confirmed a profile."""

_NOISE: Final = word_set("and or of the for in services service industry industries sector company companies")

_SAME: Final[Mapping[str, str]] = MappingProxyType(
    {
        "law": "legal", "lawyer": "legal", "attorney": "legal", "saas": "software", "fintech": "financial",
        "finance": "financial", "realestate": "property", "estate": "property", "real": "property",
        "healthcare": "health", "medical": "health", "wellness": "health", "building": "construction",
        "builder": "construction", "accountant": "accounting", "accountancy": "accounting", "dentist": "dental",
        "ecommerce": "retail", "advertising": "marketing", "hospitality": "hospitality", "restaurant": "hospitality",
        "educational": "education", "insurer": "insurance", "it": "technology", "tech": "technology",
        "manufacturer": "manufacturing", "logistic": "logistics", "transportation": "transport",
    }
)  # fmt: skip
"""Words of one meaning in the industry lists of Apollo, LinkedIn and people."""


@lru_cache(maxsize=4096)
def _industry_words(text: str) -> frozenset[str]:
    plain = text.casefold().replace("e-commerce", "ecommerce").replace("fin-tech", "fintech")
    words = (word.rstrip("s") if len(word) > 4 else word for word in re.findall(r"[a-z0-9]+", plain))
    same = {_SAME.get(word, word) for word in words if word not in _NOISE}
    return frozenset(word.rstrip("s") if len(word) > 4 else word for word in same) - _NOISE


def matching_industry(industry: str, wanted: Iterable[str]) -> str | None:
    """The first of ``wanted`` that ``industry`` fits: the words of one contain those of the other."""
    own = _industry_words(industry)
    for name in wanted:
        words = _industry_words(name)
        if own and words and (own <= words or words <= own):
            return name
    return None


def read_size(text: str) -> tuple[int, int | None] | None:
    """Employees from–to (None is no upper end) of "11-50", "51 to 200 staff", "1,000+", "1k-5k", "under 10"; else
    None."""
    plain = re.sub(r"(?i)(?<=\d)k\b", "000", re.sub(r"(?<=\d),(?=\d{3}\b)", "", text))
    numbers = [int(number) for number in re.findall(r"\d+", plain)]
    if not numbers:
        return None
    low, high = numbers[0], numbers[-1]
    if len(numbers) > 1:
        return (low, high) if low <= high else None
    if re.search(r"\+|over|more|above|from", text.casefold()):
        return low, None
    if re.search(r"under|below|less|<|up to", text.casefold()):
        return 1, low
    return low, low


def fits_size(employees: int, icp: Icp) -> bool:
    """Whether a company of ``employees`` is of a wanted size; 5–50 where no size is confirmed."""
    return any(low <= employees and (high is None or employees <= high) for low, high in _wanted_sizes(icp))


@lru_cache(maxsize=256)
def _wanted_sizes(icp: Icp) -> tuple[tuple[int, int | None], ...]:
    ranges = tuple(size for text in icp.company_sizes if (size := read_size(text))) if icp.confirmed else ()
    return ranges or (DEFAULT_SIZE,)


def fits_location(country: str | None, state: State | None, icp: Icp) -> bool:
    """Whether a company in ``country`` (ISO code) and, in Australia, ``state`` is where the client wants to sell."""
    countries, states = _wanted_places(icp)
    if country in countries:
        return True
    return country in (None, DEFAULT_COUNTRY) and state in states


@lru_cache(maxsize=256)
def _wanted_places(icp: Icp) -> tuple[frozenset[str], frozenset[State]]:
    if not icp.confirmed:
        return frozenset({DEFAULT_COUNTRY}), frozenset()
    # "Melbourne, Australia" wants a state, "Australia" the country
    states = {text: read_state(text) for text in icp.locations}
    countries = frozenset(code for text, state in states.items() if state is None and (code := read_country(text)))
    wanted_states = frozenset(state for state in states.values() if state is not None)
    if not countries and not wanted_states:
        return frozenset({DEFAULT_COUNTRY}), frozenset()
    return countries, wanted_states


def excluded_title(title: str, icp: Icp) -> str | None:
    """The excluded title whose words all stand in ``title``, None when there is none."""
    words = set(title_words(title))
    return next((name for name in icp.excluded_titles if (own := set(title_words(name))) and own <= words), None)
