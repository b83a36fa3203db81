"""The day on which somebody says to be back, as Australians and their colleagues abroad write it."""

from __future__ import annotations

from datetime import date

import pytest

from agency_os.domain.absence_dates import return_date

_RECEIVED = date(2026, 3, 2)


@pytest.mark.parametrize(
    "text",
    [
        "I will be back on Monday 9 March.",
        "Returning 9th of March",
        "I return on 09/03/2026.",
        "away until March 9",
        "back 9/3",
        "I'm back in the office on 2026-03-09",
        "Our office reopens Monday 9 March",
        "Ich bin bis zum 9. März nicht im Büro",
        "de retour le 9 mars",
        "back next Monday",
        "on leave until the 6th, returning 9 March",
    ],
)
def test_the_day_back_is_read(text: str) -> None:
    assert return_date(text, _RECEIVED) == date(2026, 3, 9)


def test_the_day_stands_before_the_month_as_in_australia() -> None:
    assert return_date("back on 5/04/2026", _RECEIVED) == date(2026, 4, 5)


def test_in_december_people_are_back_in_january() -> None:
    assert return_date("back on 12 January", date(2026, 12, 18)) == date(2027, 1, 12)


@pytest.mark.parametrize("text", ["back on tomorrow", "I'll be back tomorrow"])
def test_tomorrow_is_the_day_after_receipt(text: str) -> None:
    assert return_date(text, _RECEIVED) == date(2026, 3, 3)


@pytest.mark.parametrize(
    "text",
    [
        "I was back on 9 January 2026.",
        "The meeting is on 9 March.",
        "call 0412 345 678",
        "back soon",
        "back on 31 February",
        "back in 2040-01-01",
        "",
    ],
)
def test_no_day_is_made_up(text: str) -> None:
    assert return_date(text, _RECEIVED) is None
