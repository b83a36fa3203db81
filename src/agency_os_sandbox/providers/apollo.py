"""Apollo: people by bulk and single match, open positions of a company, with Apollo's credits and error bodies.

Follows Apollo's REST description of August 2026. What Apollo knows of a person is the directory's ``apollo`` mark;
nulls stand where real answers have them. A person found costs one credit, nobody found costs none. There are no keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.directory import Company, Contact, Directory
from agency_os_sandbox.world.places import STATE_NAMES

BATCH_LIMIT = 10
ONE = Decimal(1)
_EMAIL_STATUS = {"full": "verified", "unverified": "unverified", "guessed": "guessed", "no_email": "unavailable"}
_HIRING_SHARE = 0.22
_WRONG_KEY = "Invalid API key. See https://docs.apollo.io/reference/authentication for how to authenticate."
_ASKED = ("id", "email", "linkedin_url", "first_name", "last_name", "name", "domain", "organization_name")


class Apollo:
    """The protocol; any key that is not empty is an account."""

    name = "apollo"

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        return (
            Operation("people.bulk_match", "POST", "/people/bulk_match", self._guarded(self._bulk_match), _describe),
            Operation("people.match", "POST", "/people/match", self._guarded(self._match), _describe_one),
            Operation(
                "organizations.job_postings",
                "GET",
                "/organizations/{organization_id}/job_postings",
                self._guarded(self._job_postings),
            ),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:
        """The published error bodies."""
        if kind is FaultKind.LIMITED:
            words = "The maximum number of api calls allowed for api/v1/people/bulk_match is 400 times per minute."
            return Answer(429, {"message": words}, {"retry-after": str(retry_after)})
        if kind is FaultKind.REFUSED:
            return _failed(422, "UNKNOWN_ERROR", "no implicit conversion of Symbol into Integer")
        return Answer(500, {"error": "Internal server error"})

    def concurrent(self) -> Answer | None:
        """Apollo knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:
        """Apollo's headers count by the minute; only the names are kept here."""
        return {"x-rate-limit-minute": str(window.limit * 60), "x-minute-requests-left": str(window.remaining)}

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            if not call.headers.get("x-api-key", "").strip():
                return Answer(401, _WRONG_KEY, media="text/plain")
            return handle(call)

        return guarded

    def _bulk_match(self, call: Call) -> Answer:
        details = _details(call)
        if not details:
            return _failed(400, "INVALID_REQUEST", "invalid request, missing details")
        if len(details) > BATCH_LIMIT:
            words = f"cannot enrich more than {BATCH_LIMIT} in a single request"
            return _failed(400, "RECORD_LIMIT_EXCEEDED", words)
        found = [self._find(each) for each in details]
        known = [person for person in found if person is not None]
        content = {
            "status": "success",
            "error_code": None,
            "error_message": None,
            "total_requested_enrichments": len(details),
            "unique_enriched_records": len({person.id for person in known}),
            "missing_records": len(details) - len(known),
            "credits_consumed": len(known),
            "matches": [_person(person) if person is not None else None for person in found],
        }
        rows = tuple(_row(each, person) for each, person in zip(details, found, strict=True))
        return Answer(200, content, rows=rows)

    def _match(self, call: Call) -> Answer:
        asked = _asked_for(call)
        if asked is None:
            return _failed(422, "UNKNOWN_ERROR", "the body is no JSON object")
        person = self._find(asked)
        content = {"person": _person(person) if person is not None else None}
        return Answer(200, content, rows=(_row(asked, person),))

    def _job_postings(self, call: Call) -> Answer:
        wanted = call.path_params["organization_id"]
        company = next((each for each in self._directory.companies if each.id == wanted), None)
        if company is None:
            return Answer(422, {"error": "Parameters misconfigured. organization_id is not a valid ID"})
        count = 1 + int(unit(company.id, "openings") * 4) if unit(company.id, "hiring") < _HIRING_SHARE else 0
        postings = [
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
        row = OracleRow(units=ONE, key=f"job_postings:{wanted}", accepted=True)
        return Answer(200, {"organization_job_postings": postings}, rows=(row,))

    def _find(self, asked: Mapping[str, Any]) -> Contact | None:
        given = {name: str(asked[name]).strip() for name in _ASKED if asked.get(name)}
        person = self._by_identity(given) or self._by_name(given)
        return None if person is None or person.apollo == "unknown" else person

    def _by_identity(self, given: Mapping[str, str]) -> Contact | None:
        directory = self._directory
        if "id" in given and (found := directory.by_id(given["id"])) is not None:
            return found
        if "email" in given and (found := directory.by_email(given["email"].lower())) is not None:
            return found
        return directory.by_linkedin(given["linkedin_url"]) if "linkedin_url" in given else None

    def _by_name(self, given: Mapping[str, str]) -> Contact | None:
        first, last = given.get("first_name"), given.get("last_name")
        if (first is None or last is None) and "name" in given:
            first, _, last = given["name"].partition(" ")
        domain = given.get("domain") or given.get("email", "").rpartition("@")[2]
        company = self._directory.company(domain or None, given.get("organization_name"))
        if company is None or not first or not last:
            return None
        return self._directory.by_name(company, first, last)


def _details(call: Call) -> list[dict[str, Any]] | None:
    try:
        data = call.json()
    except ValueError:
        return None
    details = data.get("details") if isinstance(data, dict) else None
    if not isinstance(details, list) or not all(isinstance(each, dict) for each in details):
        return None
    return details


def _asked_for(call: Call) -> dict[str, Any] | None:
    """One person, by query parameters as published, or by a JSON body, which Apollo takes as well."""
    try:
        data = call.json() if call.body else {}
    except ValueError:
        return None
    return {**data, **call.query} if isinstance(data, dict) else None


def _failed(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"status": "failed", "error_code": code, "error_message": message})


def _row(asked: Mapping[str, Any], person: Contact | None) -> OracleRow:
    charged = ONE if person is not None else Decimal(0)
    return OracleRow(_text(asked.get("email")), None, charged, _key(asked), accepted=True)


def _key(asked: Mapping[str, Any]) -> str:
    return "match:" + "|".join(f"{name}={_text(asked.get(name)) or ''}" for name in _ASKED if asked.get(name))


def _text(value: object) -> str | None:
    return str(value)[:200] if value else None


def _describe(call: Call) -> tuple[OracleRow, ...]:
    return tuple(OracleRow(_text(each.get("email")), key=_key(each)) for each in _details(call) or ())


def _describe_one(call: Call) -> tuple[OracleRow, ...]:
    asked = _asked_for(call) or {}
    return (OracleRow(_text(asked.get("email")), key=_key(asked)),)


def _person(person: Contact) -> dict[str, Any]:
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
        "email_status": _EMAIL_STATUS[person.apollo],
        "organization_id": company.id,
        "employment_history": [_employment(person)],
        "state": STATE_NAMES[company.state],
        "city": company.city,
        "country": "Australia",
        "phone_numbers": _phones(person),
        "organization": _organization(company),
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


def _phones(person: Contact) -> list[dict[str, Any]]:
    if person.mobile is None or unit(person.id, "apollo phone") > 0.6:
        return []
    international = "+61" + person.mobile[1:]
    return [{"raw_number": person.mobile, "sanitized_number": international, "type": "mobile", "position": 0}]


def _organization(company: Company) -> dict[str, Any]:
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
        "estimated_num_employees": company.employees if unit(company.id, "size known") < 0.93 else None,
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
