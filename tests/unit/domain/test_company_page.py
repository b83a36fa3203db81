"""What a company's own pages say, and what they leave open."""

from __future__ import annotations

from datetime import date

import pytest

from agency_os.domain.company_page import CompanyPage, read_company_pages

TODAY = date(2026, 11, 25)


def read(text: str, domain: str = "acme.example") -> CompanyPage:
    return read_company_pages([text], domain, TODAY)


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("Founded in 1998 by two sisters.", 1998),
        ("Family owned since 1962", 1962),
        ("Est. 2004. Est. 2004.", 2004),
        ("Established 1950, founded in 1998", None),
        ("Established 1950, and a customer since 2001", 1950),
        ("A customer since 2001", None),
        ("We have been here since 1971.", 1971),
        ("Established in 2031", None),
        ("In 1998 we won an award.", None),
    ],
)
def test_the_year_of_founding_is_taken_where_one_is_said(text: str, year: int | None) -> None:
    assert read(text).founded_year == year


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("We are a team of 25.", 25),
        ("A team of over 140 looks after you", 140),
        ("12 employees in two offices", 12),
        ("30 friendly staff", 30),
        ("1,200 employees", 1200),
        ("a team of 1,200", 1200),
        ("We work for businesses with 200+ employees", None),
        ("a team of 25, and 12 employees", None),
        ("team of 20 years standing", None),
        ("0 employees", None),
    ],
)
def test_the_head_count_is_taken_where_one_is_said(text: str, count: int | None) -> None:
    assert read(text).employee_count == count


@pytest.mark.parametrize(
    ("text", "hiring"),
    [
        ("We're hiring! Join our team.", True),
        ("Current vacancies: dental nurse", True),
        ("There are no current vacancies. Join our team another time.", False),
        ("Our team is happy.", None),
    ],
)
def test_hiring_is_said_outright_or_not_known(text: str, hiring: bool | None) -> None:
    assert read(text).is_hiring is hiring


@pytest.mark.parametrize(
    ("text", "domain", "country"),
    [
        ("Call +61 2 5550 1234", "acme.example", "Australia"),
        ("Call (07) 5550 1234", "acme.example", "Australia"),
        ("Ring 1300 975 707", "acme.example", "Australia"),
        ("ABN 51 824 753 556", "acme.example", "Australia"),
        ("ABN 51 824 753 557", "acme.example", None),
        ("Hello", "acme.com.au", "Australia"),
        ("We love Australia", "acme.example", None),
    ],
)
def test_a_company_is_australian_by_its_domain_phone_or_a_true_abn(text: str, domain: str, country: str | None) -> None:
    assert read(text, domain).country == country


def test_no_pages_say_nothing() -> None:
    assert read_company_pages([], "acme.com.au", TODAY) == CompanyPage()
