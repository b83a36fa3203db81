"""Leads that somebody enters: values as facts."""

from __future__ import annotations

from datetime import date

from agency_os.domain.facts import Fact, LeadFacts
from agency_os.domain.lead_entry import CONFIDENCE, SOURCE, entered_facts, entered_lead, is_somebody

TODAY = date(2026, 11, 23)


def test_the_companys_domain_follows_from_a_work_address() -> None:
    facts = entered_lead({"email": "jo@mail.firm.com.au"}, None, TODAY).facts
    assert facts.domain == Fact("firm.com.au", SOURCE, TODAY, CONFIDENCE)


def test_a_free_mailbox_names_no_company() -> None:
    assert entered_lead({"email": "jo@gmail.com"}, None, TODAY).facts.domain is None


def test_another_address_is_no_longer_verified() -> None:
    known = LeadFacts(email=Fact("old@firm.example", "hunter", TODAY), email_verified=Fact(True, "hunter", TODAY))
    changed = known.with_facts(entered_facts({"email": "info@firm.example"}, TODAY))
    assert changed.email_verified is None
    assert changed.personal_email is not None
    assert changed.personal_email.value is False


def test_null_empties_a_field() -> None:
    known = LeadFacts(title=Fact("Owner", "apollo", TODAY))
    assert known.with_facts(entered_facts({"title": None}, TODAY)).title is None


def test_a_first_name_alone_is_nobody() -> None:
    assert not is_somebody(entered_lead({"first_name": "Jo"}, None, TODAY).facts)
    assert is_somebody(entered_lead({"first_name": "Jo", "last_name": "Park", "company": "Firm"}, None, TODAY).facts)
