"""Headers of the exports that agencies have are understood, and what a user says wins over the guess."""

from __future__ import annotations

import pytest

from agency_os.domain.import_columns import FIELDS, Columns, read_header
from agency_os.exceptions import InvalidInputError


def mapping(*header: str, **overrides: str) -> dict[str, str]:
    return read_header(header, overrides).mapping


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        pytest.param(
            "First Name;Last Name;Title;Company;Email;Email Status;# Employees;Industry;Person Linkedin Url;Website;"
            "Company Country;State;Last Raised At",
            "first_name;last_name;title;company;email;email_status;employees;industry;linkedin_url;website;country;"
            "state;funding_date",
            id="Apollo",
        ),
        pytest.param(
            "First Name;Last Name;Job Title;Company Name;Email;Mobile Phone Number;State/Region;Postal Code;"
            "Unsubscribed from all email",
            "first_name;last_name;title;company;email;phone;state;postcode;opted_out",
            id="HubSpot",
        ),
        pytest.param(
            "First Name;Last Name;URL;Email Address;Company;Position",
            "first_name;last_name;linkedin_url;email;company;title",
            id="LinkedIn",
        ),
        pytest.param(
            "Person - Name;Person - Email - Work;Organization - Name;Person - Phone - Work",
            "full_name;email;company;phone",
            id="Pipedrive",
        ),
        pytest.param(
            "Account Name;Email;Email Opt Out;Mailing State/Province;Mailing Zip/Postal Code",
            "company;email;opted_out;state",
            id="Salesforce",
        ),
        pytest.param(
            "Given Name;Family Name;E-mail 1 - Value;Phone 1 - Value;Organization 1 - Name;Organization 1 - Title",
            "first_name;last_name;email;phone;company;title",
            id="Google",
        ),
        pytest.param(
            "First Name;Last Name;Company;Job Title;E-mail Address;Mobile Phone;Business State",
            "first_name;last_name;company;title;email;phone;state",
            id="Outlook",
        ),
        pytest.param("EMAIL;firstName;SURNAME;Suburb", "email;first_name;last_name;city", id="by hand"),
    ],
)
def test_the_header_of_an_export_is_understood(header: str, fields: str) -> None:
    found = list(mapping(*header.split(";")).values())
    assert found == fields.split(";")


def test_a_column_of_something_else_is_not_taken_for_a_persons() -> None:
    header = ("Email", "Email Owner", "Company Phone Status", "Assistant Phone", "Company Linkedin Url", "Fax phone")
    assert mapping(*header, "Deal - Title", "Deal - Name") == {"Email": "email"}


def test_of_several_phones_the_mobile_is_looked_at_first() -> None:
    columns = read_header(("Email", "Company Phone", "Work Phone", "Mobile"))
    assert columns.positions["phone"] == (3, 2, 1)


def test_what_the_user_says_wins_over_the_guess() -> None:
    assert mapping("Email", "Kontakt", "Title", **{"kontakt": "full_name", " TITLE ": "Ignore"}) == {
        "Email": "email",
        "Kontakt": "full_name",
    }


def test_a_column_that_the_user_names_comes_before_a_guessed_one() -> None:
    assert read_header(("Email", "Alt"), {"Alt": "email"}).positions["email"] == (1, 0)


@pytest.mark.parametrize(
    ("overrides", "words"), [({"Nope": "email"}, "no column 'Nope'"), ({"Email": "mail-box"}, "no field 'mail-box'")]
)
def test_an_override_that_fits_nothing_is_told_with_what_would(overrides: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as refused:
        read_header(("Email", "Name"), overrides)
    assert "Email, Name" in str(refused.value) or ", ".join(FIELDS) in str(refused.value)


def test_columns_of_one_name_and_without_a_name_stay_apart() -> None:
    assert read_header(("a", "A", "a (2)", "", "a")).names == ("a", "A (2)", "a (2) (2)", "column 4", "a (3)")


@pytest.mark.parametrize(
    ("header", "identifies"),
    [
        (("Email",), True),
        (("LinkedIn",), True),
        (("Name", "Company"), True),
        (("First name", "Last name", "Website"), True),
        (("Name",), False),
        (("First name", "Company"), False),
        (("Phone", "Company"), False),
    ],
)
def test_columns_that_can_name_nobody_are_known(header: tuple[str, ...], identifies: bool) -> None:
    columns: Columns = read_header(header)
    assert columns.identify_a_lead is identifies
