"""Apollo: people by search, bulk and single match, companies and their open positions, with its credits and errors.

Follows Apollo's REST description of August 2026. What Apollo knows of a person is the directory's ``apollo`` mark. A
search is free; a person or a company found costs one credit, nobody found costs none. There are no idempotency keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers.apollo_payloads import organization_json, person_json, postings_json
from agency_os_sandbox.providers.apollo_search import BadSearchError, search
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.directory import Contact, Directory

BATCH_LIMIT = 10
ONE = Decimal(1)
_WRONG_KEY = "Invalid API key. See https://docs.apollo.io/reference/authentication for how to authenticate."
_CLOSED = "apollo_closed"
_WINDOWS = {"minute": 60, "hourly": 3600, "24-hour": 86_400}
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
            self._operation("people.bulk_match", "POST", "/people/bulk_match", self._bulk_match, _describe),
            self._operation("people.match", "POST", "/people/match", self._match, _describe_one),
            self._operation("people.search", "POST", "/mixed_people/api_search", self._search, _describe_nobody),
            self._operation("organizations.enrich", "GET", "/organizations/enrich", self._enrich, _describe_company),
            self._operation(
                "organizations.job_postings",
                "GET",
                "/organizations/{organization_id}/job_postings",
                self._job_postings,
                _describe_nobody,
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
        """Apollo's three windows. The sandbox counts seconds, so each is the second's, so many times as long."""
        headers: dict[str, str] = {}
        for name, seconds in _WINDOWS.items():
            headers[f"x-rate-limit-{name}"] = str(window.limit * seconds)
            headers[f"x-{name}-usage"] = str(window.used)
            headers[f"x-{name}-requests-left"] = str(max(0, window.limit * seconds - window.used))
        return headers

    def close_endpoints(self, paths: list[str]) -> None:
        """Let the account's plan or key have no right to these published paths; an empty list gives it all."""
        self._store.set_json(_CLOSED, paths)

    def _operation(
        self,
        name: str,
        method: str,
        path: str,
        handle: Callable[[Call], Answer],
        describe: Callable[[Call], tuple[OracleRow, ...]],
    ) -> Operation:
        def guarded(call: Call) -> Answer:
            if not call.headers.get("x-api-key", "").strip():
                return Answer(401, _WRONG_KEY, media="text/plain")
            if path in self._store.get_json(_CLOSED, []):
                words = f"This API key is not authorized to access api/v1{path}."
                return Answer(403, {"error": words, "error_code": "API_INACCESSIBLE"})
            return handle(call)

        return Operation(name, method, path, guarded, describe)

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
            "matches": [person_json(person) if person is not None else None for person in found],
        }
        rows = tuple(_row(each, person) for each, person in zip(details, found, strict=True))
        return Answer(200, content, rows=rows)

    def _match(self, call: Call) -> Answer:
        asked = _asked_for(call)
        if asked is None:
            return _failed(422, "UNKNOWN_ERROR", "the body is no JSON object")
        person = self._find(asked)
        content = {"person": person_json(person) if person is not None else None}
        return Answer(200, content, rows=(_row(asked, person),))

    def _search(self, call: Call) -> Answer:
        try:
            return Answer(200, search(self._directory, call.query, call.now))
        except BadSearchError as error:
            return Answer(422, {"error": str(error)})

    def _enrich(self, call: Call) -> Answer:
        asked = {name: call.query.get(name, "").strip() for name in ("domain", "website", "name", "linkedin_url")}
        if not any(asked.values()):
            return Answer(422, {"error": "Required parameter 'domain' missing"})
        company = self._directory.company(asked["domain"] or asked["website"] or None, asked["name"] or None)
        content = {"organization": organization_json(company) if company is not None else None}
        units = ONE if company is not None else Decimal(0)
        return Answer(200, content, rows=(OracleRow(units=units, key=_company_key(call), accepted=True),))

    def _job_postings(self, call: Call) -> Answer:
        wanted = call.path_params["organization_id"]
        company = next((each for each in self._directory.companies if each.id == wanted), None)
        if company is None:
            return Answer(422, {"error": "Parameters misconfigured. organization_id is not a valid ID"})
        row = OracleRow(units=ONE, key=f"job_postings:{wanted}", accepted=True)
        return Answer(200, {"organization_job_postings": postings_json(company)}, rows=(row,))

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


def _describe_nobody(_: Call) -> tuple[OracleRow, ...]:
    return (OracleRow(),)


def _describe_company(call: Call) -> tuple[OracleRow, ...]:
    return (OracleRow(key=_company_key(call)),)


def _company_key(call: Call) -> str:
    return f"enrich:{str(call.query)[:200]}"
