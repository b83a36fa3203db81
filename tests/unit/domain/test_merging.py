"""Which of two values of a field is kept, and that an address and what is said of it stay together."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.facts import Fact, LeadFacts
from agency_os.domain.merging import better, merge_facts

TODAY = date(2026, 11, 23)


def fact(value: Any, confidence: float = 0.9, age: int = 10, source: str = "apollo") -> Fact[Any]:
    return Fact(value, source, TODAY - timedelta(days=age), confidence)


FACTS = st.builds(fact, st.integers(0, 3), st.sampled_from([0.3, 0.7, 0.9]), st.integers(0, 200))


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (fact("a", 0.8, age=10), fact("b", 0.9, age=20)),  # more trusted
        (fact("a", 0.9, age=20), fact("b", 0.9, age=10)),  # newer
        (fact("a", 1.0, age=91), fact("b", 0.7, age=10)),  # stale against fresh and trusted
    ],
)
def test_the_found_value_wins(known: Fact[Any], found: Fact[Any]) -> None:
    assert better(known, found, TODAY) is found


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (fact("a", 0.9, age=20), fact("b", 0.8, age=0)),  # less trusted
        (fact("a", 0.9, age=10), fact("b", 0.9, age=10)),  # nothing speaks for it
        (fact("a", 1.0, age=90), fact("b", 0.7, age=10)),  # not stale yet
        (fact("a", 1.0, age=91), fact("b", 0.69, age=10)),  # stale, but the fresh one is not trusted
        (fact("a", 1.0, age=91), fact("b", 0.7, age=120)),  # both stale
    ],
)
def test_the_known_value_stays(known: Fact[Any], found: Fact[Any]) -> None:
    assert better(known, found, TODAY) is known


def test_any_value_beats_none() -> None:
    low = fact("a", 0.1, age=400)
    assert better(None, low, TODAY) is low
    assert better(low, None, TODAY) is low


@given(FACTS | st.none(), FACTS | st.none())
def test_what_is_kept_is_one_of_the_two(known: Fact[Any] | None, found: Fact[Any] | None) -> None:
    kept = better(known, found, TODAY)
    assert kept in (known, found)
    assert (kept is None) is (known is None and found is None)


def test_fields_are_merged_one_by_one() -> None:
    known = LeadFacts(title=fact("Owner", 0.9), company=fact("Acme", 0.5))
    merged = merge_facts(known, LeadFacts(title=fact("CEO", 0.8), company=fact("Acme Pty Ltd", 0.8)), TODAY)
    assert merged == LeadFacts(title=fact("Owner", 0.9), company=fact("Acme Pty Ltd", 0.8))


@pytest.mark.parametrize("name", ["hard_bounced", "unsubscribed_before", "is_competitor"])
def test_our_own_history_is_never_overwritten_by_a_provider(name: str) -> None:
    known = LeadFacts(**{name: fact(True, 0.1, age=400)})
    assert merge_facts(known, LeadFacts(**{name: fact(False, 1.0, age=0)}), TODAY) == known


def test_another_address_brings_what_is_said_of_it() -> None:
    known = LeadFacts(email=fact("old@acme.example", 0.6), email_verified=fact(True), personal_email=fact(True))
    merged = merge_facts(known, LeadFacts(email=fact("new@acme.example", 0.9)), TODAY)
    assert merged == LeadFacts(email=fact("new@acme.example", 0.9))


def test_an_address_that_loses_brings_nothing() -> None:
    known = LeadFacts(email=fact("old@acme.example", 0.9))
    found = LeadFacts(email=fact("new@acme.example", 0.6), email_verified=fact(True))
    assert merge_facts(known, found, TODAY) == known


def test_flags_without_an_address_say_nothing() -> None:
    known = LeadFacts(email=fact("old@acme.example"))
    assert merge_facts(known, LeadFacts(email_verified=fact(True)), TODAY) == known


def test_the_newest_verification_of_an_address_counts_though_trusted_less() -> None:
    known = LeadFacts(email=fact("pat@acme.example", 0.95), email_verified=fact(True, 0.95, age=60))
    found = LeadFacts(email=fact("pat@acme.example", 0.2), email_verified=fact(False, 0.2, age=0, source="hunter"))
    merged = merge_facts(known, found, TODAY)
    assert merged.email_verified == found.email_verified
    assert merged.email == found.email


def test_what_only_one_side_says_of_the_same_address_is_kept() -> None:
    known = LeadFacts(email=fact("pat@acme.example"), personal_email=fact(True))
    found = LeadFacts(email=fact("pat@acme.example"), email_verified=fact(True, source="hunter"))
    merged = merge_facts(known, found, TODAY)
    assert (merged.personal_email, merged.email_verified) == (known.personal_email, found.email_verified)


def test_an_older_verification_changes_nothing() -> None:
    known = LeadFacts(email=fact("pat@acme.example", 0.8), email_verified=fact(True, age=5))
    found = LeadFacts(email=fact("pat@acme.example", 0.99), email_verified=fact(False, age=50))
    assert merge_facts(known, found, TODAY) == known


@given(st.integers(0, 200), st.integers(0, 200))
def test_merging_a_second_time_changes_nothing(own: int, others: int) -> None:
    known = LeadFacts(
        email=fact("pat@acme.example", age=own), email_verified=fact(True, age=own), title=fact("a", age=own)
    )
    found = LeadFacts(
        email=fact("pat@acme.example", 0.8, age=others),
        email_verified=fact(False, age=others),
        title=fact("b", age=others),
    )
    once = merge_facts(known, found, TODAY)
    assert merge_facts(once, found, TODAY) == once
