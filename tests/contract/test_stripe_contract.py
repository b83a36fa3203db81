"""Stripe as published: our requests strictly by a description of our own, every object and event of the sandbox by the
published schemas, and signatures by Stripe's own library.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import stripe
from jsonschema import Draft202012Validator

from agency_os.domain.subscription import SubscriptionStatus
from agency_os.exceptions import Outcome, ProviderError, SignatureError
from agency_os.integrations.stripe import API_VERSION, STATES, Checkout, StripeClient
from agency_os.integrations.stripe_events import BillingEventKind, parse_event, verify
from agency_os.kit.http import HttpRequest, HttpResponse
from agency_os_sandbox.providers.stripe_life import fails, mends, pays
from agency_os_sandbox.providers.stripe_objects import sign
from agency_os_sandbox.signing import Attempt
from tests.contract.conftest import HOST, Wire
from tests.factories.calls.stripe import CHECKOUT
from tests.factories.sandbox import MONDAY_NINE, SECRETS, SEED
from tests.support.published import ContractError, Published, read_spec

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/stripe"
KEY = "sk_test_sandbox"
FORM = "application/x-www-form-urlencoded"
SCHEMAS = {
    "checkout.session": "Session", "subscription": "Subscription", "customer": "Customer", "invoice": "Invoice",
    "event": "Event",
}  # fmt: skip
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
_PUBLISHED = frozenset({"in_1Pgc6tB7WZ01zgkWu9fdqL6I"})
"""The official invoice still has the field that basil took away."""


def check_object(shown: dict[str, Any]) -> None:
    """Raise ContractError unless an object of Stripe's is as published."""
    kind = shown.get("object")
    if kind == "billing_portal.session":
        fixture = read_spec("stripe/fixtures.json")["resources"][kind]
        unlike = set(shown) ^ (set(fixture) - {"customer_account"})
        if unlike:
            raise ContractError(f"a billing portal's session differs in {sorted(unlike)}")
        return
    name = SCHEMAS[kind] if kind is not None else "ErrorResponse"
    schema = {"$ref": f"#/$defs/{name}", "$defs": read_spec("stripe/objects.schema.json")["$defs"]}
    faults = sorted(Draft202012Validator(schema).iter_errors(shown), key=lambda each: list(map(str, each.path)))
    if faults:
        raise ContractError(f"{name} at {list(faults[0].path)}: {faults[0].message[:300]}")
    if kind is not None and shown.get("id") not in _PUBLISHED:
        unknown = set(shown) - set(schema["$defs"][name]["properties"])
        if unknown:
            raise ContractError(f"{name} has no field {sorted(unknown)}")


@dataclass(frozen=True)
class StripePublished(Published):
    """Requests by the description, answers by the published objects."""

    def check_answer(self, request: HttpRequest, response: HttpResponse) -> None:
        shown = json.loads(response.body)
        if (response.status == 200) != ("object" in shown):
            raise ContractError(f"{request.target} answered {response.status} with {sorted(shown)}")
        check_object(shown)
        if not response.headers.get("request-id"):
            raise ContractError(f"{request.target} names no request")


@pytest.fixture
def judge() -> Published:
    description = Path(__file__).parent / "descriptions" / "stripe.json"
    return StripePublished(json.loads(description.read_text("utf-8")), BASE)


@pytest.fixture
def client(wire: Wire) -> StripeClient:
    return StripeClient(wire.connection(BASE, KEY))


def somebody(*, month: int = 1, failing: bool = False, mended: bool = False) -> Checkout:
    """A checkout of a client who pays, and whose card then does as asked at the end of the month."""
    for number in range(10_000):
        who = UUID(int=number)
        if not pays(SEED, str(who)) or fails(SEED, str(who), month) != failing:
            continue
        if not failing or mends(SEED, str(who), month) == mended:
            return replace(CHECKOUT, client_id=who, trial_days=0)
    raise AssertionError("nobody does")


async def move(wire: Wire, **hours: float) -> None:
    response = await wire.raw("POST", f"{HOST}/control/clock", hours)
    assert response.status == 200, response.body


def told(wire: Wire) -> list[dict[str, Any]]:
    """The events of the sandbox, oldest first, each of them as published."""
    rows = wire.sandbox.store.all("SELECT body FROM outbox WHERE provider = 'stripe' ORDER BY n")
    found = [json.loads(row["body"]) for row in rows]
    for event in found:
        check_object(event)
        check_object(event["data"]["object"])
    return found


