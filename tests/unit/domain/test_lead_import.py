"""Rows of a list become leads in normal form or are left out with a reason; nothing is made up and nothing lost."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency_os.domain.consent import ConsentBasis, ConsentDeclaration
from agency_os.domain.import_values import read_count, read_day, split_name
from agency_os.domain.lead_import import (
    ImportedLead,
    ImportOptions,
    LeadList,
    LeftOut,
    name_at_company,
)
from agency_os.exceptions import InvalidInputError

TODAY = date(2026, 3, 2)
DECLARED = ConsentDeclaration(
    ConsentBasis.INFERRED, "https://acme.com.au/team", date(2026, 2, 1), "Ann Example", "they run the marketing"
)


def read(
    content: bytes | str, overrides: Mapping[str, str] | None = None, consent: ConsentDeclaration | None = None
) -> tuple[list[ImportedLead], list[LeftOut]]:
    stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
    batches = list(LeadList(stream, ImportOptions(overrides or {}, consent), TODAY).batches())
    return [lead for batch in batches for lead in batch.accepted], [row for batch in batches for row in batch.left_out]


def only(content: str, **options: Any) -> ImportedLead:
    accepted, left_out = read(content, **options)
    assert (len(accepted), left_out) == (1, [])
    return accepted[0]


def of(**values: str) -> ImportedLead:
    """The lead of one row with an email and these columns, underscores for spaces."""
    header = ["email", *(name.replace("_", " ") for name in values)]
    return only("\t".join(header) + "\n" + "\t".join(["ann@acme.com.au", *values.values()]) + "\n")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(mark: str) -> None:
    lead = only(f"Email{mark}Company{mark}Name\nann@acme.com.au{mark}Acme{mark}Ann Smith\n")
    assert (lead.text("company"), lead.text("last_name")) == ("Acme", "Smith")


def test_a_delimiter_that_a_spreadsheet_declares_wins() -> None:
    lead = only("sep=^\r\nEmail^Company, trading as\r\nann@acme.com.au^Acme\r\n", overrides={"email": "email"})
    assert (lead.row, lead.text("email")) == (2, "ann@acme.com.au")


def test_empty_lines_above_the_header_hide_no_delimiter() -> None:
    lead = only("\n\nEmail;Company\nann@acme.com.au;Acme\n")
    assert (lead.row, lead.text("company")) == (4, "Acme")


def test_a_quoted_header_with_commas_does_not_mislead() -> None:
    assert only('"Company, trading, as";Email\nAcme;ann@acme.com.au\n').text("email") == "ann@acme.com.au"


@pytest.mark.parametrize("content", ["Phone,Company\n1,2\n", "\n\n\n \n", '"Email\nann@acme.com.au\n', "hello"])
def test_a_file_that_is_no_list_of_people_is_refused_in_one_line(content: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(content)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ("0412 345 678", "+61412345678"),
        ("+61 412 345 678", "+61412345678"),
        ("(02) 9374 4000", "+61293744000"),
        ("61293744000", "+61293744000"),
        ("0412.345.678", "+61412345678"),
        ("+64 21 123 4567", "+64211234567"),
        ("1300 975 707", "+611300975707"),
        ("12345", None),
        ("ask reception", None),
        ("9" * 5000, None),
    ],
)
def test_phones_become_e164_or_a_note(given_: str, wanted: str | None) -> None:
    lead = of(phone=given_)
    assert lead.text("phone") == wanted
    assert any("is no phone number" in note for note in lead.notes) is (wanted is None)


def test_a_phone_that_is_none_gives_way_to_the_next() -> None:
    assert of(mobile="n/a", work_phone="02 9374 4000").text("phone") == "+61293744000"


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"state": "New South Wales"}, "NSW"),
        ({"state": "vic."}, "VIC"),
        ({"state": "", "postcode": "6000"}, "WA"),
        ({"city": "Hobart"}, "TAS"),
        ({"state": "Sydney NSW 2000"}, "NSW"),
        ({"phone": "(08) 9374 4000"}, "WA"),
        ({"state": "California"}, None),
        ({"phone": "0412 345 678"}, None),
    ],
)
def test_states_are_read_from_the_first_column_that_tells(values: dict[str, str], state: str | None) -> None:
    assert of(**values).text("state") == state


@pytest.mark.parametrize(("given_", "code"), [("Australia", "AU"), ("New Zealand", "NZ"), ("UK", "GB"), ("au", "AU")])
def test_countries_become_codes(given_: str, code: str) -> None:
    assert of(country=given_).text("organization_country") == code


def test_an_unknown_country_is_noted_and_not_guessed() -> None:
    lead = of(country="Narnia")
    assert lead.text("organization_country") is None
    assert "country 'Narnia' is not known" in lead.notes


@pytest.mark.parametrize(
    ("full", "names"),
    [
        ("Ann Smith", ("Ann", "Smith")),
        ("Dr Ann van der Berg", ("Ann", "van der Berg")),
        ("BERG, Ann Mary", ("Ann", "BERG")),
        ("VAN DER BERG, ANN", ("ANN", "VAN DER BERG")),
        ("Ann Berg, CPA", ("Ann", "Berg")),
        ("Ann Berg, PhD, MBA", ("Ann", "Berg")),
        ("Ann Mary Smith", ("Ann", "Smith")),
        ("Madonna", ("Madonna", "")),
        ("", ("", "")),
    ],
)
def test_a_full_name_is_split(full: str, names: tuple[str, str]) -> None:
    assert split_name(full) == names


@pytest.mark.parametrize(
    ("given_", "name"), [("SMITH-JONES", "Smith-Jones"), ("o'brien", "O'Brien"), ("McKay", "McKay")]
)
def test_a_name_in_one_case_is_written_as_people_do(given_: str, name: str) -> None:
    assert of(last_name=given_).text("last_name") == name


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://www.acme.com.au/about?x=1", "acme.com.au"),
        ("shop.acme.co.nz", "acme.co.nz"),
        ("facebook", "other.com.au"),
        ("gmail.com", "other.com.au"),
        ("", "other.com.au"),
    ],
)
def test_the_domain_is_that_of_the_website_or_else_of_the_address(website: str, domain: str | None) -> None:
    assert only(f"email,website\nann@other.com.au,{website}\n").text("domain") == domain


def test_a_free_mail_address_names_no_company() -> None:
    lead = only("email\nann@gmail.com\n")
    assert (lead.text("email"), lead.text("domain")) == ("ann@gmail.com", None)


def test_a_profile_is_brought_to_one_form_and_a_companys_page_is_none() -> None:
    assert of(linkedin="au.linkedin.com/in/Ann-Smith/?x=1").text("linkedin_url") == (
        "https://www.linkedin.com/in/ann-smith"
    )
    assert of(linkedin="https://linkedin.com/company/acme").text("linkedin_url") is None


@pytest.mark.parametrize(
    ("text", "count"),
    [("25", 25), ("1,200", 1200), ("11-50", 30), ("51 to 200", 126), ("500+", 500), ("many", None), ("9" * 9000, None)],
)
def test_counts_of_employees_are_read(text: str, count: int | None) -> None:
    assert read_count(text) == count


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-02", TODAY),
        ("2/3/2026", TODAY),
        ("02.03.26", TODAY),
        ("2026-03-02T10:00:00Z", TODAY),
        ("31/2/2026", None),
        ("3/14/2026", None),
        ("soon", None),
    ],
)
def test_days_are_read_with_the_day_first(text: str, day: date | None) -> None:
    assert read_day(text) == day


@pytest.mark.parametrize("said", ["yes", "TRUE", "1", "x", "unsubscribed", "2025-11-03", "Opted out", "global"])
def test_a_person_who_opted_out_in_the_list_is_left_out(said: str) -> None:
    accepted, left_out = read(f"email,opted out\nann@acme.com.au,{said}\n")
    assert (accepted, [row.reason for row in left_out]) == ([], ["opted out in the list"])


@pytest.mark.parametrize("said", ["no", "FALSE", "0", "", "-", "n/a", "subscribed"])
def test_a_person_who_did_not_opt_out_stays(said: str) -> None:
    assert of(opted_out=said).text("email") == "ann@acme.com.au"


def test_of_two_columns_one_opt_out_is_enough() -> None:
    _, left_out = read("email,unsubscribed,do not contact\nann@acme.com.au,no,yes\n")
    assert [row.reason for row in left_out] == ["opted out in the list"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ann@acme.com.au,,,,", "ANN@Acme.com.au,Ann,Smith,Other,"),
        (",,,,linkedin.com/in/ann", "x@acme.com.au,,,,https://au.linkedin.com/in/ANN/"),
        (",Ann,Smith,Acme Pty Ltd,", ",ANN,SMITH,Acme,"),
    ],
)
def test_a_person_twice_in_a_list_is_taken_once(first: str, second: str) -> None:
    accepted, left_out = read(f"email,first name,last name,company,linkedin\n{first}\n{second}\n")
    assert [lead.row for lead in accepted] == [2]
    assert [(row.row, row.reason) for row in left_out] == [(3, "the same person as in row 2")]


def test_a_row_without_address_is_the_person_of_that_name_at_that_company() -> None:
    _, left_out = read("email,name,website\nann@acme.com.au,Ann Smith,acme.com.au\n,Ann Smith,www.acme.com.au\n")
    assert [row.row for row in left_out] == [3]


def test_two_people_of_one_name_with_addresses_of_their_own_both_stay() -> None:
    accepted, _ = read("email,name,company\nann@acme.com.au,Ann Smith,Acme\nann2@acme.com.au,Ann Smith,Acme\n")
    assert len(accepted) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",,,", "the row is empty"),
        (
            "nobody,,,",
            "'nobody' is no email address; it does not tell who it is: an email address, a profile, or first",
        ),
        (",Ann,Smith,", "it does not tell who it is: the company is missing"),
        (",Ann,Smith,!!!", "it does not tell who it is: the company is missing"),
        ("ann@acme.com.au,Ann,Smith,Acme,surplus", "5 values for 4 columns"),
        ('"never closed,,,', "a quote is opened and never closed"),
    ],
)
def test_a_row_that_is_no_lead_says_why(row: str, reason: str) -> None:
    accepted, left_out = read(f"email,first name,last name,company\n{row}\n")
    assert accepted == []
    assert left_out[0].reason.startswith(reason)


def test_a_cell_of_absurd_length_is_noted_and_kept_in_the_raw_row_alone() -> None:
    lead = of(company="x" * 301, title="t" * 300)
    assert (lead.text("company"), lead.text("title"), len(lead.raw["company"])) == (None, "t" * 300, 301)
    assert "company is longer than 300 characters and is left out" in lead.notes


def test_a_row_declares_its_own_consent() -> None:
    lead = of(consent="express", consent_source="Expo form", consent_date="1/2/2026", consent_by="Bob")
    assert lead.consent == ConsentDeclaration(ConsentBasis.EXPRESS, "Expo form", date(2026, 2, 1), "Bob")


def test_the_files_consent_covers_rows_that_say_nothing() -> None:
    assert only("email,consent\nann@acme.com.au,\n", consent=DECLARED).consent == DECLARED


@pytest.mark.parametrize("said", ["no", "none", "not given", "withdrawn", "opted out", "not subscribed", "maybe"])
def test_a_row_that_denies_consent_is_not_covered_by_the_file(said: str) -> None:
    lead = only(f"email,consent\nann@acme.com.au,{said}\n", consent=DECLARED)
    assert lead.consent is None
    assert f"consent '{said}' is neither express nor inferred" in lead.notes


@pytest.mark.parametrize(
    ("values", "flaw"),
    [
        ({"consent": "express"}, "consent needs its source: where the address was given or published"),
        ({"consent": "inferred", "consent_source": "web"}, "inferred consent needs the relevance to the person's role"),
        (
            {"consent": "express", "consent_source": "web", "consent_date": "2026-03-09"},
            "consent is dated in the future (2026-03-09)",
        ),
        (
            {"consent": "express", "consent_source": "web", "consent_date": "31/2/26"},
            "consent date '31/2/26' is no day",
        ),
    ],
)
def test_a_consent_that_does_not_stand_up_is_none_and_the_note_says_why(values: dict[str, str], flaw: str) -> None:
    lead = of(**values)
    assert lead.consent is None
    assert flaw in lead.notes


def test_without_any_declaration_the_lead_is_kept_and_cannot_be_emailed() -> None:
    lead = of(company="Acme")
    assert (lead.consent, lead.notes) == (None, ("no consent is declared: it can not be emailed",))


@pytest.mark.parametrize(("said", "trust"), [("verified", 0.95), ("guessed", 0.75)])
def test_a_verified_address_is_trusted_more(said: str, trust: float) -> None:
    email = of(email_status=said).facts.email
    assert email is not None
    assert email.confidence == trust


def test_the_raw_row_is_kept_under_its_own_headers() -> None:
    assert only("E-Mail;Note\nann@acme.com.au;met at expo\n").raw == {
        "E-Mail": "ann@acme.com.au",
        "Note": "met at expo",
    }


def test_who_is_known_by_name_has_a_company() -> None:
    assert name_at_company(of(name="Ann Smith").facts) == ("ann", "smith", "acme.com.au")
    assert name_at_company(only("email,name\nann@gmail.com,Ann Smith\n").facts) is None


class Counting:
    """A long list that counts what was read of it."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._at = 0
        self.given = 0

    def read(self, size: int, /) -> bytes:
        if not self.given:
            part = b"email,name\n"
        else:
            last = min(self._rows, self._at + size // 40)
            part = b"".join(b"person%d@acme.com.au,Ann Smith\n" % n for n in range(self._at, last))
            self._at = last
        self.given += len(part)
        return part


def test_a_long_list_is_read_by_batches_and_no_further_than_the_batch_needs() -> None:
    source = Counting(20_000)
    batches = LeadList(source, ImportOptions(), TODAY).batches(500)
    assert len(next(batches).accepted) == 500
    assert source.given < 200_000
    assert [len(batch.accepted) for batch in batches] == [500] * 39


_PIECES = st.sampled_from(
    [b'"', b",", b"\n", b"\r\n", b";", b"\t", b"\0", b"\xff", b"\xe9", b"a@b.com.au", b"0412345678", b"sep=", b" ",
     b"=", b"9" * 50, b"linkedin.com/in/x", b"2026-02-31", b"31/2/26", b"Ann, Smith", b"yes", b"\xed\xa0\x80",
     "²漢".encode()]
)  # fmt: skip
_HEADERS = st.sampled_from(
    [b"", b"email\n", b"sep=", b"\xff\xfe", b"\xfe\xff", b"e\0m\0a\0i\0l\0\n\0",
     b"email,phone,name,company,country,state,size,founded,consent,consent date,funding date,hiring,opt out,url\n"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(_HEADERS, st.one_of(st.lists(_PIECES, max_size=50).map(b"".join), st.binary(max_size=300)))
def test_of_any_bytes_each_row_is_accepted_or_left_out_once_or_the_file_is_refused(head: bytes, rest: bytes) -> None:
    try:
        accepted, left_out = read(head + rest)
    except InvalidInputError:
        return
    rows = [lead.row for lead in accepted] + [row.row for row in left_out]
    assert len(rows) == len(set(rows))
    assert all(row.reason and "\n" not in row.reason for row in left_out)
    non_empty = sum(bool(lead.raw) for lead in accepted)
    assert non_empty == len(accepted)


def test_two_people_of_one_name_at_companies_with_facebook_pages_both_stay() -> None:
    rows = ["Cat Brown,Acme,facebook.com/acme", "Cat Brown,Dunes,https://www.facebook.com/dunes"]
    accepted, left_out = read("\n".join(["name,company,website", *rows]) + "\n")
    assert ([lead.text("domain") for lead in accepted], left_out) == ([None, None], [])


def test_a_second_address_in_the_cell_costs_nobody_their_place() -> None:
    assert only("email\nann@acme.com.au; bob@acme.com.au\n").text("email") == "ann@acme.com.au"


def test_a_list_without_a_header_is_told_to_have_one() -> None:
    with pytest.raises(InvalidInputError, match="put a row such as Email,Name,Company above it"):
        read("ann@acme.com.au,Ann Smith\nbob@acme.com.au,Bob Jones\n")
