"""The enrichment policy: what is valid, what a look-up could still change, who goes to Clay (design decision 4)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency_os.domain.channels import Channel
from agency_os.domain.enrichment import (
    BASE_PASS,
    CACHE_TTL,
    CLAY_FAILING_CAP,
    CLAY_TOTAL_CAP,
    CONFIDENCE_THRESHOLD,
    LOOKUP_FIELDS,
    REQUIRED_FIELDS,
    Lookup,
    can_answer,
    choose_premium,
    could_change,
    next_base_lookup,
    open_fields,
    served_channels,
    standing,
    validate,
)
from agency_os.domain.facts import FIELDS, Fact, LeadFacts
from agency_os.domain.icp import NO_ICP
from agency_os.domain.scoring import score_lead
from agency_os.domain.weights import DEFAULT_WEIGHTS

TODAY = date(2026, 11, 23)
NAMED = {"first_name": "Pat", "last_name": "Lee", "company": "Acme", "domain": "acme.example"}
VALID = {**NAMED, "email": "pat@acme.example"}
WARM = {
    **VALID,
    "email_verified": True,
    "personal_email": True,
    "title": "Founder",
    "organization_employee_count": 20,
    "organization_country": "Australia",
}


def facts(confidence: float = 0.9, /, **values: Any) -> LeadFacts:
    return LeadFacts(**{name: Fact(value, "import", TODAY, confidence) for name, value in values.items()})


def next_lookup(lead: LeadFacts, *tried: Lookup) -> Lookup | None:
    return next_base_lookup(lead, tried, NO_ICP, DEFAULT_WEIGHTS, TODAY)


def chosen(batch: list[LeadFacts], *tried: int) -> list[int]:
    return [each.position for each in choose_premium(batch, NO_ICP, DEFAULT_WEIGHTS, TODAY, tried=tried)]


def test_the_numbers_are_those_of_blueprint_and_design() -> None:
    assert REQUIRED_FIELDS == ("email", "first_name", "last_name", "company")
    assert (CONFIDENCE_THRESHOLD, CLAY_FAILING_CAP, CLAY_TOTAL_CAP) == (0.70, 0.15, 0.35)


def test_an_answer_is_kept_for_ninety_days() -> None:
    assert timedelta(days=90) == CACHE_TTL


def test_the_base_pass_asks_the_cache_first_and_hunter_last() -> None:
    assert BASE_PASS == (Lookup.CACHE, Lookup.APOLLO, Lookup.APIFY, Lookup.HUNTER)


def test_every_lookup_fills_known_fields_and_can_be_asked_about() -> None:
    assert set(LOOKUP_FIELDS) == set(Lookup)
    assert all(fields <= set(FIELDS) for fields in LOOKUP_FIELDS.values())


def test_our_own_history_is_filled_by_no_lookup() -> None:
    filled = frozenset[str]().union(*LOOKUP_FIELDS.values())
    assert set(FIELDS) - filled == {"hard_bounced", "unsubscribed_before", "is_competitor"}


# validation


def test_a_lead_with_every_required_field_passes() -> None:
    assert validate(facts(0.70, **VALID)).passed


@pytest.mark.parametrize("name", REQUIRED_FIELDS)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_field_fails_with_its_reason(name: str, value: str | None) -> None:
    lead = facts(**VALID).with_facts({name: None if value is None else Fact(value, "import", TODAY)})
    check = validate(lead)
    assert (check.failing, check.reasons) == ((name,), (f"{name} is missing",))
    assert check.confidence == 0


def test_a_field_trusted_too_little_fails_with_its_reason() -> None:
    check = validate(facts(**VALID).with_facts({"company": Fact("Acme", "x", TODAY, 0.69)}))
    assert check.reasons == ("company is trusted to 0.69 only, 0.70 is needed",)
    assert check.confidence == 0.69


# what is open and what is served


def test_unknown_untrusted_and_unproven_fields_are_open() -> None:
    lead = facts(email="pat@acme.example", email_verified=False).with_facts(
        {"personal_email": Fact(True, "x", TODAY, 0.5)}
    )
    assert open_fields(lead, Lookup.HUNTER) == {"email_verified", "personal_email"}


def test_a_field_known_to_be_false_is_not_open() -> None:
    assert "organization_is_hiring" not in open_fields(facts(organization_is_hiring=False), Lookup.APIFY)


@pytest.mark.parametrize(
    ("values", "channels"),
    [
        ({}, set()),
        ({"email": "pat@acme.example"}, {Channel.EMAIL}),
        ({"linkedin_url": "https://linkedin.com/in/pat"}, {Channel.LINKEDIN}),
        ({"phone": "+61412345678"}, {Channel.VOICE, Channel.SMS}),
        ({"phone": "+61293744000"}, {Channel.VOICE}),
        ({"phone": "+611300655506"}, set()),
        ({"phone": "no number"}, set()),
    ],
)
def test_data_serve_their_channels(values: dict[str, str], channels: set[Channel]) -> None:
    assert served_channels(facts(**values)) == channels


def test_a_lead_that_fails_validation_opens_no_channel() -> None:
    lead = facts(**{**WARM, "last_name": ""})
    assert standing(lead, score_lead(lead, NO_ICP, DEFAULT_WEIGHTS, TODAY)).channels == frozenset()


# what is worth asking


@pytest.mark.parametrize(
    ("lookup", "values", "answers"),
    [
        (Lookup.APOLLO, {}, False),
        (Lookup.APOLLO, {"email": "pat@acme.example"}, True),
        (Lookup.APOLLO, {"first_name": "Pat", "last_name": "Lee"}, False),
        (Lookup.APOLLO, {"first_name": "Pat", "last_name": "Lee", "company": "Acme"}, True),
        (Lookup.APOLLO, {"linkedin_url": "https://linkedin.com/in/pat"}, True),
        (Lookup.APIFY, {"first_name": "Pat", "last_name": "Lee"}, False),
        (Lookup.APIFY, {"company": "Acme"}, False),
        (Lookup.APIFY, {"domain": "acme.example"}, True),
        (Lookup.HUNTER, {"first_name": "Pat", "last_name": "Lee", "company": "Acme"}, False),
        (Lookup.HUNTER, {"first_name": "Pat", "last_name": "Lee", "domain": "acme.example"}, True),
        (Lookup.CLAY, {"company": "Acme"}, False),
    ],
)
def test_a_lookup_needs_something_to_go_by(lookup: Lookup, values: dict[str, str], answers: bool) -> None:
    assert can_answer(facts(**values), lookup) is answers


def test_a_new_lead_goes_through_the_base_pass_in_order() -> None:
    lead, tried = facts(**NAMED), list[Lookup]()
    while (following := next_lookup(lead, *tried)) is not None:
        tried.append(following)
    assert tuple(tried) == BASE_PASS


def test_nothing_is_asked_about_a_lead_that_names_nobody() -> None:
    assert next_lookup(facts(title="Founder")) is None


def test_a_missing_email_is_looked_for_at_hunter() -> None:
    assert next_lookup(facts(**NAMED), Lookup.CACHE, Lookup.APOLLO, Lookup.APIFY) is Lookup.HUNTER


def test_a_lead_that_has_everything_costs_nothing_more() -> None:
    full = {
        **WARM,
        "phone": "+61412345678",
        "linkedin_url": "https://linkedin.com/in/pat",
        "state": "VIC",
        "employment_start_date": date(2020, 1, 1),
        "organization_industry": "Dental",
        "organization_founded_year": 2001,
        "organization_is_hiring": False,
        "organization_latest_funding_date": date(2020, 1, 1),
    }
    assert next_lookup(facts(**full)) is None
    assert chosen([facts(**full)] * 10) == []


def test_paying_stops_where_no_field_can_change_tier_or_channels() -> None:
    stopped = facts(**VALID).with_facts({"unsubscribed_before": Fact(True, "own", TODAY)})
    score = score_lead(stopped, NO_ICP, DEFAULT_WEIGHTS, TODAY)
    assert not could_change(stopped, score, {"organization_founded_year"}, NO_ICP)
    assert could_change(stopped, score, {"title", "phone"}, NO_ICP)


# the premium pass


def test_failing_leads_take_at_most_fifteen_percent_of_a_batch() -> None:
    assert len(chosen([facts(**NAMED)] * 20)) == 3


def test_premium_lookups_take_at_most_thirty_five_percent_of_a_batch() -> None:
    assert len(chosen([facts(**WARM)] * 20)) == 7


def test_failing_leads_come_first() -> None:
    batch = [facts(**WARM)] * 10 + [facts(**NAMED)] * 10
    assert chosen(batch) == [10, 11, 12, 0, 1, 2, 3]


def test_better_scores_come_first() -> None:
    better = facts(**WARM, phone="+61412345678")
    assert chosen([facts(**WARM)] * 19 + [better])[0] == 19


def test_cool_and_cold_leads_that_are_valid_never_go_to_clay() -> None:
    assert chosen([facts(**VALID)] * 20) == []


def test_what_clay_has_answered_is_not_asked_again() -> None:
    assert chosen([facts(**WARM)] * 3 + [facts(**VALID)] * 17, 0, 1) == [2]


def test_who_was_asked_about_before_counts_in_no_later_batch() -> None:
    batch = [facts(**NAMED)] * 7
    assert len(choose_premium(batch, NO_ICP, DEFAULT_WEIGHTS, TODAY, tried=[0])) == 1
    assert choose_premium(batch, NO_ICP, DEFAULT_WEIGHTS, TODAY, tried=[0], counted_before=1) == []


def test_a_choice_says_why() -> None:
    batch = [facts(**NAMED)] + [facts(**WARM)] * 9
    reasons = [each.reason for each in choose_premium(batch, NO_ICP, DEFAULT_WEIGHTS, TODAY)]
    assert reasons[0] == "email is missing"
    assert reasons[1].startswith("warm at ")


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["failing", "warm", "cool"]), max_size=40))
def test_no_batch_goes_beyond_the_caps(kinds: list[str]) -> None:
    made = {"failing": facts(**NAMED), "warm": facts(**WARM), "cool": facts(**VALID)}
    batch = [made[kind] for kind in kinds]
    positions = chosen(batch)
    failing = sum(kinds[position] == "failing" for position in positions)
    assert len(positions) == len(set(positions)) <= 0.35 * len(batch) + 1e-9
    assert failing <= 0.15 * len(batch) + 1e-9