def test_the_version_is_that_of_the_published_objects() -> None:
    assert API_VERSION in read_spec("stripe/objects.schema.json")["title"]
    assert stripe.api_version == API_VERSION


def test_every_published_status_has_a_state_or_none() -> None:
    status = read_spec("stripe/objects.schema.json")["$defs"]["Subscription"]["properties"]["status"]
    assert set(STATES) == set(status["anyOf"][0]["enum"])


async def test_a_checkout_becomes_a_subscription_that_is_as_published(
    wire: Wire, client: StripeClient, judge: Published
) -> None:
    wanted = somebody()
    page = await client.create_checkout(wanted, key="checkout:1")
    await move(wire, hours=1)
    events = told(wire)
    created = next(event for event in events if event["type"] == "customer.subscription.created")
    found = await client.subscription(created["data"]["object"]["id"])
    assert found is not None
    assert (found.state, found.client_id, found.units) == (SubscriptionStatus.ACTIVE, wanted.client_id, Decimal(0))
    assert (found.period_start, found.period_end) == (
        MONDAY_NINE + timedelta(minutes=4),
        datetime(2026, 4, 1, 22, 4, tzinfo=UTC),
    )
    portal = await client.create_portal(found.customer_id, "https://app.example/billing", key="portal:1")
    assert page.url != portal.url
    assert wire.check(judge) == [200, 200, 200]
    assert {event["type"] for event in events} == {
        "customer.subscription.created", "invoice.paid", "checkout.session.completed",
    }  # fmt: skip


async def test_a_trial_is_as_published_and_ends_with_the_first_payment(wire: Wire, client: StripeClient) -> None:
    await client.create_checkout(replace(somebody(), trial_days=14), key="checkout:1")
    await move(wire, hours=24 * 15)
    states = [parse_event(json.dumps(event).encode()) for event in told(wire)]
    assert [each.subscription.status for each in states if each.subscription] == ["trialing", "active"]
    assert [each.changes_status for each in states if each.subscription] == [False, True]


@pytest.mark.parametrize(("mended", "last"), [(True, "active"), (False, "canceled")])
async def test_a_card_that_fails_is_told_as_published(
    wire: Wire, client: StripeClient, judge: Published, mended: bool, last: str
) -> None:
    await client.create_checkout(somebody(failing=True, mended=mended), key="checkout:1")
    await move(wire, hours=24 * 35)
    events = [parse_event(json.dumps(event).encode()) for event in told(wire)]
    assert [each.subscription.status for each in events if each.subscription] == ["active", "past_due", last]
    failed = [each for each in events if each.kind is BillingEventKind.INVOICE_FAILED]
    assert len(failed) == 2 - mended
    assert {each.client_id for each in events} == {events[0].client_id}
    found = await client.subscription(events[0].subscription_id or "")
    assert found is not None
    assert (found.status, found.ended_at is None) == (last, mended)
    assert wire.check(judge) == [200, 200]


async def test_a_page_that_nobody_pays_expires(wire: Wire, client: StripeClient) -> None:
    nobody = next(who for number in range(1000) if not pays(SEED, str(who := UUID(int=number))))
    await client.create_checkout(replace(CHECKOUT, client_id=nobody), key="checkout:1")
    await move(wire, hours=48)
    (event,) = told(wire)
    assert (event["type"], parse_event(json.dumps(event).encode()).kind) == (
        "checkout.session.expired", BillingEventKind.OTHER
    )  # fmt: skip


async def test_a_subscription_is_ended_once(wire: Wire, client: StripeClient, judge: Published) -> None:
    await client.create_checkout(somebody(), key="checkout:1")
    await move(wire, hours=1)
    found = next(event["data"]["object"]["id"] for event in told(wire) if "subscription" in event["type"])
    address = f"{BASE}/v1/subscriptions/{found}"
    assert (await wire.raw("DELETE", address, **AUTHORIZED)).status == 200
    assert (await wire.raw("DELETE", address, **AUTHORIZED)).status == 404
    await move(wire, hours=24 * 40)
    assert told(wire)[-1]["type"] == "customer.subscription.deleted"
    ended = await client.subscription(found)
    assert ended is not None
    assert (ended.state, ended.ended_at) == (SubscriptionStatus.CANCELLED, MONDAY_NINE + timedelta(hours=1))


