"""Cells of real lists are read as their writers meant them, and what cannot be read is unknown."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.import_values import (
    read_count,
    read_day,
    read_email,
    read_profile,
    read_website,
    read_year,
    split_name,
)
from agency_os.kit.addresses import normalise_email

DAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    "text",
    [
        "ann@acme.com.au",
        "Ann Smith <ann@acme.com.au>",
        "mailto:ann@acme.com.au",
        "Mailto: Ann@ACME.com.au",
        "ann@acme.com.au; bob@acme.com.au",
        "none, ann@acme.com.au",
    ],
)
def test_the_address_is_found_in_what_stands_around_it(text: str) -> None:
    assert read_email(text) == "ann@acme.com.au"


@pytest.mark.parametrize("text", ["", "n/a", "ann at acme", "ann smith@acme.com.au", "@acme.com.au", "ann@", ";;;@;"])
def test_no_address_is_made_of_a_broken_one(text: str) -> None:
    assert read_email(text) is None


@given(st.text(max_size=60))
def test_an_address_is_always_in_its_normal_form(text: str) -> None:
    found = read_email(text)
    assert found is None or normalise_email(found) == found


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://www.acme.com.au/about", "acme.com.au"),
        ("http//acme.com.au", "acme.com.au"),
        ("http:/acme.com.au", "acme.com.au"),
        ("acme.com.au; acme.com", "acme.com.au"),
        ("acme.com.au, acme.com", "acme.com.au"),
        ("linkedin.com", "linkedin.com"),
        ("https://www.linkedin.com/", "linkedin.com"),
        ("acme.wixsite.com/home", "acme.wixsite.com"),
    ],
)
def test_a_companys_own_website_names_it(text: str, domain: str) -> None:
    assert read_website(text) == domain


@pytest.mark.parametrize(
    "text",
    [
        "https://www.facebook.com/acme",
        "linkedin.com/company/acme",
        "https://sites.google.com/view/acme",
        "acme.squarespace.com",
        "linktr.ee/acme",
        "gmail.com",
        "n/a",
        "-",
        "",
    ],
)
def test_a_page_where_anybody_has_one_names_no_company(text: str) -> None:
    assert read_website(text) is None


@pytest.mark.parametrize(
    "text",
    ["linkedin.com/in/Ann-Smith", "https://au.linkedin.com/in/ann-smith/?x=1", "http://www.linkedin.com/pub/ann-smith"],
)
def test_a_profile_has_one_form(text: str) -> None:
    assert read_profile(text) == "https://www.linkedin.com/in/ann-smith"


@pytest.mark.parametrize(
    "text", ["linkedin.com/pub/ann-smith/1/2/3", "linkedin.com/company/acme", "linkedin.com", "ann-smith", ""]
)
def test_no_profile_is_made_of_another_page(text: str) -> None:
    assert read_profile(text) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("10k+", 10_000),
        ("1k-5k", 3_000),
        ("1.5K", 1_500),
        ("1M", 1_000_000),
        ("1 000", 1_000),
        ("1.200", 1_200),
        ("25.0", 25),
        ("1,001 - 5,000", 3_000),
        ("10,001+", 10_001),
        ("2-10 employees", 6),
        ("10members", 10),
        ("0", None),
        ("self-employed", None),
    ],
)
def test_employees_are_counted_as_they_are_written(text: str, count: int | None) -> None:
    assert read_count(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02", "2026/03/02", "20260302", "2/3/2026", "2 March 2026", "2nd March 2026", "2-Mar-26",
        "March 2, 2026", "Mon, 2 Mar 2026", "Mar 2nd 2026",
    ],
)  # fmt: skip
def test_a_day_is_read_in_every_usual_way(text: str) -> None:
    assert read_day(text) == DAY


@pytest.mark.parametrize("text", ["March 2026", "46000", "2 Marble 2026", "31 February 2026", "2 Sep", "20261402", "-"])
def test_what_names_no_day_is_none(text: str) -> None:
    assert read_day(text) is None


def test_september_is_known_by_its_common_short_form() -> None:
    assert read_day("1 Sept 2025") == date(2025, 9, 1)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("John Smith (CEO)", ("John", "Smith")),
        ("Dr. Ann Smith PhD", ("Ann", "Smith")),
        ("Ann Smith Ph.D. MBA", ("Ann", "Smith")),
        ("Ann (she/her) Smith", ("Ann", "Smith")),
        ("Yo Yo Ma", ("Yo", "Ma")),
        ("Ann Cpa", ("Ann", "Cpa")),
    ],
)
def test_what_stands_beside_a_name_is_no_part_of_it(text: str, name: tuple[str, str]) -> None:
    assert split_name(text) == name


@given(st.text(max_size=200))
def test_any_text_is_read_or_unknown(text: str) -> None:
    count, year = read_count(text), read_year(text)
    assert count is None or 0 < count < 10_000_000
    assert year is None or 1600 <= year < 2100
    split_name(text), read_day(text), read_website(text), read_profile(text)
