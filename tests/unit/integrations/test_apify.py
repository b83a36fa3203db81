"""Apify's runs and what companies' websites tell: read page by page, paid page by page, never started twice."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from agency_os.domain.facts import Fact, LeadFacts
from agency_os.exceptions import Outcome, ProviderError
from agency_os.integrations.apify import ApifyClient
from agency_os.integrations.apify_facts import PAGES_EACH, ApifySource
from agency_os.integrations.fact_source import Found, NotNow, Unclear
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

TODAY = date(2026, 11, 25)
SITES = ["https://a.example/", "https://b.example/"]


def run(status: str) -> HttpResponse:
    return answer(200, {"data": {"id": "r1", "status": status, "defaultDatasetId": "d1"}})


def page(url: str, text: str = "") -> dict[str, Any]:
    return {"url": url, "text": text, "metadata": {"title": "T", "description": None}}


def client_of(*answers: HttpResponse | Exception) -> tuple[ApifyClient, Script]:
    wall, script = FakeWallClock(), Script(*answers)
    connection = Connection(script, "https://apify.example", "token", RateLimit(1000, wall), wall, Random(1))  # noqa: S311
    return ApifyClient(connection, "apify~crawler"), script


async def test_a_run_is_started_once_waited_for_and_read() -> None:
    client, script = client_of(run("READY"), run("RUNNING"), run("SUCCEEDED"), answer(200, [page(SITES[0])]))
    crawl = await client.crawl(SITES, pages_each=2)
    assert (crawl.units, [each.url for each in crawl.pages]) == (Decimal(1), [SITES[0]])
    assert [request.method for request in script.requests] == ["POST", "GET", "GET", "GET"]
    assert json.loads(script.requests[0].body)["maxCrawlPages"] == 4
    assert "maxItems=4" in script.requests[0].url


async def test_a_run_that_timed_out_at_apify_is_read_all_the_same() -> None:
    client, _ = client_of(run("TIMED-OUT"), answer(200, [page(SITES[0])]))
    crawl = await client.crawl(SITES, pages_each=2)
    assert (crawl.status, crawl.units) == ("TIMED-OUT", Decimal(1))


@pytest.mark.parametrize("fault", [answer(404, {"error": {}}), answer(500, b""), NoAnswerError("cut off")])
async def test_once_it_is_started_nothing_says_that_it_was_not(fault: HttpResponse | Exception) -> None:
    client, script = client_of(run("READY"), fault)
    with pytest.raises(ProviderError) as caught:
        await client.crawl(SITES, pages_each=2)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert [request.method for request in script.requests].count("POST") == 1


async def test_what_is_no_page_is_left_out() -> None:
    client, _ = client_of(run("SUCCEEDED"), answer(200, [page(SITES[0]), {"error": "x"}, 7, None]))
    assert len((await client.crawl(SITES, pages_each=2)).pages) == 1


def lead(domain: str) -> LeadFacts:
    return LeadFacts(domain=Fact(domain, "import", TODAY))


async def test_each_company_learns_from_its_own_pages_and_pays_for_them() -> None:
    pages = [
        page("https://a.example/", "Since 1998. We are a team of 12."),
        page("https://www.a.example/jobs", "We are hiring!"),
        page("https://b.example/", "Call (07) 5550 1234"),
    ]
    client, script = client_of(run("SUCCEEDED"), answer(200, pages))
    first, second = await ApifySource(client, Decimal(1)).ask([lead("a.example"), lead("B.example")], ["", ""], TODAY)
    assert isinstance(first, Found)
    assert isinstance(second, Found)
    assert (first.units, second.units) == (Decimal(2), Decimal(1))
    assert {name: known.value for name, known in first.facts.known()} == {
        "organization_founded_year": 1998, "organization_employee_count": 12, "organization_is_hiring": True,
    }  # fmt: skip
    assert {name: known.value for name, known in second.facts.known()} == {"organization_country": "Australia"}
    assert json.loads(script.requests[0].body)["maxCrawlPages"] == 2 * PAGES_EACH


@pytest.mark.parametrize(
    ("given", "kind"), [(answer(402, {"error": {"type": "x"}}), NotNow), (NoAnswerError("cut off"), Unclear)]
)
async def test_a_refusal_holds_for_all_companies_of_the_run(given: HttpResponse | Exception, kind: type) -> None:
    client, _ = client_of(given)
    answers = await ApifySource(client, Decimal(1)).ask([lead("a.example"), lead("b.example")], ["", ""], TODAY)
    assert [type(each) for each in answers] == [kind, kind]
