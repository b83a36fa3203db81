"""The unsubscribe link: GET shows and changes nothing, POST is in force when it answers (invariants 10 and 11)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import asyncpg
import httpx
import pytest

from agency_os.db import Database
from agency_os.kit.clock import FixedClock
from agency_os.wiring.web import Web
from tests.conftest import DatabaseUrls
from tests.factories.api import api_settings, make_web, serving
from tests.factories.outreach import MONDAY_NOON, Outreach, add_leads, add_ready_touches, make_agency

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass
class Sent:
    """Two leads of an agency, each with a message; the first has a second one ahead."""

    agency: Outreach
    link: str

    @property
    def lead_id(self) -> Any:
        return self.agency.lead_ids[0]


@pytest.fixture
async def owner(database_urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_urls.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def sent(database: Database, web: Web) -> Sent:
    async with database.transaction(now=MONDAY_NOON - timedelta(days=7)) as db:
        agency = await make_agency(db)
        await add_leads(db, agency, 2)
        first, _ = await add_ready_touches(db, agency)
        await add_ready_touches(db, agency, step=2)
    return Sent(agency, f"/u/{web.infra.tokens.make(first, 'unsubscribe')}")


async def everything(owner: asyncpg.Connection) -> dict[str, str]:
    """A digest of every table."""
    tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    digest = "SELECT coalesce(md5(string_agg(md5(t::text), '' ORDER BY t::text)), '') FROM {} AS t"
    return {name: await owner.fetchval(digest.format(name)) for (name,) in tables}


async def lead_status(owner: asyncpg.Connection, lead_id: Any) -> str:
    return str(await owner.fetchval("SELECT status FROM leads WHERE id = $1", lead_id))


async def test_the_page_names_the_agency_and_has_one_button(client: httpx.AsyncClient, sent: Sent) -> None:
    page = await client.get(sent.link)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Unsubscribe from Harbour Marketing?" in page.text
    assert (page.text.count("<button"), page.text.count("<form")) == (1, 1)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_at_the_page_changes_nothing(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sent: Sent, method: str
) -> None:
    before = await everything(owner)
    assert (await client.request(method, sent.link)).status_code == 200
    assert await everything(owner) == before


async def test_one_click_is_in_force_when_it_answers(
    client: httpx.AsyncClient, owner: asyncpg.Connection, web: Web, sent: Sent
) -> None:
    answer = await client.post(sent.link, data=ONE_CLICK)
    assert (answer.status_code, await lead_status(owner, sent.lead_id)) == (200, "unsubscribed")
    digest = web.infra.hashes.of("email", "person0@company0.example")
    bound = await owner.fetch("SELECT client_id, channel FROM client_suppression WHERE address_hash = $1", digest)
    assert [tuple(row) for row in bound] == [(sent.agency.client_id, "email")]
    assert await owner.fetchval("SELECT count(*) FROM consents WHERE withdrawn_at IS NOT NULL") == 1


async def test_no_message_to_who_asked_is_left_to_send_and_nobody_else_is_stopped(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sent: Sent
) -> None:
    await client.post(sent.link, data=ONE_CLICK)
    rows = await owner.fetch("SELECT lead_id, state, count(*) FROM touches GROUP BY 1, 2")
    assert {tuple(row) for row in rows} == {
        (sent.lead_id, "cancelled", 2),
        (sent.agency.lead_ids[1], "ready", 2),
    }


async def test_the_pages_form_does_the_same(client: httpx.AsyncClient, owner: asyncpg.Connection, sent: Sent) -> None:
    form = _Form()
    form.feed((await client.get(sent.link)).text)
    answer = await client.request(form.method, sent.link, data=form.fields)
    assert "You are unsubscribed" in answer.text
    assert await lead_status(owner, sent.lead_id) == "unsubscribed"


async def test_a_second_time_changes_nothing_more(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sent: Sent
) -> None:
    await client.post(sent.link, data=ONE_CLICK)
    before = await everything(owner)
    again = await client.post(sent.link, data=ONE_CLICK)
    assert (again.status_code, "You are unsubscribed" in again.text) == (200, True)
    assert await everything(owner) == before


async def test_the_page_says_so_when_it_is_done_already(client: httpx.AsyncClient, sent: Sent) -> None:
    await client.post(sent.link, data=ONE_CLICK)
    page = await client.get(sent.link)
    assert ("You are unsubscribed" in page.text, "<form" in page.text) == (True, False)


async def test_twenty_clicks_at_once_are_one(client: httpx.AsyncClient, owner: asyncpg.Connection, sent: Sent) -> None:
    answers = await asyncio.gather(*(client.post(sent.link, data=ONE_CLICK) for _ in range(20)))
    assert {each.status_code for each in answers} == {200}
    assert await owner.fetchval("SELECT count(*) FROM client_suppression") == 1


async def test_any_body_counts_since_a_wish_to_be_left_in_peace_has_no_form(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sent: Sent
) -> None:
    assert (await client.post(sent.link, content=b"\xff\x00garbage")).status_code == 200
    assert await lead_status(owner, sent.lead_id) == "unsubscribed"


async def test_a_link_works_years_later_and_in_capitals(
    database_urls: DatabaseUrls, owner: asyncpg.Connection, sent: Sent
) -> None:
    late = make_web(
        api_settings(DATABASE_URL=database_urls.app_dsn), clock=FixedClock(MONDAY_NOON + timedelta(days=800))
    )
    async with serving(late) as client:
        answer = await client.post(f"/u/{sent.link.removeprefix('/u/').upper()}", data=ONE_CLICK)
    assert (answer.status_code, await lead_status(owner, sent.lead_id)) == (200, "unsubscribed")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("kind", ["cut off", "of another purpose", "forged", "of no message", "garbage"])
async def test_a_link_that_is_not_ours_is_404_and_changes_nothing(
    client: httpx.AsyncClient, owner: asyncpg.Connection, web: Web, sent: Sent, kind: str, method: str
) -> None:
    token, tokens = sent.link.removeprefix("/u/"), web.infra.tokens
    wrong = {
        "cut off": token[:-1],
        "of another purpose": tokens.make(sent.agency.touch_ids[0], "reply"),
        "forged": token[:-4] + ("aaaa" if not token.endswith("aaaa") else "bbbb"),
        "of no message": tokens.make(sent.lead_id, "unsubscribe"),
        "garbage": "%00%F0%9F%92%A9'--",
    }[kind]
    before = await everything(owner)
    assert (await client.request(method, f"/u/{wrong}")).status_code == 404
    assert await everything(owner) == before


async def test_an_agencys_name_cannot_write_the_page(
    client: httpx.AsyncClient, owner: asyncpg.Connection, sent: Sent
) -> None:
    await owner.execute("UPDATE clients SET name = '<script>alert(1)</script> {x} & Sons'")
    for page in (await client.get(sent.link), await client.post(sent.link, data=ONE_CLICK)):
        assert "<script" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; {x} &amp; Sons" in page.text


async def test_the_page_stands_alone_and_is_readable_by_all(client: httpx.AsyncClient, sent: Sent) -> None:
    page = await client.get(sent.link)
    assert re.findall(r"(?:src|href)=|<script|@import|url\(", page.text) == []
    assert 'lang="en"' in page.text
    assert "prefers-color-scheme: dark" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_a_page_of_one_person_is_kept_by_no_cache_and_tells_no_other_site(
    client: httpx.AsyncClient, sent: Sent
) -> None:
    page = await client.get(sent.link)
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_database_that_is_away_is_said_on_a_page(sent: Sent, method: str) -> None:
    async with serving(make_web(api_settings())) as client:
        page = await client.request(method, sent.link)
    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert "Please try again" in page.text


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.method, self.fields = "", dict[str, str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.method = found["method"].upper()
        if tag == "input":
            self.fields[found["name"]] = found["value"]
