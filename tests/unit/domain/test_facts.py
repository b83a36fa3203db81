"""Facts of a lead: known, replaced, stored as JSON and read back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.facts import FIELDS, Fact, FactValue, LeadFacts, facts_from_json, facts_to_json, state_of
from agency_os.domain.states import State
from agency_os.exceptions import InvalidInputError

SEEN = date(2026, 11, 1)
DATES = {"employment_start_date", "organization_latest_funding_date"}
INTEGERS = {"organization_employee_count", "organization_founded_year"}
FLAGS = {
    "email_verified", "personal_email", "organization_is_hiring",
    "hard_bounced", "unsubscribed_before", "is_competitor",
}  # fmt: skip


def values_of(name: str) -> st.SearchStrategy[FactValue]:
    if name in DATES:
        return st.dates()
    if name in FLAGS:
        return st.booleans()
    return st.integers(0, 2**31 - 1) if name in INTEGERS else st.text()


ENTRIES = {name: st.builds(Fact, values_of(name), st.text(max_size=10), st.dates(), st.floats(0, 1)) for name in FIELDS}


@given(st.fixed_dictionaries({}, optional=ENTRIES))
def test_facts_survive_their_stored_form(found: dict[str, Any]) -> None:
    facts = LeadFacts(**found)
    assert facts_from_json(facts_to_json(facts)) == facts


def test_the_stored_form_names_value_source_date_and_confidence() -> None:
    facts = LeadFacts(employment_start_date=Fact(date(2026, 5, 1), "apollo", SEEN, 0.9))
    assert facts_to_json(facts) == {
        "employment_start_date": {
            "value": "2026-05-01",
            "source": "apollo",
            "as_of": "2026-11-01",
            "confidence": 0.9,
        }
    }


def test_a_field_unknown_today_is_passed_over() -> None:
    assert facts_from_json({"shoe_size": {"value": 44}}) == LeadFacts()


def entry(**changes: Any) -> dict[str, Any]:
    return {"value": "x", "source": "apollo", "as_of": "2026-11-01", "confidence": 1.0, **changes}


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("title", "Owner"),
        ("title", {"value": "Owner"}),
        ("title", entry(value=7)),
        ("title", entry(as_of="soon")),
        ("title", entry(as_of=None)),
        ("title", entry(confidence="high")),
        ("email_verified", entry(value="yes")),
        ("email_verified", entry(value=1)),
        ("organization_employee_count", entry(value=True)),
        ("organization_employee_count", entry(value="12")),
        ("employment_start_date", entry(value="2026-13-01")),
        ("employment_start_date", entry(value=20260501)),
    ],
)
def test_an_entry_of_another_shape_is_refused_by_name(name: str, stored: object) -> None:
    with pytest.raises(InvalidInputError, match=f"stored fact {name}") as caught:
        facts_from_json({name: stored})
    assert caught.value.field == name


def test_only_what_is_known_is_listed_in_the_order_of_the_class() -> None:
    facts = LeadFacts(title=Fact("Owner", "apollo", SEEN), email=Fact("a@b.example", "apollo", SEEN))
    assert [name for name, _ in facts.known()] == ["email", "title"]


def test_a_fact_that_says_no_is_known() -> None:
    facts = LeadFacts(email_verified=Fact(False, "hunter", SEEN))
    assert dict(facts.known()) == {"email_verified": Fact(False, "hunter", SEEN)}


def test_replacing_facts_leaves_the_original() -> None:
    before = LeadFacts(title=Fact("Owner", "apollo", SEEN))
    after = before.with_facts({"title": None, "phone": Fact("+61412345678", "clay", SEEN)})
    assert (before.title, after.title) == (Fact("Owner", "apollo", SEEN), None)
    assert after.phone == Fact("+61412345678", "clay", SEEN)


def test_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError):
        LeadFacts().get("shoe_size")


def test_the_state_is_read_as_one() -> None:
    assert state_of(LeadFacts(state=Fact("VIC", "apollo", SEEN))) is State.VIC
    assert state_of(LeadFacts()) is None
