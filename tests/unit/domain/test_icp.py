"""How a company and a title are matched against a client's profile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.icp import (
    NO_ICP,
    Icp,
    excluded_title,
    fits_location,
    fits_size,
    matching_industry,
    read_size,
)
from agency_os.domain.states import State


@pytest.mark.parametrize(
    ("industry", "wanted"),
    [
        ("Dental Services", "Dental"),
        ("Law Practice", "Legal Services"),
        ("Information Technology & Services", "IT services"),
        ("Real Estate", "Property"),
        ("Marketing and Advertising", "Advertising"),
        ("Restaurants", "Hospitality"),
        ("Health, Wellness and Fitness", "Healthcare"),
        ("Accounting", "Accountants"),
        ("Retail", "E-commerce"),
        ("dental", "DENTAL"),
    ],
)
def test_industries_of_one_meaning_match(industry: str, wanted: str) -> None:
    assert matching_industry(industry, ["Mining", wanted]) == wanted


@pytest.mark.parametrize(
    ("industry", "wanted"),
    [("Mining", "Dental"), ("services", "services"), ("", "Dental"), ("Dental", ""), ("Fitness", "Business")],
)
def test_other_industries_do_not_match(industry: str, wanted: str) -> None:
    assert matching_industry(industry, [wanted]) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("11-50", (11, 50)),
        ("51 to 200 employees", (51, 200)),
        ("1001–5000", (1001, 5000)),
        ("1,001-5,000", (1001, 5000)),
        ("1k-5k", (1000, 5000)),
        ("1,000+", (1000, None)),
        ("10K+", (10_000, None)),
        ("over 500", (500, None)),
        ("under 10", (1, 10)),
        ("<10", (1, 10)),
        ("7", (7, 7)),
        ("10-10", (10, 10)),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: tuple[int, int | None]) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "self-employed", "50-11"])
def test_what_is_no_size_reads_as_none(text: str) -> None:
    assert read_size(text) is None


@given(st.text(max_size=30))
def test_a_size_read_from_any_text_is_in_order(text: str) -> None:
    size = read_size(text)
    assert size is None or size[1] is None or size[0] <= size[1] or size[0] == 1


@pytest.mark.parametrize(("employees", "fits"), [(4, False), (5, True), (50, True), (51, False)])
def test_without_a_confirmed_size_5_to_50_fit(employees: int, fits: bool) -> None:
    unconfirmed = Icp(company_sizes=("1000+",))
    assert [fits_size(employees, icp) for icp in (NO_ICP, unconfirmed, Icp(confirmed=True))] == [fits] * 3


@pytest.mark.parametrize(
    ("employees", "fits"), [(10, False), (11, True), (50, True), (51, False), (500, True), (5_000_000, True)]
)
def test_any_of_the_confirmed_sizes_fits(employees: int, fits: bool) -> None:
    assert fits_size(employees, Icp(company_sizes=("11-50", "500+"), confirmed=True)) is fits


def test_sizes_that_cannot_be_read_leave_the_default() -> None:
    assert fits_size(20, Icp(company_sizes=("medium",), confirmed=True))


@pytest.mark.parametrize("icp", [NO_ICP, Icp(locations=("New Zealand",)), Icp(confirmed=True)])
def test_without_confirmed_places_australia_fits(icp: Icp) -> None:
    assert fits_location("AU", State.WA, icp)
    assert not fits_location("NZ", None, icp)


@pytest.mark.parametrize(
    ("country", "state", "fits"),
    [
        ("AU", State.VIC, True),
        (None, State.VIC, True),
        ("AU", State.NSW, False),
        ("AU", None, False),
        ("NZ", None, True),
        ("US", State.VIC, False),
        (None, None, False),
    ],
)
def test_states_and_countries_of_the_profile_fit(country: str | None, state: State | None, fits: bool) -> None:
    icp = Icp(locations=("Melbourne, Australia", "New Zealand"), confirmed=True)
    assert fits_location(country, state, icp) is fits


@pytest.mark.parametrize("place", ["New Zealand", "Victoria"])
def test_a_profile_of_other_places_alone_leaves_the_default_out(place: str) -> None:
    assert not fits_location("AU", State.WA, Icp(locations=(place,), confirmed=True))


def test_the_whole_country_includes_its_states() -> None:
    assert fits_location("AU", State.NT, Icp(locations=("Australia",), confirmed=True))


@pytest.mark.parametrize("title", ["Student", "Marketing Intern", "Retired", "Job Seeker", "Seeker of a job"])
def test_titles_that_never_buy_are_excluded(title: str) -> None:
    assert excluded_title(title, NO_ICP)


@pytest.mark.parametrize("title", ["Founder", "Internal Auditor", "Head of Marketing"])
def test_other_titles_are_not_excluded(title: str) -> None:
    assert excluded_title(title, NO_ICP) is None


def test_a_profile_names_its_own_excluded_titles() -> None:
    icp = Icp(excluded_titles=("HR manager",))
    assert excluded_title("Senior HR Mgr", icp) == "HR manager"
    assert excluded_title("Student", icp) is None
