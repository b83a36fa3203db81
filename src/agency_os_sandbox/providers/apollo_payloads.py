"""What Apollo's answers hold of people and companies, as published; nulls stand where real answers have them.

Promise: pure functions of the directory.
"""

from __future__ import annotations

from typing import Any

from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.directory import Company, Contact
from agency_os_sandbox.world.places import STATE_NAMES

EMAIL_STATUS = {"full": "verified", "unverified": "unverified", "guessed": "guessed", "no_email": "unavailable"}
"""Apollo's word for an address, by what it knows of the person."""
_HIRING_SHARE = 0.22


def person_json(person: Contact) -> dict[str, Any]:
    """A person as a match shows them."""
    company = person.company
    knows_email = person.apollo != "no_email"
    return {
        "id": person.id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "name": f"{person.first_name} {person.last_name}",
        "linkedin_url": person.linkedin_url,
        "title": person.title,
        "headline": f"{person.title} at {company.name}",
        "seniority": person.seniority,
        "photo_url": None,
        "twitter_url": None,
        "github_url": None,
        "facebook_url": None,
        "extrapolated_email_confidence": None,
        "email": person.email if knows_email else None,
        "email_status": EMAIL_STATUS[person.apollo],
        "organization_id": company.id,
        "employment_history": [_employment(person)],
        "state": STATE_NAMES[company.state],
        "city": company.city,
        "country": "Australia",
        "phone_numbers": phones_json(person),
        "organization": organization_json(company),
    }


def _employment(person: Contact) -> dict[str, Any]:
    return {
        "_id": person.id,
        "id": person.id,
        "key": person.id,
        "current": True,
        "title": person.title,
        "organization_id": person.company.id,
        "organization_name": person.company.name,
        "start_date": person.started_on.isoformat(),
        "end_date": None,
    }


def phones_json(person: Contact) -> list[dict[str, Any]]:
    """The numbers that Apollo knows of a person."""
    if person.mobile is None or unit(person.id, "apollo phone") > 0.6:
        return []
    international = "+61" + person.mobile[1:]
    return [{"raw_number": person.mobile, "sanitized_number": international, "type": "mobile", "position": 0}]


def organization_json(company: Company) -> dict[str, Any]:
    """A company as a match or its own look-up shows it."""
    return {
        "id": company.id,
        "name": company.name,
        "website_url": f"http://www.{company.domain}",
        "primary_domain": company.domain,
        "linkedin_url": None,
        "primary_phone": {"number": company.phone} if company.phone else {},
        "phone": company.phone or None,
        "founded_year": company.founded,
        "industry": company.label,
        "keywords": list(company.keywords),
        "estimated_num_employees": known_employees(company),
        "raw_address": f"{company.street}, {company.city}, {STATE_NAMES[company.state]} {company.postcode}, AU",
        "street_address": company.street,
        "city": company.city,
        "state": STATE_NAMES[company.state],
        "postal_code": company.postcode,
        "country": "Australia",
        "latest_funding_round_date": f"{company.funded_on.isoformat()}T00:00:00.000+00:00"
        if company.funded_on
        else None,
    }


def postings_json(company: Company) -> list[dict[str, Any]]:
    """The open positions of a company."""
    count = 1 + int(unit(company.id, "openings") * 4) if unit(company.id, "hiring") < _HIRING_SHARE else 0
    return [
        {
            "id": f"{company.id[:20]}{number:04d}",
            "title": "Team Member",
            "url": None,
            "city": company.city,
            "state": STATE_NAMES[company.state],
            "country": "Australia",
            "last_seen_at": None,
            "posted_at": None,
        }
        for number in range(count)
    ]


def known_employees(company: Company) -> int | None:
    """The head count, where Apollo knows it."""
    return company.employees if unit(company.id, "size known") < 0.93 else None
