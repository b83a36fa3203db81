"""Hunter as described: what our client sends strictly, what the sandbox answers so that nulls pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from agency_os.exceptions import ProviderError, ProviderLimitError
from agency_os.integrations.hunter import DEPARTMENTS, PERSON_OBJECTED, SENIORITIES, DomainSearch, HunterClient
from agency_os_sandbox.providers.hunter import Hunter
from agency_os_sandbox.world.directory import Contact
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import directory
from tests.support.published import ContractError, Published, published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/hunter/v2"


def someone(wanted: Callable[[Contact], bool]) -> Contact:
    return next(contact for contact in directory().contacts if wanted(contact))


KNOWN = someone(lambda contact: contact.hunter_score > 80 and not contact.private)
NOT_KNOWN = someone(lambda contact: contact.hunter_score == 0 and not contact.private)
PRIVATE = someone(lambda contact: contact.private)


@pytest.fixture
def judge() -> Published:
    return published("hunter/openapi.third-party.json", BASE)


@pytest.fixture
def client(wire: Wire) -> HunterClient:
    return HunterClient(wire.connection(BASE, "key"))


def charged(wire: Wire) -> list[tuple[Decimal, bool, bool]]:
    """Units, accepted and replay of each look-up."""
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'hunter' ORDER BY seq")
    return [(Decimal(row["units"]), bool(row["accepted"]), bool(row["replay"])) for row in rows]


async def test_an_email_found_is_as_published(wire: Wire, client: HunterClient, judge: Published) -> None:
    found = await client.find_email(KNOWN.company.domain, KNOWN.first_name, KNOWN.last_name)
    assert (found.email, found.units, found.score) == (KNOWN.email, Decimal(1), KNOWN.hunter_score)
    assert wire.check(judge) == [200]


async def test_nothing_found_costs_nothing_by_either_answer(wire: Wire, client: HunterClient, judge: Published) -> None:
    by_null = await client.find_email(NOT_KNOWN.company.domain, NOT_KNOWN.first_name, NOT_KNOWN.last_name)
    by_404 = await client.find_email("nowhere.example", "No", "Body")
    assert [(each.email, each.units) for each in (by_null, by_404)] == [(None, Decimal(0))] * 2
    assert wire.check(judge) == [200, 404]


@pytest.mark.parametrize("quality", ["verified", "guessed", "gone"])
async def test_a_verification_is_as_published(wire: Wire, client: HunterClient, judge: Published, quality: str) -> None:
    contact = someone(lambda each: each.mailbox_quality == quality and not each.private)
    verdict = await client.verify_email(contact.email)
    assert (verdict.verification == "invalid") == (quality == "gone")
    assert wire.check(judge) == [200]


async def test_whoever_objected_is_refused_as_published(wire: Wire, client: HunterClient, judge: Published) -> None:
    for ask in (
        client.find_email(PRIVATE.company.domain, PRIVATE.first_name, PRIVATE.last_name),
        client.verify_email(PRIVATE.email),
    ):
        with pytest.raises(ProviderError) as caught:
            await ask
        assert caught.value.provider_code == PERSON_OBJECTED
    assert wire.check(judge) == [451, 451]


@pytest.mark.parametrize(("kind", "statuses"), [("pending", [202, 200]), ("429", [403, 200]), ("500", [500, 200])])
async def test_what_passes_is_asked_again_and_is_as_published(
    wire: Wire, client: HunterClient, judge: Published, kind: str, statuses: list[int]
) -> None:
    await wire.fault("hunter", kind)
    verdict = await client.verify_email(KNOWN.email)
    assert verdict.units == Decimal("0.5")
    assert wire.check(judge) == statuses


async def test_a_refusal_on_demand_is_as_published(wire: Wire, client: HunterClient, judge: Published) -> None:
    await wire.fault("hunter", "refused")
    with pytest.raises(ProviderError):
        await client.verify_email(KNOWN.email)
    assert wire.check(judge) == [400]


async def test_a_plan_that_is_used_up_is_429_and_shows_in_the_account(
    wire: Wire, client: HunterClient, judge: Published
) -> None:
    Hunter(wire.sandbox.store, directory()).limit_plan(Decimal(1))
    await client.verify_email(KNOWN.email)
    with pytest.raises(ProviderLimitError):
        await client.find_email(KNOWN.company.domain, KNOWN.first_name, KNOWN.last_name)
    assert wire.check(judge) == [200, 429]
    account = await client.account()
    assert (account.plan, account.credits_used, account.credits_available) == ("Growth", Decimal(0), Decimal(1))
    assert (str(account.resets_on), wire.check(judge)) == ("2026-04-01", [200, 429, 200])


@pytest.mark.parametrize(
    "search",
    [
        DomainSearch(KNOWN.company.domain),
        DomainSearch(KNOWN.company.domain, "generic"),
        DomainSearch(KNOWN.company.domain, "personal", SENIORITIES, DEPARTMENTS),
        DomainSearch("nowhere.example"),
    ],
    ids=["all", "generic", "every filter", "unknown"],
)
async def test_the_emails_of_a_domain_are_as_published(
    wire: Wire, client: HunterClient, judge: Published, search: DomainSearch
) -> None:
    page = await client.search_domain(search, limit=100)
    assert {each.kind for each in page.emails} <= {search.kind or "personal", search.kind or "generic"}
    assert (KNOWN.email in {each.email for each in page.emails}) == (
        search.kind != "generic" and search.domain == KNOWN.company.domain
    )
    assert page.units == (1 if page.emails else 0)
    assert (charged(wire)[0][0], wire.check(judge)) == (page.units, [200])


async def test_a_domains_emails_come_in_pages_and_the_same_page_counts_once(
    wire: Wire, client: HunterClient, judge: Published
) -> None:
    search = DomainSearch(KNOWN.company.domain)
    whole = await client.search_domain(search, limit=100)
    found: list[str] = []
    offset: int | None = 0
    pages = 0
    while offset is not None:
        page = await client.search_domain(search, limit=2, offset=offset)
        found += [each.email for each in page.emails]
        offset, pages = page.next_offset, pages + 1
    assert found == [each.email for each in whole.emails]
    assert (pages, whole.total) == (-(-len(found) // 2), len(found))
    await client.search_domain(search, limit=100)
    assert charged(wire)[-1] == (Decimal(0), False, True)
    assert set(wire.check(judge)) == {200}


async def test_whoever_objected_is_in_no_list(wire: Wire, client: HunterClient) -> None:
    page = await client.search_domain(DomainSearch(PRIVATE.company.domain), limit=100)
    assert PRIVATE.email not in {each.email for each in page.emails}
    ((_, response),) = wire.recorder.exchanges
    assert PRIVATE.email.encode() not in response.body


@pytest.mark.parametrize(("kind", "statuses"), [("429", [403, 200]), ("500", [500, 200]), ("refused", [400])])
async def test_a_domain_search_under_a_fault_is_as_published(
    wire: Wire, client: HunterClient, judge: Published, kind: str, statuses: list[int]
) -> None:
    await wire.fault("hunter", kind)
    if statuses[-1] == 200:
        assert (await client.search_domain(DomainSearch(KNOWN.company.domain))).emails
    else:
        with pytest.raises(ProviderError):
            await client.search_domain(DomainSearch(KNOWN.company.domain))
    assert wire.check(judge) == statuses


@pytest.mark.parametrize(
    "broken",
    [
        "/domain-search?domain=a.example&limit=101", "/domain-search?domain=a.example&limit=ten",
        "/domain-search?domain=a.example&type=private", "/domain-search?site=a.example",
        "/email-finder?domain=a.example&given_name=Jo", "/email-verifier?mail=a@b.example", "/email-verifier",
        "/accounts",
    ],
)  # fmt: skip
async def test_a_broken_look_up_is_not_as_published(
    wire: Wire, client: HunterClient, judge: Published, broken: str
) -> None:
    await client.verify_email(KNOWN.email)
    ((request, _),) = wire.recorder.exchanges
    judge.check_request(request)
    for wrong in (replace(request, url=BASE + broken), replace(request, headers={}), replace(request, method="PUT")):
        with pytest.raises(ContractError):
            judge.check_request(wrong)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/domain-search?company=No+Such+Company", {"x_api_key": "key"}, 200),
        ("/domain-search?domain=a.example", {}, 401),
        ("/domain-search", {"x_api_key": "key"}, 400),
        ("/domain-search?domain=a.example&limit=101", {"x_api_key": "key"}, 400),
        ("/account", {"x_api_key": "key"}, 200),
        ("/account", {}, 401),
        ("/email-verifier?email=nobody", {"x_api_key": "key"}, 400),
        ("/email-finder?domain=a.example", {"authorization": "Bearer key"}, 400),
    ],
)
async def test_what_no_client_of_ours_asks_is_answered_as_published(
    wire: Wire, judge: Published, path: str, headers: dict[str, str], status: int
) -> None:
    assert await wire.check_raw(judge, "GET", BASE + path, **headers) == status


async def test_the_same_look_up_again_is_charged_once(wire: Wire, client: HunterClient) -> None:
    for _ in range(2):
        await client.verify_email(KNOWN.email)
        await client.find_email("nowhere.example", "No", "Body")
    half, nothing = Decimal("0.5"), Decimal(0)
    assert charged(wire) == [
        (half, True, False),
        (nothing, True, False),
        (nothing, False, True),
        (nothing, False, True),
    ]


async def test_our_client_reads_the_published_answers(wire: Wire) -> None:
    examples = read_spec("hunter/examples.json")
    finder = HunterClient(wire.connection(BASE, "key", Script(answer(200, examples["email_finder"]))))
    found = await finder.find_email("example.com", "Ada", "Example")
    verifier = HunterClient(wire.connection(BASE, "key", Script(answer(200, examples["email_verifier"]))))
    verdict = await verifier.verify_email("ada@example.com")
    assert [(each.email, each.score, each.verification) for each in (found, verdict)] == [
        ("ada@example.com", 99, "valid")
    ] * 2


async def test_our_client_reads_the_published_domain(wire: Wire) -> None:
    example = read_spec("hunter/examples.json")["domain_search"]
    client = HunterClient(wire.connection(BASE, "key", Script(answer(200, example))))
    page = await client.search_domain(DomainSearch("example.com"))
    ada, press = page.emails
    assert (page.organization, page.pattern, page.accept_all, page.total) == ("Example Pty Ltd", "{first}", False, 2)
    assert (ada.email, ada.first_name, ada.seniority, ada.verification) == (
        "ada@example.com", "Ada", "executive", "valid",
    )  # fmt: skip
    assert (press.kind, press.department, press.first_name) == ("generic", "communication", None)
