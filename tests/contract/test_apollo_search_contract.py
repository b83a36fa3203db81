"""Apollo's search and look-ups as published: our requests strictly, the sandbox's answers so that nulls pass."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from agency_os.domain.icp import NO_ICP, Icp
from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError
from agency_os.integrations.apollo import PersonQuery
from agency_os.integrations.apollo_search import ApolloSearchClient, PeopleSearch, Quota
from agency_os_sandbox.providers.apollo import Apollo
from agency_os_sandbox.world.directory import Contact
from tests.contract.conftest import Wire
from tests.contract.test_apollo_contract import BASE, ERROR_SCHEMA, asking_for, known_as
from tests.factories.sandbox import directory
from tests.support.published import ContractError, Published, published, read_spec
from tests.support.wire import Script, answer

pytestmark = pytest.mark.needs("specs")

OWNERS = PeopleSearch(titles=("owner",))
COMPANY = directory().companies[0]
EVERYTHING = PeopleSearch(
    titles=("owner", "practice manager"),
    similar_titles=False,
    seniorities=("owner", "c_suite"),
    person_locations=("Sydney", "victoria"),
    company_locations=("australia",),
    employees=((1, 10), (11, 50)),
    domains=(COMPANY.domain, "other.example"),
    organization_ids=(COMPANY.id,),
    email_statuses=("verified", "likely to engage"),
    keywords="dental",
)


@pytest.fixture
def judge() -> Published:
    return published("apollo/openapi.json", BASE, ERROR_SCHEMA)


@pytest.fixture
def client(wire: Wire) -> ApolloSearchClient:
    return ApolloSearchClient(wire.connection(BASE, "key"))


def charged(wire: Wire) -> Decimal:
    """The credits that the oracle holds as accepted."""
    rows = wire.sandbox.store.all("SELECT units FROM oracle WHERE provider = 'apollo' AND accepted = 1")
    return sum((Decimal(row["units"]) for row in rows), Decimal(0))


@pytest.mark.parametrize("search", [OWNERS, EVERYTHING, PeopleSearch.of_icp(NO_ICP)], ids=["title", "all", "no ICP"])
async def test_a_search_is_as_published_and_free(
    wire: Wire, client: ApolloSearchClient, judge: Published, search: PeopleSearch
) -> None:
    page = await client.search_people(search)
    assert (page.units, charged(wire), wire.check(judge)) == (Decimal(0), Decimal(0), [200])


async def test_a_prospect_found_by_a_profile_is_matched_by_its_id(
    wire: Wire, client: ApolloSearchClient, judge: Published
) -> None:
    icp = Icp(company_sizes=("5-50",), locations=("Victoria",), titles=("Owner",), confirmed=True)
    page = await client.search_people(PeopleSearch.of_icp(icp), per_page=5)
    prospect = next(each for each in page.prospects if each.has_email)
    result = await client.match_person(PersonQuery(id=prospect.id))
    assert result.person is not None
    assert result.person.organization is not None
    assert (result.person.email_status, result.person.state) == ("verified", "Victoria")
    assert 5 <= (result.person.organization.employee_count or 0) <= 50
    assert prospect.obfuscated_last_name != result.person.last_name
    assert (result.units, charged(wire), wire.check(judge)) == (Decimal(1), Decimal(1), [200, 200])


async def test_no_answer_of_a_search_shows_an_email_or_a_whole_name(wire: Wire, client: ApolloSearchClient) -> None:
    page = await client.search_people(OWNERS)
    ((_, response),) = wire.recorder.exchanges
    people = [directory().by_id(each.id) for each in page.prospects]
    assert len(people) == 100
    for person in people:
        assert person is not None
        assert person.email.encode() not in response.body
        assert (person.mobile or "04 no number").encode() not in response.body
    assert b'"last_name"' not in response.body


async def test_pages_hold_everybody_once(wire: Wire, client: ApolloSearchClient, judge: Published) -> None:
    found, number, more = [], 0, True
    while more:
        number += 1
        page = await client.search_people(OWNERS, page=number, per_page=100)
        found += [each.id for each in page.prospects]
        more = page.has_more
    assert number > 1
    assert (len(set(found)), len(found)) == (page.total, page.total)
    assert set(wire.check(judge)) == {200}


async def test_what_is_left_of_the_windows_is_read(wire: Wire, client: ApolloSearchClient) -> None:
    response = await wire.raw("PUT", BASE.replace("/apollo/api/v1", "/control/limits"), {"apollo": 10})
    assert response.status == 200
    assert (await client.search_people(OWNERS)).quota == Quota(599, 35_999, 863_999)


async def test_the_last_page_is_as_published_and_a_later_one_is_refused(
    wire: Wire, client: ApolloSearchClient, judge: Published
) -> None:
    last = await client.search_people(OWNERS, page=500)
    assert (last.prospects, last.has_more, wire.check(judge)) == ((), False, [200])
    url = f"{BASE}/mixed_people/api_search?page=501"
    assert await wire.check_raw(judge, "POST", url, x_api_key="key") == 422


async def test_an_organisation_is_as_published_for_a_credit(
    wire: Wire, client: ApolloSearchClient, judge: Published
) -> None:
    found = (await client.enrich_organization(COMPANY.domain)).organization
    assert found is not None
    assert (found.id, found.name, found.domain) == (COMPANY.id, COMPANY.name, COMPANY.domain)
    nobody = await client.enrich_organization("nowhere.example")
    assert (nobody.organization, nobody.units) == (None, Decimal(0))
    assert (charged(wire), wire.check(judge)) == (Decimal(1), [200, 200])


@pytest.mark.parametrize("contact", [known_as("full"), known_as("no_email")], ids=["whole", "without email"])
async def test_the_single_match_is_as_published(
    wire: Wire, client: ApolloSearchClient, judge: Published, contact: Contact
) -> None:
    asked = replace(asking_for(contact), email=contact.email, id=contact.id, linkedin_url=contact.linkedin_url)
    result = await client.match_person(asked)
    assert result.person is not None
    assert (result.person.id, result.person.organization and result.person.organization.id) == (
        contact.id, contact.company.id,
    )  # fmt: skip
    assert wire.check(judge) == [200]


async def test_nobody_matched_costs_nothing(wire: Wire, client: ApolloSearchClient, judge: Published) -> None:
    result = await client.match_person(PersonQuery("No", "Body", domain="nowhere.example"))
    assert (result.person, result.units, charged(wire), wire.check(judge)) == (None, Decimal(0), Decimal(0), [200])


async def test_job_postings_are_as_published(wire: Wire, client: ApolloSearchClient, judge: Published) -> None:
    postings = [await client.job_postings(company.id) for company in directory().companies[:20]]
    assert max(each.count for each in postings) > 0
    assert sum(each.units for each in postings) == charged(wire)
    assert wire.check(judge) == [200] * 20


async def test_an_unknown_company_is_refused_as_published(
    wire: Wire, client: ApolloSearchClient, judge: Published
) -> None:
    with pytest.raises(ProviderError, match="not a valid ID"):
        await client.job_postings("ffffffffffffffffffffffff")
    assert wire.check(judge) == [422]


async def test_a_key_without_the_right_is_refused_as_published(
    wire: Wire, client: ApolloSearchClient, judge: Published
) -> None:
    Apollo(wire.sandbox.store, directory()).close_endpoints(["/mixed_people/api_search", "/organizations/enrich"])
    for ask in (client.search_people(OWNERS), client.enrich_organization(COMPANY.domain)):
        with pytest.raises(ProviderLimitError) as caught:
            await ask
        assert caught.value.provider_code == "API_INACCESSIBLE"
    assert wire.check(judge) == [403, 403]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/mixed_people/api_search", {}, 401),
        ("POST", "/mixed_people/api_search?per_page=101", {"x_api_key": "key"}, 422),
        ("POST", "/mixed_people/api_search?organization_num_employees_ranges[]=many", {"x_api_key": "key"}, 422),
        ("GET", "/organizations/enrich?domain=a.example", {}, 401),
        ("GET", "/organizations/enrich", {"x_api_key": "key"}, 422),
        ("POST", "/people/match?id=x", {}, 401),
    ],
)
async def test_what_no_client_of_ours_asks_is_answered_as_published(
    wire: Wire, judge: Published, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert await wire.check_raw(judge, method, BASE + path, **headers) == status


@pytest.mark.parametrize(
    ("kind", "searched", "enriched"),
    [("429", [429, 200], [429, 200]), ("500", [500, 200], [500]), ("accepted_then_500", [500, 200], [500])],
)
async def test_a_search_is_repeated_and_what_costs_is_not(
    wire: Wire, client: ApolloSearchClient, judge: Published, kind: str, searched: list[int], enriched: list[int]
) -> None:
    await wire.fault("apollo", kind)
    await client.search_people(OWNERS)
    assert [response.status for _, response in wire.recorder.exchanges] == searched
    wire.recorder.exchanges.clear()
    await wire.fault("apollo", kind)
    if enriched[-1] == 200:
        await client.enrich_organization(COMPANY.domain)
    else:
        with pytest.raises(ProviderError) as caught:
            await client.enrich_organization(COMPANY.domain)
        assert caught.value.outcome is Outcome.UNKNOWN
    judged = [response.status for _, response in wire.recorder.exchanges]
    assert (judged, charged(wire) <= 1) == (enriched, True)


@pytest.mark.parametrize("kind", ["429", "500", "refused"])
async def test_a_fault_speaks_as_published(wire: Wire, client: ApolloSearchClient, judge: Published, kind: str) -> None:
    status = {"429": 429, "500": 500, "refused": 422}[kind]
    await wire.fault("apollo", kind)
    assert await wire.check_raw(judge, "POST", f"{BASE}/mixed_people/api_search", x_api_key="key") == status


@pytest.mark.parametrize(
    "broken",
    [
        "person_titles=owner", "person_titles[]=owner&industry=dental", "page=first", "revenue_range[min]=much",
        "include_similar_titles=perhaps",
    ],
)  # fmt: skip
async def test_a_broken_search_is_not_as_published(
    wire: Wire, client: ApolloSearchClient, judge: Published, broken: str
) -> None:
    await client.search_people(OWNERS)
    ((request, _),) = wire.recorder.exchanges
    judge.check_request(request)
    with pytest.raises(ContractError):
        judge.check_request(replace(request, url=f"{BASE}/mixed_people/api_search?{broken}"))


@pytest.mark.parametrize(
    "broken", ["/people/match?mail=a@b.example", "/people/match?reveal_phone_number=seven", "/people/matches?id=x"]
)
async def test_a_broken_match_is_not_as_published(
    wire: Wire, client: ApolloSearchClient, judge: Published, broken: str
) -> None:
    await client.match_person(PersonQuery(id="x"))
    ((request, _),) = wire.recorder.exchanges
    judge.check_request(request)
    for wrong in (replace(request, url=BASE + broken), replace(request, body=b"{}"), replace(request, headers={})):
        with pytest.raises(ContractError):
            judge.check_request(wrong)


async def test_our_client_reads_the_published_answers(wire: Wire) -> None:
    def example(path: str, method: str) -> dict[str, object]:
        responses = read_spec("apollo/openapi.json")["paths"][path][method]["responses"]
        (value,) = responses["200"]["content"]["application/json"]["examples"].values()
        found: dict[str, object] = json.loads(value["value"]) if isinstance(value["value"], str) else value["value"]
        return found

    def reading(body: object) -> ApolloSearchClient:
        return ApolloSearchClient(wire.connection(BASE, "key", Script(answer(200, body))))

    page = await reading(example("/mixed_people/api_search", "post")).search_people(OWNERS)
    first = page.prospects[0]
    assert (len(page.prospects), page.total) == (10, 232_764_882)
    assert (first.first_name, first.obfuscated_last_name, first.company) == ("Andrew", "Hu***n", "Scicomm Media")
    assert (first.has_email, first.has_direct_phone, page.prospects[5].title) == (True, True, None)
    company = (await reading(example("/organizations/enrich", "get")).enrich_organization("apollo.io")).organization
    assert company is not None
    assert (company.name, company.domain, company.employee_count) == ("Apollo.io", "apollo.io", 1600)
    person = (await reading(example("/people/match", "post")).match_person(PersonQuery(id="x"))).person
    assert person is not None
    assert (person.email, person.title) == ("tim@apollo.io", "Founder & CEO")
