"""Hunter as described: what our client sends strictly, what the sandbox answers so that nulls pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from agency_os.exceptions import ProviderError, ProviderLimitError
from agency_os.integrations.hunter import PERSON_OBJECTED, HunterClient
from agency_os_sandbox.providers.hunter import Hunter
from agency_os_sandbox.world.directory import Contact
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import directory
from tests.support.published import Published, published, read_spec
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
    account = await wire.raw("GET", f"{BASE}/account", x_api_key="key")
    assert json.loads(account.body)["data"]["requests"]["credits"]["available"] == 1


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
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
