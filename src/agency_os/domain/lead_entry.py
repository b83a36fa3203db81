"""A lead that a person or a program enters: its values as facts, with their source and how far they are trusted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from agency_os.domain.consent import ConsentDeclaration
from agency_os.domain.facts import Fact, FactValue, LeadFacts
from agency_os.domain.import_values import cased
from agency_os.domain.lead_import import ImportedLead, name_at_company
from agency_os.kit.addresses import is_free_mail, is_role_address, registrable_domain

SOURCE: Final = "entered"
CONFIDENCE: Final = 0.9
"""Trust in what somebody typed in for this one person."""
FIELDS: Final = ("email", "phone", "first_name", "last_name", "title", "company", "linkedin_url", "domain", "state")
"""What can be entered, named as in ``LeadFacts``."""


def entered_facts(values: Mapping[str, str | None], today: date) -> dict[str, Fact[FactValue] | None]:
    """``values`` (of FIELDS, in normal form) as facts; None for what is emptied. An address says more: it is a
    person's or a function's, and is no longer verified."""
    found: dict[str, Fact[FactValue] | None] = {}
    for name, value in values.items():
        text = cased(value) if value and name in {"first_name", "last_name"} else value
        found[name] = Fact(text, SOURCE, today, CONFIDENCE) if text else None
    if "email" in values:
        email = values["email"]
        found["email_verified"] = None
        found["personal_email"] = Fact(not is_role_address(email), SOURCE, today, CONFIDENCE) if email else None
    return found


def entered_lead(values: Mapping[str, str | None], consent: ConsentDeclaration | None, today: date) -> ImportedLead:
    """A whole lead; the company's domain follows from the address where it is not given."""
    facts = LeadFacts().with_facts(entered_facts(values, today))
    if facts.domain is None and facts.email is not None:
        domain = registrable_domain(facts.email.value)
        if domain is not None and not is_free_mail(domain):
            facts = facts.with_facts({"domain": Fact(domain, SOURCE, today, CONFIDENCE)})
    return ImportedLead(1, facts, consent, (), {})


def is_somebody(facts: LeadFacts) -> bool:
    """Whether it tells who it is: by an address, a profile, or a name at a company."""
    return facts.email is not None or facts.linkedin_url is not None or name_at_company(facts) is not None