async def test_what_is_not_known_is_none(wire: Wire, client: StripeClient, judge: Published) -> None:
    assert await client.subscription("sub_none") is None
    assert wire.check(judge) == [404]


async def test_a_key_stands_for_its_parameters_for_a_day(wire: Wire, client: StripeClient, judge: Published) -> None:
    first = await client.create_checkout(CHECKOUT, key="checkout:1")
    again = await client.create_checkout(CHECKOUT, key="checkout:1")
    with pytest.raises(ProviderError) as caught:
        await client.create_checkout(replace(CHECKOUT, price_id="price_other"), key="checkout:1")
    assert (first, caught.value.provider_code, caught.value.outcome) == (
        again, "idempotency_error", Outcome.NOT_ACCEPTED,
    )  # fmt: skip
    await move(wire, hours=25)
    assert (await client.create_checkout(CHECKOUT, key="checkout:1")).id != first.id
    assert wire.check(judge) == [200, 200, 400, 200]
    rows = wire.sandbox.store.all("SELECT accepted, replay, status FROM oracle WHERE provider = 'stripe' ORDER BY seq")
    assert [tuple(row) for row in rows] == [(1, 0, 200), (0, 1, 200), (0, 0, 400), (1, 0, 200)]


@pytest.mark.parametrize(
    ("kind", "statuses", "outcome"),
    [
        ("429", [429, 200], None),
        ("500", [500], Outcome.UNKNOWN),
        ("accepted_then_500", [500], Outcome.UNKNOWN),
        ("refused", [400], Outcome.NOT_ACCEPTED),
    ],
)
async def test_a_fault_speaks_as_published(
    wire: Wire, client: StripeClient, judge: Published, kind: str, statuses: list[int], outcome: Outcome | None
) -> None:
    await wire.fault("stripe", kind)
    if outcome is None:
        await client.create_checkout(CHECKOUT, key="checkout:1")
    else:
        with pytest.raises(ProviderError) as caught:
            await client.create_checkout(CHECKOUT, key="checkout:1")
        assert (caught.value.outcome, (caught.value.request_id or "")[:4]) == (outcome, "req_")
    assert wire.check(judge) == statuses


async def test_after_an_unknown_outcome_the_same_key_finds_the_same_page(wire: Wire, client: StripeClient) -> None:
    await wire.fault("stripe", "accepted_then_500")
    with pytest.raises(ProviderError):
        await client.create_checkout(CHECKOUT, key="checkout:1")
    page = await client.create_checkout(CHECKOUT, key="checkout:1")
    sessions = wire.sandbox.store.all("SELECT id FROM stripe_objects WHERE kind = 'checkout.session'")
    assert [row["id"] for row in sessions] == [page.id]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/customers", "email=a@b.example&metadata[x]=1", AUTHORIZED, 200),
        ("/v1/customers", "email=a@b.example", {"authorization": "Basic c2tfdGVzdF94Og=="}, 200),
        ("/v1/customers", "email=a@b.example", {}, 401),
        ("/v1/customers", "email=a@b.example", {"authorization": "Bearer pk_x"}, 401),
        ("/v1/customers", "colour=red", AUTHORIZED, 400),
        ("/v1/customers", "email=a@b.example", {**AUTHORIZED, "stripe_version": "2019-01-01"}, 400),
        ("/v1/customers", "email=a@b.example", {**AUTHORIZED, "idempotency_key": "k" * 256}, 400),
        ("/v1/customers", '{"email": "a@b.example"}', {**AUTHORIZED, "content_type": "application/json"}, 400),
        ("/v1/checkout/sessions", "mode=subscription", AUTHORIZED, 400),
        ("/v1/checkout/sessions", "mode=setup", AUTHORIZED, 400),
        ("/v1/checkout/sessions", "", AUTHORIZED, 400),
        ("/v1/checkout/sessions", "mode=subscription&line_items[0][price]=tea&success_url=x", AUTHORIZED, 400),
        ("/v1/checkout/sessions", "mode=subscription&line_items[0][price]=price_1&success_url=x"
         "&subscription_data[trial_period_days]=731", AUTHORIZED, 400),
        ("/v1/checkout/sessions", "mode=subscription&line_items[0][price]=price_1&success_url=x&customer=cus_no",
         AUTHORIZED, 404),
        ("/v1/billing_portal/sessions", "customer=cus_no", AUTHORIZED, 404),
    ],
)  # fmt: skip
async def test_what_no_client_of_ours_asks_is_answered_as_published(
    wire: Wire, judge: Published, path: str, body: str, headers: dict[str, str], status: int
) -> None:
    given = {"content_type": FORM, **headers}
    assert await wire.check_raw(judge, "POST", BASE + path, body.encode(), **given) == status


