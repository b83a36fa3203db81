"""Clay's table: takes a row by webhook, and calls back some minutes later with what its columns found.

A stand-in for one table set up as docs/providers/clay.md shows. The webhook only acknowledges; limits are those
reported: 10 rows a second with bursts, 100 KB a row, 50,000 rows in a webhook's life. There are no keys: a row that
comes twice is paid twice. What finds nothing costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.signing import Attempt, Secrets
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.directory import Contact, Directory

CREDITS_PER_ROW = Decimal(4)
LONGEST_ROW = 100_000
MOST_ROWS = 50_000
CALLBACK_PATH = "/webhooks/clay"
_KNOWN_SHARE = 0.88
_COUNT = "clay_rows"


class Clay:
    """The protocol of one table's webhook; any token that is not empty opens it."""

    name = "clay"

    def __init__(self, store: Store, directory: Directory, outbox: Outbox) -> None:
        self._store = store
        self._directory = directory
        self._outbox = outbox

    def operations(self) -> tuple[Operation, ...]:
        """The one endpoint."""
        return (Operation("rows", "POST", "/v3/sources/webhook/{webhook_id}", self._take, _describe),)

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:
        """Refusals in the shape of Clay's errors."""
        if kind is FaultKind.LIMITED:
            return Answer(429, {"message": "Too many requests"}, {"Retry-After": str(retry_after)})
        if kind is FaultKind.REFUSED:
            return Answer(400, {"message": "The row was refused"})
        return Answer(500, {"message": "Internal server error"})

    def concurrent(self) -> Answer | None:
        """Clay knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - see below
        """Clay publishes none for its tables."""
        return {}

    def _take(self, call: Call) -> Answer:
        if not call.headers.get("x-clay-webhook-auth"):
            return Answer(401, {"message": "Unauthorized"})
        if len(call.body) > LONGEST_ROW:
            return Answer(413, {"message": "Payload too large"})
        try:
            row = call.json()
        except ValueError:
            row = None
        if not isinstance(row, dict) or not row.get("id"):
            return Answer(400, {"message": "Expected a JSON object with an id"})
        taken = int(self._store.get_meta(_COUNT) or 0)
        if taken >= MOST_ROWS:
            return Answer(403, {"message": "This webhook has reached its limit of submissions"})
        self._store.set_meta(_COUNT, str(taken + 1))
        own = str(row["id"])
        due = call.now + timedelta(minutes=3 + 17 * unit(own, "clay minutes"))
        found = self._found(row)
        body = json.dumps({"id": own, **found}, ensure_ascii=False)
        self._outbox.put(Parcel(self.name, "row", f"{own}:{taken}", own, CALLBACK_PATH, body), due)
        accepted = OracleRow(_recipient(row), None, CREDITS_PER_ROW if found else Decimal(0), own, accepted=True)
        return Answer(200, {"success": True}, rows=(accepted,))

    def _found(self, row: Mapping[str, Any]) -> dict[str, Any]:
        person = self._person(row)
        if person is None or person.private or unit(person.id, "clay") > _KNOWN_SHARE:
            return {}
        company = person.company
        status = "valid" if person.mailbox_quality != "gone" else "invalid"
        return {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "title": person.title,
            "email": person.email,
            "email_status": "accept_all" if company.accept_all and status == "valid" else status,
            "phone": person.mobile or company.phone,
            "linkedin_url": person.linkedin_url,
            "company": company.name,
            "domain": company.domain,
            "industry": company.label,
            "employee_count": company.employees,
            "country": "Australia",
            "state": company.state,
            "founded_year": company.founded,
            "is_hiring": company.is_hiring,
        }

    def _person(self, row: Mapping[str, Any]) -> Contact | None:
        if row.get("linkedin_url") and (found := self._directory.by_linkedin(str(row["linkedin_url"]))):
            return found
        if row.get("email") and (found := self._directory.by_email(str(row["email"]).lower())):
            return found
        company = self._directory.company(row.get("domain"), row.get("company"))
        if company is None:
            return None
        return self._directory.by_name(company, str(row.get("first_name", "")), str(row.get("last_name", "")))


def sign_clay(_: Attempt, secrets: Secrets) -> dict[str, str]:
    """The header that the user has typed into the table's HTTP column."""
    return {"Content-Type": "application/json", "x-agency-os-secret": secrets.clay_secret}


def _recipient(row: Mapping[str, Any]) -> str | None:
    return str(row["email"]) if row.get("email") else None


def _describe(call: Call) -> tuple[OracleRow, ...]:
    return (OracleRow(key=call.path[:200]),)
