"""Apollo's people search: the published filters over the directory, and people as the search shows them.

Promises: a pure function of directory and query, in the directory's order; no email, no phone number and no whole last
name; a page beyond the 500th, or of more than a hundred, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams

from agency_os_sandbox.providers.apollo_payloads import EMAIL_STATUS, known_employees, phones_json
from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.directory import Company, Contact, Directory, bare_domain
from agency_os_sandbox.world.places import STATE_NAMES

MOST_PAGES = 500
MOST_PER_PAGE = 100
_USUAL_PER_PAGE = 10
Filter = Callable[[Contact, list[str]], bool]


class BadSearchError(ValueError):
    """The search cannot be understood; the text is Apollo's error."""


def search(directory: Directory, query: QueryParams, now: datetime) -> dict[str, Any]:
    """The body of an answer. Raises BadSearchError."""
    page, per_page = _number(query, "page", 1, MOST_PAGES), _number(query, "per_page", _USUAL_PER_PAGE, MOST_PER_PAGE)
    found = [person for person in directory.contacts if person.apollo != "unknown" and _fits(person, query)]
    shown = found[(page - 1) * per_page : page * per_page]
    return {"total_entries": len(found), "people": [_prospect(person, now) for person in shown]}


def _fits(person: Contact, query: QueryParams) -> bool:
    for name, fits in _FILTERS.items():
        wanted = [value.strip().lower() for value in query.getlist(name) if value.strip()]
        if wanted and not fits(person, wanted):
            return False
    keywords = query.get("q_keywords", "").lower().split()
    company = person.company
    text = " ".join((person.title, company.name, company.label, *company.keywords)).lower()
    return _title_fits(person, query) and all(word in text for word in keywords)


def _title_fits(person: Contact, query: QueryParams) -> bool:
    """One of the titles: the same one, or one that holds its words where similar ones count as well."""
    wanted = [value.strip().lower() for value in query.getlist("person_titles[]") if value.strip()]
    own = person.title.lower()
    if query.get("include_similar_titles") == "false":
        return not wanted or own in wanted
    return not wanted or any(set(title.split()) <= set(own.split()) for title in wanted)


def _is_in(company: Company, places: list[str]) -> bool:
    return bool({company.city.lower(), STATE_NAMES[company.state].lower(), "australia"} & _parts(places))


def _parts(places: list[str]) -> set[str]:
    """``Melbourne, Australia`` means the place that it names first."""
    return {place.partition(",")[0].strip() for place in places}


def _is_of_size(person: Contact, ranges: list[str]) -> bool:
    employees = known_employees(person.company)
    bounds = [_range(text) for text in ranges]
    return employees is not None and any(low <= employees <= high for low, high in bounds)


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition(",")
    if not (low.isdecimal() and high.isdecimal() and len(text) < 25):
        raise BadSearchError(f"Invalid value for organization_num_employees_ranges: {text[:40]}")
    return int(low), int(high)


_FILTERS: dict[str, Filter] = {
    "person_seniorities[]": lambda person, wanted: person.seniority in wanted,
    "person_locations[]": lambda person, wanted: _is_in(person.company, wanted),
    "organization_locations[]": lambda person, wanted: _is_in(person.company, wanted),
    "organization_num_employees_ranges[]": _is_of_size,
    "q_organization_domains_list[]": lambda person, wanted: person.company.domain in map(bare_domain, wanted),
    "organization_ids[]": lambda person, wanted: person.company.id in wanted,
    "contact_email_status[]": lambda person, wanted: EMAIL_STATUS[person.apollo] in wanted,
}


def _prospect(person: Contact, now: datetime) -> dict[str, Any]:
    company, last = person.company, person.last_name
    refreshed = now - timedelta(days=unit(person.id, "refreshed") * 90)
    return {
        "id": person.id,
        "first_name": person.first_name,
        "last_name_obfuscated": f"{last[:2]}***{last[-1:]}",
        "title": person.title,
        "last_refreshed_at": refreshed.isoformat(timespec="milliseconds"),
        "has_email": person.apollo == "full",
        "has_city": True,
        "has_state": True,
        "has_country": True,
        "has_direct_phone": "Yes" if phones_json(person) else "Maybe: please request direct dial via people/bulk_match",
        "organization": {
            "name": company.name,
            "has_industry": True,
            "has_phone": bool(company.phone),
            "has_city": True,
            "has_state": True,
            "has_country": True,
            "has_zip_code": True,
            "has_revenue": False,
            "has_employee_count": known_employees(company) is not None,
        },
    }


def _number(query: QueryParams, name: str, usual: int, most: int) -> int:
    text = query.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise BadSearchError(f"Invalid value for {name}: it is a number from 1 to {most}")
    return int(text)