BROKEN: dict[str, dict[str, Any]] = {
    "no price": {"body": b"mode=subscription&line_items%5B0%5D%5Bquantity%5D=1&success_url=https%3A%2F%2Fa.example"},
    "a parameter of another time": {"add": b"&payment_behavior=default_incomplete"},
    "a quantity in words": {"body": b"mode=subscription&line_items%5B0%5D%5Bprice%5D=price_1"
                            b"&line_items%5B0%5D%5Bquantity%5D=one&success_url=https%3A%2F%2Fa.example"},
    "JSON": {"body": b'{"mode": "subscription"}', "content-type": "application/json"},
    "no key": {"idempotency-key": None},
    "another version": {"stripe-version": "2024-06-20"},
    "no credentials": {"authorization": None},
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_request_is_noticed(wire: Wire, client: StripeClient, judge: Published, fault: str) -> None:
    await client.create_checkout(CHECKOUT, key="checkout:1")
    request = wire.recorder.exchanges[0][0]
    judge.check_request(request)
    change = dict(BROKEN[fault])
    body = change.pop("body", request.body) + change.pop("add", b"")
    headers = {name.lower(): value for name, value in request.headers.items()} | change
    broken = replace(request, body=body, headers={name: value for name, value in headers.items() if value is not None})
    with pytest.raises(ContractError):
        judge.check_request(broken)


@pytest.mark.parametrize("kind", ["checkout.session", "subscription", "customer", "invoice"])
def test_the_published_fixtures_pass_the_judge_and_a_broken_one_does_not(kind: str) -> None:
    fixture = read_spec("stripe/fixtures.json")["resources"][kind]
    check_object(fixture)
    with pytest.raises(ContractError):
        check_object({**fixture, "created": "yesterday"})


def test_the_published_events_are_read() -> None:
    events = read_spec("stripe/example.events.json")
    read = {name: parse_event(json.dumps(event).encode()) for name, event in events.items() if name != "x-source"}
    assert {name: event.kind for name, event in read.items()} == {
        "customer.subscription.created": BillingEventKind.SUBSCRIPTION,
        "customer.subscription.updated": BillingEventKind.SUBSCRIPTION,
        "customer.subscription.deleted": BillingEventKind.SUBSCRIPTION,
        "invoice.paid": BillingEventKind.INVOICE_PAID,
        "invoice.payment_failed": BillingEventKind.INVOICE_FAILED,
        "checkout.session.completed": BillingEventKind.CHECKOUT,
    }
    subscription = read["customer.subscription.created"].subscription
    assert subscription is not None
    assert (subscription.id, subscription.period_end) == (
        "sub_1Pgc6rB7WZ01zgkWNy0Cn5nw", datetime.fromtimestamp(976287773, UTC)
    )  # fmt: skip
    assert read["invoice.paid"].subscription_id is not None
    assert {event.created_at for event in read.values()} == {datetime.fromtimestamp(1721954054, UTC)}


def vectors() -> list[dict[str, Any]]:
    return list(read_spec("signature-vectors.json")["stripe"])


def test_the_known_answers_hold() -> None:
    assert {vector["valid"] for vector in vectors()} == {True, False}
    for vector in vectors():
        now, body = datetime.fromtimestamp(vector["now"], UTC), vector["body"].encode()
        if vector["valid"]:
            verify(body, vector["headers"], vector["secret"], now)
        else:
            with pytest.raises(SignatureError):
                verify(body, vector["headers"], vector["secret"], now)
        with pytest.raises(SignatureError):
            verify(body + b" ", vector["headers"], vector["secret"], now)


def test_what_the_sandbox_signs_holds_for_stripes_library_and_for_us() -> None:
    body, secret = b'{"id":"evt_1","object":"event"}', SECRETS.stripe_secret
    header = sign(Attempt("http://api.example/", "evt_1", body, MONDAY_NINE), SECRETS)
    verify(body, header, secret, MONDAY_NINE)
    stripe.WebhookSignature.verify_header(body.decode(), header["Stripe-Signature"], secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode() + " ", header["Stripe-Signature"], secret)
    with pytest.raises(SignatureError):
        verify(body + b" ", header, secret, MONDAY_NINE)
