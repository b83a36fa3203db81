"""A lead's row as facts and back, as the scorer and the scout read it, and the billing month of a credit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from agency_os.domain.credits import period_start
from agency_os.domain.facts import Fact, LeadFacts
from agency_os.repositories.lead_facts import PLAIN, UNSOURCED_CONFIDENCE, email_status, facts_to_columns, read_facts

ENTERED = datetime(2026, 11, 16, 2, tzinfo=UTC)
DAY = date(2026, 11, 1)


def row(**columns: Any) -> Any:
    defaults = {"email_status": "unknown", "email_is_role": False, "status": "new", "field_sources": {}}
    return {**dict.fromkeys(PLAIN), **defaults, "created_at": ENTERED, **columns}


def test_facts_survive_the_row() -> None:
    facts = LeadFacts(
        email=Fact("pat@acme.example", "hunter", DAY, 0.95),
        email_verified=Fact(True, "hunter", DAY, 0.95),
        personal_email=Fact(True, "hunter", DAY, 1.0),
        company=Fact("Acme", "apollo", DAY, 0.9),
        state=Fact("VIC", "apollo", DAY, 0.9),
        organization_employee_count=Fact(12, "apollo", DAY, 0.9),
        organization_is_hiring=Fact(False, "apify", DAY, 0.8),
        employment_start_date=Fact(date(2026, 5, 1), "apollo", DAY, 0.9),
    )
    assert read_facts(row(**facts_to_columns(facts))) == facts


def test_what_a_person_typed_in_is_trusted_enough_to_write_to() -> None:
    email = read_facts(row(email="pat@acme.example", email_status="unverified")).email
    assert email == Fact("pat@acme.example", "own data", ENTERED.date(), UNSOURCED_CONFIDENCE)


@pytest.mark.parametrize("entry", [None, "text", {"confidence": 7}, {"confidence": True, "as_of": "soon"}])
def test_an_unreadable_source_is_no_source(entry: object) -> None:
    title = read_facts(row(title="Owner", field_sources={"title": entry})).title
    assert title == Fact("Owner", "own data", ENTERED.date(), UNSOURCED_CONFIDENCE)


@pytest.mark.parametrize(("verified", "status"), [(None, "unverified"), (True, "verified"), (False, "invalid")])
def test_the_verdict_on_an_address_has_one_word(verified: bool | None, status: str) -> None:
    flag = Fact(verified, "hunter", DAY) if verified is not None else None
    assert email_status(LeadFacts(email=Fact("a@b.example", "list", DAY), email_verified=flag)) == status
    assert email_status(LeadFacts(email_verified=flag)) == "unknown"


def test_a_role_address_is_no_persons_whatever_the_column_says() -> None:
    flag = read_facts(row(email="info@acme.example", email_is_role=False)).personal_email
    assert flag is not None
    assert flag.value is False


def test_a_state_as_people_spell_it_is_read_and_nonsense_left_out() -> None:
    state = read_facts(row(state="Victoria")).state
    assert state is not None
    assert state.value == "VIC"
    assert read_facts(row(state="Elsewhere")).state is None


@pytest.mark.parametrize(
    ("status", "reasons", "bounced", "left"),
    [
        ("new", [], False, False),
        ("new", ["hard bounce"], True, False),
        ("new", ["asked to be left alone"], False, True),
        ("bounced", [], True, False),
        ("unsubscribed", [], False, True),
    ],
)
def test_our_own_history_comes_from_status_and_suppressions(
    status: str, reasons: list[str], bounced: bool, left: bool
) -> None:
    facts = read_facts(row(status=status), reasons)
    assert (facts.hard_bounced is not None, facts.unsubscribed_before is not None) == (bounced, left)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 2, 28, 9, tzinfo=UTC), date(2026, 2, 28)),
        (datetime(2026, 2, 28, 7, tzinfo=UTC), date(2026, 1, 31)),
        (datetime(2026, 3, 30, tzinfo=UTC), date(2026, 2, 28)),
        (datetime(2026, 1, 31, 8, tzinfo=UTC), date(2026, 1, 31)),
    ],
)
def test_a_billing_month_begins_on_the_day_of_sign_up_or_the_months_last(now: datetime, expected: date) -> None:
    assert period_start(datetime(2026, 1, 31, 8, tzinfo=UTC), now) == expected
