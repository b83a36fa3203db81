"""`agency-os import` as a user runs it, a process of its own, into a real database."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agency_os.db import Database
from tests.conftest import DatabaseUrls
from tests.factories.outreach import BEFORE, MONDAY_NOON, PERSON_KEY, Outreach, make_agency

PROGRAM = Path(sys.executable).with_name("agency-os")
LIST = "Email,Name,Company,Opted out\nann@acme.com.au,Ann Smith,Acme,\nbob@acme.com.au,Bob Jones,Acme,yes\n"
CONSENT = ("--consent-basis", "express", "--consent-source", "Expo", "--declared-by", "Ann Example")


@dataclass(frozen=True)
class Ended:
    status: int | None
    out: str
    err: str


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database.connect(database_urls.app_dsn)
    yield database
    await database.close()


@pytest.fixture
async def agency(database: Database) -> Outreach:
    async with database.transaction(now=BEFORE) as db:
        return await make_agency(db)


async def run(folder: Path, dsn: str, *arguments: str, **settings: str) -> Ended:
    (folder / "leads.csv").write_text(LIST, "utf-8")
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "import", "leads.csv", *arguments,
        cwd=folder,
        env={
            "HOME": str(folder), "PATH": os.defpath, "DATABASE_URL": dsn, "TOKEN_SECRET": "t" * 32,
            "SUPPRESSION_KEY": PERSON_KEY.hex(), **settings,
        },
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.transaction(now=MONDAY_NOON) as db:
        return [tuple(row) for row in (await db.execute(text(query))).all()]


async def serve_clock(moment: datetime) -> asyncio.Server:
    body = json.dumps({"now": moment.isoformat()}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def test_a_list_is_stored_and_the_counts_are_told(
    tmp_path: Path, database_urls: DatabaseUrls, database: Database, agency: Outreach
) -> None:
    ids = ("--client", str(agency.client_id), "--campaign", str(agency.campaign_id))
    ended = await run(tmp_path, database_urls.app_dsn, *ids, *CONSENT, "--json")
    told = json.loads(ended.out)
    assert (told["read"], told["accepted"]) == (2, 1)
    assert told["left_out"] == [{"row": 3, "reason": "opted out in the list"}]
    stored = "SELECT l.email, l.campaign_id, c.basis::text FROM leads AS l JOIN consents AS c ON c.lead_id = l.id"
    assert await rows(database, stored) == [("ann@acme.com.au", agency.campaign_id, "express")]


async def test_a_consent_is_recorded_by_the_business_clock_and_not_after_the_claims_of_its_time(
    tmp_path: Path, database_urls: DatabaseUrls, database: Database, agency: Outreach
) -> None:
    moment = datetime(2024, 5, 6, 2, 0, tzinfo=UTC)
    async with await serve_clock(moment) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/clock"
        ids = ("--client", str(agency.client_id))
        ended = await run(tmp_path, database_urls.app_dsn, *ids, *CONSENT, BUSINESS_CLOCK=address)
    assert (ended.status, ended.err) == (0, "")
    assert await rows(database, "SELECT created_at, obtained_at::date::text FROM consents") == [(moment, "2024-05-06")]


async def test_an_empty_database_is_one_line_that_says_what_to_run(
    tmp_path: Path, empty_database_urls: DatabaseUrls
) -> None:
    ended = await run(tmp_path, empty_database_urls.owner_dsn, "--client", "0190b2c0-0000-7000-8000-000000000001")
    assert ended.status == 1
    assert ended.err == "agency-os: the database has none of our tables: run `agency-os migrate`, then again\n"


async def test_a_database_behind_this_version_names_what_is_missing(
    tmp_path: Path, database_urls: DatabaseUrls, agency: Outreach
) -> None:
    owner = Database.connect(database_urls.owner_dsn)
    async with owner.engine.begin() as connection:
        await connection.execute(text("DELETE FROM supabase_migrations.schema_migrations WHERE version = '014'"))
    await owner.close()
    ended = await run(tmp_path, database_urls.app_dsn, "--client", str(agency.client_id))
    assert ended.status == 1
    assert ended.err == "agency-os: migrations 014 are missing: run `agency-os migrate`, then again\n"


async def test_a_client_that_does_not_exist_is_one_line_and_status_2(
    tmp_path: Path, database_urls: DatabaseUrls
) -> None:
    ended = await run(tmp_path, database_urls.app_dsn, "--client", "0190b2c0-0000-7000-8000-000000000001")
    assert ended.status == 2
    assert ended.err.startswith("agency-os: there is no client 0190b2c0")
