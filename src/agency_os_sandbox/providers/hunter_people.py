"""What Hunter knows of people and of the emails at a domain, in the published shapes.

Promises: pure functions of the directory; whoever asked not to be processed is never shown.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams

from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.directory import Company, Contact, Directory
from agency_os_sandbox.world.places import STATE_NAMES

LEAST_SCORE = 35
"""Below it Hunter has not found a person."""

_SENIORITY = {
    **dict.fromkeys(("owner", "founder", "c_suite", "partner", "vp"), "executive"),
    **dict.fromkeys(("head", "director", "manager", "senior"), "senior"),
}
_DEPARTMENTS = (
    ("sales", "sales"), ("marketing", "marketing"), ("finance", "finance"), ("account", "finance"), ("hr", "hr"),
    ("people", "hr"), ("engineer", "it"), ("developer", "it"), ("legal", "legal"), ("solicitor", "legal"),
    ("manager", "management"),
)  # fmt: skip
_GENERIC = ("info", "hello", "accounts")


def is_verified(person: Contact | None) -> bool:
    """Whether Hunter has verified the person's address before."""
    return person is not None and unit(person.id, "hunter verified") < 0.72


def status_of(person: Contact | None) -> str:
    """The verdict on a person's address."""
    if person is None:
        return "unknown"
    if person.mailbox_quality == "gone":
        return "invalid"
    if person.company.accept_all:
        return "accept_all"
    return "valid" if person.mailbox_quality == "verified" or unit(person.id, "smtp") < 0.5 else "unknown"


def domain_json(
    directory: Directory, company: Company | None, query: QueryParams, limit: int, offset: int
) -> tuple[dict[str, Any], int]:
    """``data`` of a domain search, and how many emails fit it; a domain that is not known has none."""
    emails = [] if company is None else [each for each in _emails(directory, company) if _fits(each, query)]
    data = {
        "domain": query.get("domain") if company is None else company.domain,
        "disposable": False,
        "webmail": False,
        "accept_all": company is not None and company.accept_all,
        "pattern": None if company is None else company.pattern,
        "organization": None if company is None else company.name,
        "description": None,
        "industry": None if company is None else company.label,
        "twitter": None,
        "facebook": None,
        "linkedin": None,
        "instagram": None,
        "youtube": None,
        "technologies": [],
        "country": None if company is None else "AU",
        "state": None if company is None else STATE_NAMES[company.state],
        "city": None if company is None else company.city,
        "postal_code": None if company is None else company.postcode,
        "street": None if company is None else company.street,
        "headcount": None if company is None else company.size_band,
        "company_type": None,
        "emails": emails[offset : offset + limit],
        "linked_domains": [],
    }
    return data, len(emails)


def _emails(directory: Directory, company: Company) -> list[dict[str, Any]]:
    people = [each for each in directory.staff(company) if each.hunter_score >= LEAST_SCORE and not each.private]
    generic = [name for name in _GENERIC if unit(company.id, "generic", name) < 0.6]
    return [*map(_personal, people), *(_entry(f"{name}@{company.domain}", "generic", 90) for name in generic)]


def _personal(person: Contact) -> dict[str, Any]:
    return {
        **_entry(person.email, "personal", person.hunter_score),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "position": person.title,
        "seniority": _SENIORITY.get(person.seniority, "junior"),
        "department": _department(person),
        "linkedin": person.linkedin_url,
        "verification": {"date": None, "status": status_of(person) if is_verified(person) else None},
    }


def _entry(email: str, kind: str, confidence: int) -> dict[str, Any]:
    nobody = ("first_name", "last_name", "position", "seniority", "department", "linkedin", "twitter", "phone_number")
    return {
        "value": email,
        "type": kind,
        "confidence": confidence,
        "sources": [],
        **dict.fromkeys(nobody),
        "verification": {"date": None, "status": None},
    }


def _department(person: Contact) -> str:
    if _SENIORITY.get(person.seniority) == "executive":
        return "executive"
    title = person.title.lower()
    return next((department for word, department in _DEPARTMENTS if word in title), "operations")


def _fits(email: dict[str, Any], query: QueryParams) -> bool:
    wanted = {name: _listed(query, name) for name in ("type", "seniority", "department")}
    needed = _listed(query, "required_field")
    names = [part for field in needed for part in (("first_name", "last_name") if field == "full_name" else (field,))]
    return all(not words or email[name] in words for name, words in wanted.items()) and all(map(email.get, names))


def _listed(query: QueryParams, name: str) -> list[str]:
    return [word for word in query.get(name, "").split(",") if word]
