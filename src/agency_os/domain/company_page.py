"""What a company says of itself on its own website, read by rules: since when, how many, hiring, in Australia.

Pure. A rule takes only what is said outright; a page that says two different things says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

_FOUNDED: Final = re.compile(
    r"(?:\b(?:founded|established|est\.?|opened our doors)(?: in)?"
    r"|(?:\b(?:we have been here|we(?:'|’)ve been here|operating|trading|in business|family owned|©)|^|[.!\n])\s*since)"
    r"\s+((?:18|19|20)\d\d)\b",
    re.IGNORECASE,
)
_NUMBER: Final = r"(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d{1,5})(?![\d+]|,\d)"
_STAFF: Final = re.compile(
    rf"\b(?:team|staff|crew|family) of (?:over |more than |about |around |some )?{_NUMBER}(?! years)"
    rf"|(?<!with )(?<!businesses of ){_NUMBER}(?: (?:full[- ]time|dedicated|local|friendly|qualified|experienced))? "
    r"(?:employees|staff members|staff|team members|people on our team)\b",
    re.IGNORECASE,
)
_HIRING: Final = re.compile(
    r"\b(?:we(?:'|’| a)re (?:currently )?hiring|now hiring|join our team|current vacancies|current openings|"
    r"open positions|positions vacant|we(?:'|’| a)re looking for an? [\w -]{3,40} to join)\b",
    re.IGNORECASE,
)
_NOT_HIRING: Final = re.compile(
    r"\bno (?:current|open) (?:vacancies|positions|openings)\b|\bnot (?:currently )?hiring\b", re.IGNORECASE
)
# An ABN is eleven digits with a check digit (abr.business.gov.au, "Format of the ABN").
_ABN: Final = re.compile(r"\bA\.?B\.?N\.?:?\s*((?:\d\s?){11})\b", re.IGNORECASE)
_ABN_WEIGHTS: Final = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
_AUSTRALIAN_PHONE: Final = re.compile(r"(?:\+61\s?\(?0?\)?\s?[2-478]|\(0[2378]\)|\b1300\s\d{3}\s\d{3}\b)")
AUSTRALIA: Final = "Australia"


@dataclass(frozen=True, slots=True)
class CompanyPage:
    """What was said; None is not said. ``employee_count`` counts people."""

    founded_year: int | None = None
    employee_count: int | None = None
    is_hiring: bool | None = None
    country: str | None = None


def read_company_pages(texts: Iterable[str], domain: str, today: date) -> CompanyPage:
    """What the pages of the website at ``domain`` say of their company; ``today`` bounds the year of its founding."""
    text = "\n".join(texts)
    if not text.strip():
        return CompanyPage()
    years = {int(found) for found in _FOUNDED.findall(text) if int(found) <= today.year}
    said = {int((a or b).replace(",", "")) for a, b in _STAFF.findall(text)}
    counts = {count for count in said if count > 0}
    return CompanyPage(
        founded_year=years.pop() if len(years) == 1 else None,
        employee_count=counts.pop() if len(counts) == 1 else None,
        is_hiring=_is_hiring(text),
        country=AUSTRALIA if _is_australian(text, domain) else None,
    )


def _is_hiring(text: str) -> bool | None:
    if _NOT_HIRING.search(text):
        return False
    return True if _HIRING.search(text) else None


def _is_australian(text: str, domain: str) -> bool:
    if domain.endswith(".au") or _AUSTRALIAN_PHONE.search(text):
        return True
    return any(_is_abn(re.sub(r"\s", "", found)) for found in _ABN.findall(text))


def _is_abn(digits: str) -> bool:
    numbers = [int(digit) for digit in digits]
    numbers[0] -= 1
    return sum(number * weight for number, weight in zip(numbers, _ABN_WEIGHTS, strict=True)) % 89 == 0
