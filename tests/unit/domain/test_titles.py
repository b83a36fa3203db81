"""Seniority read from job titles as people write them (blueprint Part 6, decision 24)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.titles import SENIORITY_POINTS, Seniority, read_title, title_words

LEVELS = {
    Seniority.OWNER: (
        "Owner|Founder|Co-Founder|CEO|C.E.O.|Chief Executive Officer|Chief Executive|Managing Director|MD|"
        "Founder & Director|Owner/Operator|Small Business Owner|Sole Trader|Managing Partner|Proprietor|Propriétaire "
        "Owner|CEO at Acme|Founder @ Acme|CEO, Acme Pty Ltd|President & CEO|CTO & Co-founder|Founding Partner|Co-CEO|"
        "Interim CEO|CEO & Former CFO"
    ),
    Seniority.C_LEVEL: (
        "CFO|CMO|C.F.O.|Chief Financial Officer|Chief Marketing Officer|Chief Happiness Officer|President|Chairman|"
        "Partner|Principal|Deputy CEO"
    ),
    Seniority.VP: "VP Marketing|Vice President|Vice-President of Sales|SVP|EVP, Growth|Vice President of Operations",
    Seniority.DIRECTOR: (
        "Director|Creative Director|Director - Sales|Company Director|Associate Director|Deputy Director|"
        "Assistant Vice President|Director of Marketing"
    ),
    Seniority.SENIOR_MANAGER: (
        "Head of Marketing|Marketing Head|Head|Senior Manager|Snr. Account Mgr|General Manager|"
        "Senior Marketing Manager|GM|National Sales Manager|Chief of Staff|Global Head of Sales"
    ),
    Seniority.MANAGER: "Manager|Marketing Manager|Operations Mgr|People & Culture Manager|Office Manager",
    Seniority.OTHER: (
        "Copywriter|Marketing Coordinator|Product Owner|Process Owner|Executive Assistant to the CEO|EA to the CEO|"
        "Assistant to the CEO & Founder|PA to Managing Director|Office of the CEO|Former CEO|Ex-CEO|Retired Founder|"
        "CEO Coach|Founder's Associate|Head Chef|Chief Nurse|Doctor MD|Company Secretary|Student||  |???"
    ),
}
CASES = [(title, level) for level, titles in LEVELS.items() for title in titles.split("|")]


@pytest.mark.parametrize(("title", "level"), CASES)
def test_a_title_shows_its_level(title: str, level: Seniority) -> None:
    assert read_title(title).seniority is level


@pytest.mark.parametrize(
    ("level", "points"),
    [
        (Seniority.OWNER, 25),
        (Seniority.C_LEVEL, 22),
        (Seniority.VP, 18),
        (Seniority.DIRECTOR, 15),
        (Seniority.SENIOR_MANAGER, 10),
        (Seniority.MANAGER, 7),
        (Seniority.OTHER, 0),
    ],
)
def test_a_level_has_its_points(level: Seniority, points: int) -> None:
    assert SENIORITY_POINTS[level] == points


def test_every_level_has_points() -> None:
    assert set(SENIORITY_POINTS) == set(Seniority)


def test_of_several_roles_the_highest_counts_and_is_shown() -> None:
    assert read_title("Marketing Manager and Director").evidence == "director"


def test_nothing_recognised_shows_nothing() -> None:
    assert (read_title("Copywriter").evidence, read_title("Copywriter").points) == ("", 0)


@pytest.mark.parametrize(
    "title", ["MARKETING DIRECTOR", "marketing director", "Marketing  Director", "Márketing Director"]
)
def test_case_blanks_and_accents_do_not_matter(title: str) -> None:
    assert read_title(title).evidence == "marketing director"


def test_words_come_in_one_spelling() -> None:
    assert title_words("Snr. Account Mgr & Co-Founder") == ("senior", "account", "manager", "founder")


@given(st.text(max_size=60))
def test_any_text_reads_as_some_level(text: str) -> None:
    assert read_title(text).points in SENIORITY_POINTS.values()
