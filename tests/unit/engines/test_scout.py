"""What the scout's parts decide without a database: shares of a price, answers as stored, keys, who is asked next."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from agency_os.domain.company import company_key
from agency_os.domain.enrichment import Lookup
from agency_os.domain.enrichment_batch import Batch, LeadCase
from agency_os.domain.facts import Fact, LeadFacts
from agency_os.domain.icp import NO_ICP
from agency_os.domain.merging import merge_facts
from agency_os.domain.weights import DEFAULT_WEIGHTS
from agency_os.exceptions import (
    ProviderAnswerError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.fact_source import (
    Found,
    NotNow,
    Objected,
    Refused,
    Unclear,
    answer_from_json,
    answer_of,
    answer_to_json,
    shares,
)
from agency_os.kit.ids import new_id
from tests.factories.outreach import BEFORE

TODAY = date(2026, 11, 23)


def fact(value: Any, confidence: float = 0.9, source: str = "list") -> Fact[Any]:
    return Fact(value, source, TODAY, confidence)


def named(**facts: Fact[Any]) -> LeadFacts:
    known = {"first_name": "Pat", "last_name": "Lee", "company": "Acme", "domain": "acme.example"}
    return LeadFacts().with_facts({**{name: fact(value) for name, value in known.items()}, **facts})


def case(facts: LeadFacts) -> LeadCase:
    return LeadCase(new_id(), facts, BEFORE, has_company=False, facts=facts)


def batch(*cases: LeadCase) -> Batch:
    return Batch(new_id(), NO_ICP, DEFAULT_WEIGHTS, TODAY, TODAY, 0, list(cases))


@pytest.mark.parametrize(
    ("units", "charged", "expected"),
    [
        ("2", [True, False, True], ["1", "0", "1"]),
        ("1", [True, True, True], ["0.3334", "0.3333", "0.3333"]),
        ("3", [False, False], ["1.5", "1.5"]),
        ("0", [False], ["0"]),
    ],
)
def test_a_price_is_shared_out_to_the_last_unit(units: str, charged: list[bool], expected: list[str]) -> None:
    found = shares(Decimal(units), charged)
    assert found == [Decimal(each) for each in expected]
    assert sum(found) == Decimal(units)


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (ProviderRefusedError, 422, Refused),
        (ProviderLimitError, 429, NotNow),
        (ProviderUnknownError, None, Unclear),
        (ProviderAnswerError, 200, Unclear),
    ],
)
def test_an_error_says_what_may_be_done_next(kind: Any, status: int | None, expected: type) -> None:
    error = kind("no", provider="hunter", operation="find", http_status=status)
    assert isinstance(answer_of(error), expected)


def test_only_an_accepted_request_without_a_readable_answer_has_a_known_price() -> None:
    accepted = ProviderAnswerError("?", provider="apollo", operation="bulk_match")
    lost = ProviderUnknownError("?", provider="apollo", operation="bulk_match")
    assert answer_of(accepted, Decimal(1)) == Unclear("apollo: ?", Decimal(1))
    assert answer_of(lost, Decimal(1)) == Unclear("apollo: ?", None)


@pytest.mark.parametrize(("status", "for_all"), [(202, False), (222, False), (403, True), (429, True)])
def test_no_verdict_for_one_person_holds_up_no_other(status: int, for_all: bool) -> None:
    answer = answer_of(ProviderLimitError("wait", provider="hunter", operation="verify", http_status=status))
    assert isinstance(answer, NotNow)
    assert answer.for_all is for_all


def test_an_outage_may_have_been_charged_and_holds_for_all() -> None:
    answer = answer_of(ProviderLimitError("down", provider="hunter", operation="verify", http_status=503))
    assert answer == Unclear("hunter: down", None, for_all=True)


def test_answers_survive_being_stored() -> None:
    found = Found(named(), Decimal(1))
    assert answer_from_json(answer_to_json(found)) == Found(found.facts, Decimal(0))
    assert answer_from_json(answer_to_json(Objected("no"))) == Objected("no")


def test_a_stored_answer_of_another_shape_is_asked_for_again() -> None:
    assert answer_from_json({"facts": {"email": 5}}) is None
    assert answer_from_json({"something": "else"}) is None


@pytest.mark.parametrize(
    ("domain", "name", "email", "key"),
    [
        ("www.acme.com.au", "Acme", None, "acme.com.au"),
        ("gmail.com", "Acme Pty. Ltd.", None, "acme"),
        (None, "Harbour & Co. Pty Ltd", "jo@gmail.com", "harbour co"),
        (None, "Acme", "jo@mail.acme.com.au", "acme.com.au"),
        (None, None, None, None),
        (None, "Pty", None, "pty"),
    ],
)
def test_a_company_is_its_own_domain_else_its_name(
    domain: str | None, name: str | None, email: str | None, key: str | None
) -> None:
    assert company_key(domain, name, email) == key


def test_the_earliest_look_up_goes_first_for_all_who_want_it() -> None:
    waiting, asked = case(named()), case(named())
    asked.has_tried(Lookup.CACHE, Lookup.APOLLO)
    step = batch(asked, waiting).next_step({Lookup.APIFY, Lookup.CLAY})
    assert step == (Lookup.CACHE, [waiting])


def test_nobody_asks_about_a_lead_that_waits_or_objected() -> None:
    waits, objected = case(named()), case(named())
    waits.put_off = "later"
    objected.objected = True
    assert batch(waits, objected).next_step({Lookup.APIFY}) is None


def test_what_is_not_configured_is_never_wanted() -> None:
    lead = case(named())
    lead.has_tried(Lookup.CACHE, Lookup.APOLLO, Lookup.HUNTER)
    assert batch(lead).next_step({Lookup.APIFY, Lookup.CLAY}) is None


def test_the_premium_pass_looks_for_earlier_answers_then_asks_once() -> None:
    leads = [case(named()) for _ in range(7)]
    for lead in leads:
        lead.has_tried(Lookup.CACHE, Lookup.APOLLO, Lookup.HUNTER)
    group = batch(*leads)
    known, asked = group.next_step({Lookup.APIFY}), group.next_step({Lookup.APIFY})
    assert known is not None
    assert asked is not None
    assert (known[0], len(known[1]), asked[0], len(asked[1])) == (Lookup.CLAY, 7, Lookup.CLAY, 1)
    assert group.next_step({Lookup.APIFY}) is None


def test_an_address_confirmed_by_a_better_source_is_trusted_more_even_without_a_verdict() -> None:
    guessed = named(email=fact("pat@acme.example", 0.5, "apollo"))
    confirmed = LeadFacts(email=fact("pat@acme.example", 0.8, "hunter"))
    merged = merge_facts(guessed, confirmed, TODAY)
    assert merged.email == confirmed.email
