"""A list becomes leads once, whatever is in it, however often it is run, and whoever runs it at the same time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from agency_os.db import Database
from agency_os.domain.consent import ConsentBasis, ConsentDeclaration
from agency_os.domain.csv_reading import ByteStream
from agency_os.domain.lead_import import ImportOptions
from agency_os.exceptions import InvalidInputError
from agency_os.kit.ids import new_id
from agency_os.wiring.importing import ImportReport, import_leads
from tests.factories.outreach import BEFORE, MONDAY_NOON, make_agency
from tests.factories.sending import HASHES

LIST = (
    "Email,First name,Last name,Company,Website,Phone,State,LinkedIn\n"
    "ann@acme.com.au,Ann,Smith,Acme,acme.com.au,0412 345 678,New South Wales,\n"
    "bob@acme.com.au,Bob,Jones,Acme,acme.com.au,,VIC,https://linkedin.com/in/Bob-Jones\n"
    ",Cat,Brown,Dunes Dental Pty Ltd,,,QLD,\n"
    "not an address,,,,,,,\n"
    "ANN@acme.com.au,Ann,Smith,Acme,,,,\n"
)
"""Three people, one row that names nobody, one person twice."""


async def client_of(database: Database) -> tuple[UUID, UUID]:
    async with database.transaction(now=BEFORE) as db:
        agency = await make_agency(db)
    return agency.client_id, agency.campaign_id


async def run(
    database: Database, client_id: UUID, content: str = LIST, stream: ByteStream | None = None, **changes: Any
) -> ImportReport:
    source = stream or io.BytesIO(content.encode())
    values = {"campaign_id": None, "file_name": "leads.csv", "options": None, "now": MONDAY_NOON, **changes}
    return await import_leads(database, HASHES, client_id=client_id, stream=source, **values)


async def rows(database: Database, query: str, **values: Any) -> list[tuple[Any, ...]]:
    async with database.transaction(now=MONDAY_NOON) as db:
        return [tuple(row) for row in (await db.execute(text(query), values)).all()]


async def count(database: Database, table: str) -> int:
    return int((await rows(database, f"SELECT count(*) FROM {table}"))[0][0])  # noqa: S608 - a test's own table name


async def suppress(database: Database, address: str, client_id: UUID | None = None, channel: str = "email") -> None:
    table = "global_suppression" if client_id is None else "client_suppression"
    column, value = ("", "") if client_id is None else ("client_id, ", ":client_id, ")
    statement = f"INSERT INTO {table} ({column}channel, address_hash, reason) VALUES ({value}:channel, :hash, 'no')"  # noqa: S608 - as above
    async with database.transaction(now=MONDAY_NOON) as db:
        await db.execute(
            text(statement), {"channel": channel, "hash": HASHES.of(channel, address), "client_id": client_id}
        )


async def test_rows_become_leads_in_normal_form_in_their_campaign(database: Database) -> None:
    client_id, campaign_id = await client_of(database)
    report = await run(database, client_id, campaign_id=campaign_id)
    assert (report.read, report.accepted) == (5, 3)
    stored = await rows(
        database,
        "SELECT email, first_name, phone, state, linkedin_url, status::text, campaign_id, import_id FROM leads "
        "ORDER BY first_name",
    )
    assert stored == [
        ("ann@acme.com.au", "Ann", "+61412345678", "NSW", None, "new", campaign_id, report.import_id),
        (
            "bob@acme.com.au", "Bob", None, "VIC", "https://www.linkedin.com/in/bob-jones", "new", campaign_id,
            report.import_id,
        ),
        (None, "Cat", None, "QLD", None, "new", campaign_id, report.import_id),
    ]  # fmt: skip


async def test_people_of_one_company_share_its_row(database: Database) -> None:
    client_id, _ = await client_of(database)
    await run(database, client_id)
    people = "SELECT c.key, c.domain, count(*) FROM leads AS l JOIN companies AS c ON c.id = l.company_id GROUP BY c.id"
    assert sorted(await rows(database, people)) == [("acme.com.au", "acme.com.au", 2), ("dunes dental", None, 1)]


async def test_every_row_is_kept_with_its_lead_or_its_reason(database: Database) -> None:
    client_id, _ = await client_of(database)
    report = await run(database, client_id)
    kept = await rows(database, "SELECT row_number, lead_id IS NOT NULL, reason, raw FROM import_rows ORDER BY 1")
    assert [(row[0], row[1]) for row in kept] == [(2, True), (3, True), (4, True), (5, False), (6, False)]
    assert [(row[0], row[2]) for row in kept if row[2]] == report.left_out
    assert kept[3][3] == {"Email": "not an address"}


async def test_the_counts_of_an_import_add_up(database: Database) -> None:
    client_id, _ = await client_of(database)
    await run(database, client_id)
    counts = "SELECT rows_read, rows_accepted, rows_left_out, finished_at, mapping ->> 'Email' FROM imports"
    assert await rows(database, counts) == [(5, 3, 2, MONDAY_NOON, "email")]


async def test_a_files_consent_is_stored_for_each_accepted_lead_alone(database: Database) -> None:
    client_id, _ = await client_of(database)
    declared = ConsentDeclaration(
        ConsentBasis.INFERRED, "https://acme.com.au/team", BEFORE.date(), "Ann Example", "they run the marketing"
    )
    await run(database, client_id, options=ImportOptions(consent=declared))
    stored = await rows(database, "SELECT DISTINCT basis::text, source, evidence, declared_by FROM consents")
    assert stored == [("inferred", "https://acme.com.au/team", "they run the marketing", "Ann Example")]
    assert await count(database, "consents") == 3


async def test_without_a_declaration_no_consent_is_made_up(database: Database) -> None:
    client_id, _ = await client_of(database)
    await run(database, client_id)
    assert await count(database, "consents") == 0


async def test_a_second_run_of_the_same_list_accepts_nobody(database: Database) -> None:
    client_id, _ = await client_of(database)
    await run(database, client_id)
    again = await run(database, client_id)
    assert (again.read, again.accepted) == (5, 0)
    assert [reason for row, reason in again.left_out if row in {2, 3, 4}] == ["the client has this lead already"] * 3
    assert await count(database, "leads") == 3


async def test_a_person_without_address_is_known_by_name_at_the_company_however_it_is_written(
    database: Database,
) -> None:
    client_id, _ = await client_of(database)
    await run(database, client_id)
    again = await run(database, client_id, "Name,Company\nCAT BROWN,DUNES DENTAL\nCat Brown,Another Dentist\n")
    assert again.left_out == [(2, "the client has this lead already")]
    assert again.accepted == 1


async def test_a_profile_that_the_client_has_is_not_taken_again(database: Database) -> None:
    client_id, _ = await client_of(database)
    await run(database, client_id)
    again = await run(database, client_id, "Email,LinkedIn\nother@dunes.com.au,linkedin.com/in/bob-jones/\n")
    assert again.left_out == [(2, "the client has this lead already")]


@pytest.mark.parametrize("everywhere", [True, False])
async def test_a_suppressed_address_is_left_out(database: Database, everywhere: bool) -> None:
    client_id, _ = await client_of(database)
    await suppress(database, "Ann@ACME.com.au", None if everywhere else client_id)
    report = await run(database, client_id)
    assert (2, "suppressed") in report.left_out
    assert await rows(database, "SELECT 1 FROM leads WHERE email = 'ann@acme.com.au'") == []


@pytest.mark.parametrize(
    ("channel", "address"),
    [("linkedin", "https://www.linkedin.com/in/bob-jones"), ("sms", "+61412345678")],
)
async def test_who_opted_out_does_not_come_back_under_another_address(
    database: Database, channel: str, address: str
) -> None:
    client_id, _ = await client_of(database)
    await suppress(database, address, None, channel)
    new = "Email,LinkedIn,Mobile\nanother@acme.com.au,linkedin.com/in/bob-jones,0412 345 678\n"
    assert (await run(database, client_id, new)).left_out == [(2, "suppressed")]


async def test_an_opt_out_by_an_offices_number_leaves_its_colleagues_in(database: Database) -> None:
    client_id, _ = await client_of(database)
    await suppress(database, "+61299990000", None, "sms")
    assert (await run(database, client_id, "Email,Phone\ncol@acme.com.au,02 9999 0000\n")).accepted == 1


async def test_another_clients_suppression_does_not_bind(database: Database) -> None:
    client_id, _ = await client_of(database)
    other, _ = await client_of(database)
    await suppress(database, "ann@acme.com.au", other)
    assert (await run(database, client_id)).accepted == 3


async def test_an_import_lifts_no_suppression(database: Database) -> None:
    client_id, _ = await client_of(database)
    await suppress(database, "ann@acme.com.au")
    await suppress(database, "ann@acme.com.au", client_id)
    for _ in range(2):
        await run(database, client_id)
    assert (await count(database, "global_suppression"), await count(database, "client_suppression")) == (1, 1)


async def test_another_client_may_have_the_same_person(database: Database) -> None:
    first, _ = await client_of(database)
    second, _ = await client_of(database)
    assert [(await run(database, client)).accepted for client in (first, second)] == [3, 3]
    people = "SELECT count(DISTINCT client_id), count(DISTINCT company_id) FROM leads WHERE email = 'ann@acme.com.au'"
    assert await rows(database, people) == [(2, 2)]


async def test_an_unknown_client_or_a_campaign_of_another_is_told_and_nothing_is_stored(database: Database) -> None:
    client_id, _ = await client_of(database)
    _, foreign = await client_of(database)
    with pytest.raises(InvalidInputError, match="there is no client"):
        await run(database, new_id())
    with pytest.raises(InvalidInputError, match="the client has no campaign"):
        await run(database, client_id, campaign_id=foreign)
    assert (await count(database, "imports"), await count(database, "leads")) == (0, 0)


def people(number: int) -> list[str]:
    """Half with an address, half known by name alone."""
    return [f"p{n}@company{n}.com.au,,," if n % 2 else f",Pat,Number{n},Company {n}" for n in range(number)]


def listed(lines: list[str]) -> str:
    return "\n".join(["Email,First name,Last name,Company", *lines]) + "\n"


class CutOff:
    """A stream that fails after ``size`` bytes: the machine is switched off in the middle of a list."""

    def __init__(self, content: bytes, size: int) -> None:
        self._pieces: Iterator[bytes] = iter([content[at : at + 10_000] for at in range(0, size, 10_000)])

    def read(self, _size: int, /) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise OSError("switched off")
        return piece


async def test_a_run_that_was_cut_off_is_run_again_and_nobody_is_twice(database: Database) -> None:
    client_id, _ = await client_of(database)
    content = listed(people(4000)).encode()
    with pytest.raises(OSError, match="switched off"):
        await run(database, client_id, stream=CutOff(content, 80_000))
    before = await count(database, "leads")
    report = await run(database, client_id, content.decode())
    assert 500 <= before < 4000
    assert (report.accepted, await count(database, "leads")) == (4000 - before, 4000)


async def test_an_import_that_was_cut_off_is_not_called_finished(database: Database) -> None:
    client_id, _ = await client_of(database)
    with pytest.raises(OSError, match="switched off"):
        await run(database, client_id, stream=CutOff(listed(people(4000)).encode(), 80_000))
    assert await rows(database, "SELECT finished_at FROM imports") == [(None,)]


async def test_runs_of_one_list_at_the_same_time_take_nobody_twice(database: Database) -> None:
    client_id, _ = await client_of(database)
    contents = []
    for seed in range(4):
        lines = people(1200)
        Random(seed).shuffle(lines)  # noqa: S311 - the order of a test's list
        contents.append(listed(lines))
    reports = await asyncio.gather(*(run(database, client_id, content) for content in contents))
    assert sum(report.accepted for report in reports) == 1200
    assert await count(database, "leads") == 1200


async def test_cells_of_any_length_and_script_are_stored_or_told(database: Database) -> None:
    client_id, _ = await client_of(database)
    noise = "".join(Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789éß漢", k=20_000))  # noqa: S311 - as above
    content = (
        "Email,First name,Last name,Company,LinkedIn,Title\n"
        f"a@acme.com.au,Ann,Smith,{noise},,\n"
        f"b@acme.com.au,{noise},Smith,,linkedin.com/in/{noise},\n"
        f",Cat,Brown,Dunes,,{noise}\n"
        f",Dan,Green,{noise},,\n"
    )
    report = await run(database, client_id, content)
    assert report.accepted == 3
    assert [row for row, _ in report.left_out] == [5]
    assert await rows(database, "SELECT length(raw ->> 'Company') FROM import_rows WHERE row_number = 2") == [(20_000,)]


async def test_a_list_longer_than_a_batch_is_stored_whole(database: Database) -> None:
    client_id, _ = await client_of(database)
    report = await run(database, client_id, listed(people(1001)))
    assert report.read == report.accepted == await count(database, "leads") == await count(database, "import_rows")
    assert report.read == 1001
