"""Hunter: finds, lists and verifies work emails, with its odd codes: 202 working, 403 too fast, 429 plan used up, 451.

Follows Hunter's API v2. What Hunter knows is the directory's ``hunter_score``; whoever asked not to be processed is
451. The same look-up again is answered again and charged once, as Hunter counts it. A domain that it does not know is
404, a person whom it does not know 200 with nulls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from agency_os_sandbox.clock import stamp
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers.hunter_people import LEAST_SCORE, domain_json, is_verified, status_of
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.directory import Directory, bare_domain, fold

_PLAN_USED_UP = "You've reached the limit for the number of searches per billing period included in your plan."
FINDER_CREDITS = Decimal(1)
VERIFIER_CREDITS = Decimal("0.5")
EMAILS_PER_CREDIT = 10
_MOST_EMAILS = 100
_PLAN, _USED = "hunter_plan", "hunter_used"


class Hunter:
    """The protocol; any key that is not empty is an account."""

    name = "hunter"

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        return (
            Operation("domain_search", "GET", "/domain-search", self._guarded(self._search_domain), _describe),
            Operation("email_finder", "GET", "/email-finder", self._guarded(self._find), _describe),
            Operation("email_verifier", "GET", "/email-verifier", self._guarded(self._verify), _describe),
            Operation("account", "GET", "/account", self._guarded(self._account)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - Hunter tells no time to wait
        """The published error bodies: 403 is the rate, 429 the plan's quota."""
        if kind is FaultKind.LIMITED:
            return _error(403, "too_many_requests", "You've exceeded the request rate, please slow down.")
        if kind is FaultKind.PENDING:
            return Answer(202, {"data": None, "meta": {"params": {}}})
        if kind is FaultKind.REFUSED:
            return _error(400, "wrong_params", "The request was refused.")
        return _error(500, "internal_error", "An unexpected error occurred.")

    def concurrent(self) -> Answer | None:
        """Hunter knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - see below
        """Hunter publishes none."""
        return {}

    def limit_plan(self, credits: Decimal | None) -> None:
        """Let the plan's month hold so many credits; None lifts the limit."""
        self._store.set_json(_PLAN, None if credits is None else str(credits))

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            bearer = call.headers.get("authorization", "").removeprefix("Bearer ").strip()
            if not (call.headers.get("x-api-key") or bearer or call.query.get("api_key")):
                return _error(401, "authentication_failed", "No user found for the API key supplied")
            return handle(call)

        return guarded

    def _find(self, call: Call) -> Answer:
        first, last = call.query.get("first_name", ""), call.query.get("last_name", "")
        domain, company_name = call.query.get("domain"), call.query.get("company")
        if not (domain or company_name) or not (first and last):
            return _error(400, "wrong_params", "You are missing the domain or the name of the person.")
        company = self._directory.company(domain, company_name)
        person = self._directory.by_name(company, first, last) if company is not None else None
        if person is not None and person.private:
            return _objected()
        key = f"find:{bare_domain(domain or company_name or '')}:{fold(first)}:{fold(last)}"
        if company is None:
            refusal = _error(404, "not_found", "We could not find anything on this domain.")
            return self._answered(call, refusal, key, None, Decimal(0))
        found = person if person is not None and person.hunter_score >= LEAST_SCORE else None
        content = {
            "data": {
                "first_name": first,
                "last_name": last,
                "email": found.email if found is not None else None,
                "score": found.hunter_score if found is not None else None,
                "domain": company.domain,
                "accept_all": company.accept_all,
                "position": found.title if found is not None else None,
                "twitter": None,
                "linkedin_url": found.linkedin_url if found is not None else None,
                "phone_number": None,
                "company": company.name,
                "sources": [],
                "verification": {"date": None, "status": status_of(found) if is_verified(found) else None},
            },
            "meta": {"params": dict(call.query)},
        }
        email, units = (found.email, FINDER_CREDITS) if found is not None else (None, Decimal(0))
        return self._answered(call, Answer(200, content), key, email, units)

    def _verify(self, call: Call) -> Answer:
        email = call.query.get("email", "").strip().lower()
        if "@" not in email:
            return _error(400, "wrong_params", "The email parameter is missing or invalid.")
        person = self._directory.by_email(email)
        if person is not None and person.private:
            return _objected()
        status = status_of(person) if person is not None else self._stranger_status(email)
        content = {
            "data": {
                "status": status,
                "result": {"valid": "deliverable", "invalid": "undeliverable"}.get(status, "risky"),
                "_deprecation_notice": "Using result is deprecated, use status instead",
                "score": {"valid": 98, "invalid": 0}.get(status, 60),
                "email": email,
                "regexp": True,
                "gibberish": False,
                "disposable": False,
                "webmail": False,
                "mx_records": True,
                "smtp_server": True,
                "smtp_check": status == "valid",
                "accept_all": status == "accept_all",
                "block": False,
                "sources": [],
            },
            "meta": {"params": {"email": email}},
        }
        return self._answered(call, Answer(200, content), f"verify:{email}", email, VERIFIER_CREDITS)

    def _search_domain(self, call: Call) -> Answer:
        domain, company_name = call.query.get("domain"), call.query.get("company")
        limit, offset = _number(call, "limit", EMAILS_PER_CREDIT), _number(call, "offset", 0)
        if not (domain or company_name):
            return _error(400, "wrong_params", "You are missing the domain or the company.")
        if limit is None or offset is None or not 1 <= limit <= _MOST_EMAILS:
            return _error(400, "wrong_params", f"The limit goes from 1 to {_MOST_EMAILS}, the offset from 0.")
        if call.query.get("type", "personal") not in ("personal", "generic"):
            return _error(400, "wrong_params", "The type is personal or generic.")
        company = self._directory.company(domain, company_name)
        data, total = domain_json(self._directory, company, call.query, limit, offset)
        meta = {"results": total, "limit": limit, "offset": offset, "params": dict(call.query)}
        units = Decimal(-(-len(data["emails"]) // EMAILS_PER_CREDIT))
        asked = "&".join(f"{name}={call.query[name]}" for name in sorted(call.query) if name != "api_key")
        return self._answered(call, Answer(200, {"data": data, "meta": meta}), f"search:{asked[:400]}", None, units)

    def _account(self, call: Call) -> Answer:
        used, plan = self._used(), self._plan()
        counted = {"used": int(used), "available": int(plan) if plan is not None else None}
        data = {
            "first_name": "Ada",
            "last_name": "Owner",
            "email": "owner@example.com",
            "plan_name": "Growth",
            "plan_level": 2,
            "reset_date": _next_month(call.now).date().isoformat(),
            "team_id": 1,
            "requests": {"credits": counted},
        }
        return Answer(200, {"data": data})

    def _answered(self, call: Call, answer: Answer, key: str, email: str | None, units: Decimal) -> Answer:
        """``answer``, charged for unless the same look-up was answered before; 429 when the plan is used up."""
        known = self._store.get_meta(f"hunter:{key}") is not None
        used, plan = self._used(), self._plan()
        if not known:
            if plan is not None and used + units > plan:
                return _error(429, "too_many_requests", _PLAN_USED_UP)
            self._store.set_meta(f"hunter:{key}", stamp(call.now))
            self._store.set_json(_USED, str(used + units))
        row = OracleRow(email, None, Decimal(0) if known else units, key, accepted=not known, replay=known)
        return replace(answer, rows=(row,))

    def _used(self) -> Decimal:
        return Decimal(self._store.get_json(_USED, "0"))

    def _plan(self) -> Decimal | None:
        plan = self._store.get_json(_PLAN, None)
        return None if plan is None else Decimal(plan)

    def _stranger_status(self, email: str) -> str:
        return "valid" if unit(email, "stranger") < 0.8 else "unknown"


def _describe(call: Call) -> tuple[OracleRow, ...]:
    return (OracleRow(call.query.get("email"), key=str(call.query)[:200]),)


def _objected() -> Answer:
    return _error(451, "claimed_email", "The person asked us not to process their personal data.")


def _error(status: int, name: str, details: str) -> Answer:
    return Answer(status, {"errors": [{"id": name, "code": status, "details": details}]})


def _number(call: Call, name: str, usual: int) -> int | None:
    text = call.query.get(name, str(usual))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _next_month(now: datetime) -> datetime:
    return (now.replace(day=1) + timedelta(days=32)).replace(day=1)
