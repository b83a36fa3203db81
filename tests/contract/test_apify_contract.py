"""Apify as published: runs, data sets and webhooks; and what a crawl of fictional sites finds."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from agency_os.exceptions import Outcome, ProviderError, SignatureError
from agency_os.integrations import apify
from agency_os.integrations.apify import ApifyClient
from agency_os.integrations.webhook import Webhook
from agency_os.kit.http import HttpRequest, Transport
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import MONDAY_NINE, directory
from tests.support.published import ContractError, Published, published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/apify"
ACTOR = "apify~website-content-crawler"
RUNS = f"{BASE}/v2/actors/{ACTOR}/runs"
SITES = [f"https://{company.domain}/" for company in directory().companies[:4]]
ERROR = json.dumps(
    {"type": "object", "required": ["error"], "properties": {"error": {"type": "object", "required": ["type"]}}}
)


@pytest.fixture
def judge() -> Published:
    return published("apify/openapi.json", BASE, ERROR)


def client_of(wire: Wire, transport: Transport | None = None) -> ApifyClient:
    return ApifyClient(wire.connection(BASE, "apify_api_test", transport), ACTOR)


async def test_a_crawl_is_as_published_and_pays_by_the_page(wire: Wire, judge: Published) -> None:
    result = await client_of(wire).crawl(SITES, pages_each=3)
    assert wire.check(judge) == [201, 200, 200]
    assert (result.status, result.units, len(result.pages)) == ("SUCCEEDED", Decimal(12), 12)
    charged = wire.sandbox.store.all("SELECT units FROM oracle WHERE provider = 'apify' AND accepted")
    assert sum(Decimal(row["units"]) for row in charged) == Decimal(12)


async def test_a_site_that_is_not_there_has_no_pages_and_costs_nothing(wire: Wire, judge: Published) -> None:
    result = await client_of(wire).crawl(["https://nowhere.example/"], pages_each=3)
    assert (result.pages, result.units, wire.check(judge)) == ((), Decimal(0), [201, 200, 200])


async def test_runs_that_were_started_are_found_again(wire: Wire, judge: Published) -> None:
    run = await client_of(wire).start(SITES[:1], pages_each=1)
    found = await client_of(wire).runs(since=MONDAY_NINE - timedelta(hours=1))
    assert [each.id for each in found] == [run.id]
    assert await client_of(wire).runs(since=MONDAY_NINE + timedelta(hours=1)) == []
    assert wire.check(judge) == [201, 200, 200]


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "status"),
    [
        ("POST", RUNS, {}, {"startUrls": []}, 401),
        ("POST", RUNS, {"authorization": "Bearer t"}, {"startUrls": "x"}, 400),
        ("GET", f"{BASE}/v2/actor-runs/none", {"authorization": "Bearer t"}, None, 404),
        ("GET", f"{BASE}/v2/datasets/none/items", {"authorization": "Bearer t"}, None, 404),
    ],
)
async def test_a_refusal_is_as_published(
    wire: Wire, judge: Published, method: str, url: str, headers: dict[str, str], body: object, status: int
) -> None:
    assert await wire.check_raw(judge, method, url, body, **headers) == status


@pytest.mark.parametrize(("kind", "statuses"), [("429", [429, 201]), ("500", [500]), ("refused", [400])])
async def test_a_fault_speaks_as_published(wire: Wire, judge: Published, kind: str, statuses: list[int]) -> None:
    await wire.fault("apify", kind)
    with suppress(ProviderError):
        await client_of(wire).start(SITES[:1], pages_each=1)
    assert wire.check(judge) == statuses


async def test_a_run_whose_pages_cannot_be_read_may_have_been_paid(wire: Wire) -> None:
    rules = [{"provider": "apify", "operation": "items.list", "kind": "500"}]
    await wire.raw("PUT", f"{HOST}/control/faults", rules)
    with pytest.raises(ProviderError) as caught:
        await client_of(wire).crawl(SITES, pages_each=3)
    assert (caught.value.outcome, caught.value.operation) == (Outcome.UNKNOWN, "pages")


def test_the_published_run_is_read(wire: Wire) -> None:
    event = json.dumps(read_spec("apify/example.webhook.json")["default_payload"]).encode()
    name = apify.webhooks("s" * 20).name_event(Webhook(event, {}, ""), MONDAY_NINE)
    assert (name.kind, name.occurred_at) == (
        "ACTOR.RUN.SUCCEEDED",
        datetime(2019, 1, 9, 15, 59, 56, 408000, tzinfo=UTC),
    )


def test_a_webhook_is_known_by_the_secret_of_its_address_and_told_by_its_dispatch() -> None:
    source = apify.webhooks("s" * 20)
    source.admit({}, "s" * 20)
    with pytest.raises(SignatureError):
        source.admit({}, "other")
    hook = Webhook(b'{"eventType": "ACTOR.RUN.NEW_KIND"}', {"X-Apify-Webhook-Dispatch-Id": "d-1"}, "")
    assert source.name_event(hook, MONDAY_NINE).event_id == "d-1"


async def test_a_run_that_does_not_end_is_unknown(wire: Wire) -> None:
    run = {"id": "r", "status": "RUNNING", "defaultDatasetId": "d"}
    with pytest.raises(ProviderError, match="has not finished") as caught:
        await client_of(wire, Script(answer(201, {"data": run}))).crawl(SITES, pages_each=1)
    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("query", ["timeout=soon", "pages=3", "maxItems=many"])
def test_a_broken_request_fails_the_judge(judge: Published, query: str) -> None:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer t"}
    with pytest.raises(ContractError):
        judge.check_request(HttpRequest("POST", f"{RUNS}?{query}", headers, b"{}"))
