"""The day on which an absence note says that its writer is back.

Reads "back on Monday 12 January", "until 5/05/2026" (day first, as Australia writes), "bis zum 3. März" and the like.
Promise: a date is given only where one is said beside a word of returning; it lies after the day of receipt.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

_MONTHS: Final = (
    ("jan", "ene", "gen", "janv"),
    ("feb", "fév", "fev", "febbr"),
    ("mar", "mär", "mrt", "maa"),
    ("apr", "avr", "abr"),
    ("may", "mai", "mei", "maj", "mag"),
    ("jun", "juin", "giu"),
    ("jul", "juil", "lug"),
    ("aug", "aoû", "ago"),
    ("sep", "set"),
    ("oct", "okt", "ott", "out"),
    ("nov",),
    ("dec", "dez", "déc", "dic"),
)
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_MONTH: Final = r"(?P<month>[a-zäéû]{3,10})\.?"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.|er|º)?"
_YEAR: Final = r"(?:,?\s+(?:de\s+)?(?P<year>20\d\d))?"
_FORMS: Final = (
    re.compile(r"(?P<year>20\d\d)-(?P<number>\d{1,2})-(?P<day>\d{1,2})"),
    re.compile(r"(?P<day>\d{1,2})[/.](?P<number>\d{1,2})(?:[/.](?P<year>(?:20)?\d\d))?(?!\d)"),
    re.compile(rf"{_DAY}\s+(?:of\s+|de\s+)?{_MONTH}{_YEAR}"),
    re.compile(rf"\b{_MONTH}\s+{_DAY}(?!\d|:){_YEAR}"),
)
_RETURN: Final = re.compile(
    r"\b(?:back|return(?:s|ing)?|resum\w+|re-?opens?|re-?opening|until|till|til|through|available again|in the "
    r"office (?:again )?(?:on|from)"
    r"|bis|ab dem|wieder|zurück|jusqu'au|de retour|à partir du|hasta|regreso|de vuelta|fino al|rientr\w+"
    r"|tot(?: en met)?"
    r"|vanaf|terug|tillbaka|till och med)\b",
    re.IGNORECASE,
)
_REACH: Final = 70
"""How many characters after the word of returning its date may stand."""
_LONGEST: Final = timedelta(days=400)


def return_date(text: str, received: date) -> date | None:
    """The day the writer is back, after ``received`` and at most some 13 months away; None if the text says none."""
    plain = " ".join(text.replace("’", "'").split()).lower()
    found: list[date] = []
    for word in _RETURN.finditer(plain):
        near = plain[word.end() : word.end() + _REACH]
        day = _date_in(near, received) or _spoken_day(near, received)
        if day is not None and received < day <= received + _LONGEST:
            found.append(day)
    # "away until the 9th, back on the 12th": the later one
    return max(found, default=None)


def _date_in(text: str, received: date) -> date | None:
    matches = [match for form in _FORMS if (match := form.search(text)) is not None]
    for match in sorted(matches, key=lambda one: (one.start(), -one.end())):
        found = _from_match(match, received)
        if found is not None:
            return found
    return None


def _from_match(match: re.Match[str], received: date) -> date | None:
    parts = match.groupdict()
    month = int(parts["number"]) if parts.get("number") else _month(parts.get("month") or "")
    if month is None:
        return None
    said = parts.get("year")
    year = received.year if said is None else int(said) + (2000 if len(said) == 2 else 0)
    try:
        day = date(year, month, int(parts["day"]))
    except ValueError:
        return None
    if said is None and day <= received - timedelta(days=31):
        # a day of next year: in December people are back in January
        return _next_year(day)
    return day


def _next_year(day: date) -> date:
    return date(day.year + 1, day.month, min(day.day, 28) if day.month == 2 else day.day)


def _month(name: str) -> int | None:
    return next(
        (number for number, names in enumerate(_MONTHS, start=1) if name.startswith(names)),
        None,
    )


def _spoken_day(text: str, received: date) -> date | None:
    """Tomorrow, a weekday or next week, close behind the word of returning."""
    near = text[:30]
    if re.match(r"\W*(?:on )?tomorrow\b", near):
        return received + timedelta(days=1)
    if re.search(r"\bnext week\b", near):
        return received + timedelta(days=7 - received.weekday())
    named = re.search(rf"\b({'|'.join(_WEEKDAYS)})\b", near)
    if named is None:
        return None
    ahead = (_WEEKDAYS.index(named[1]) - received.weekday()) % 7
    return received + timedelta(days=ahead or 7)
