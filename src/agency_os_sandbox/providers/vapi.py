"""Vapi: calls by an assistant, their look-up, the numbers that they go out from, and the server messages about them.

Follows Vapi's OpenAPI and its pages on server messages. No idempotency keys: the same request twice is two calls. A
call goes out only from a number that was imported here. Messages go to the server that the overrides, the assistant
or the number name, in this order, else to the organisation's; with the shared secret in ``X-Vapi-Secret``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from agency_os_sandbox.clock import ClockError, parse, stamp
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.providers.vapi_calls import REPORT_AFTER, Course, course_of
from agency_os_sandbox.signing import Attempt, Secrets
from agency_os_sandbox.store import Store

WEBHOOK_PATH = "/webhooks/vapi"
ORGANISATION = "6f1a0c52-0000-4000-8000-000000000001"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_LONGEST = 40
_NUMBERS = "vapi_numbers"


class _RefusalError(Exception):
    """A request that Vapi refuses; ``status`` is its HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Vapi:
    """The protocol; any key that is not empty is the organisation's."""

    name = "vapi"

    def __init__(self, store: Store, outbox: Outbox, seed: int) -> None:
        self._store = store
        self._outbox = outbox
        self._seed = seed

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        return (
            Operation("calls.create", "POST", "/call", self._guarded(self._create), _describe),
            Operation("calls.list", "GET", "/call", self._guarded(self._list)),
            Operation("calls.get", "GET", "/call/{id}", self._guarded(self._get)),
            Operation("numbers.create", "POST", "/phone-number", self._guarded(self._import)),
            Operation("numbers.list", "GET", "/phone-number", self._guarded(self._list_numbers)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - Vapi publishes no Retry-After
        """Errors in the shape that its users report; no codes are published."""
        if kind is FaultKind.LIMITED:
            return _error(429, "Rate limit exceeded. Try again later.")
        if kind is FaultKind.REFUSED:
            return _error(400, "The request was refused.")
        return _error(500, "Internal server error")

    def concurrent(self) -> Answer | None:
        """Vapi knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - none are published
        """Vapi publishes none."""
        return {}

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            scheme, _, key = call.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not key.strip():
                return _error(401, "Invalid Key.")
            try:
                return handle(call)
            except _RefusalError as refusal:
                return _error(refusal.status, str(refusal))

        return guarded

    def _create(self, call: Call) -> Answer:
        asked = _object(call)
        number, customer = self._checked(asked)
        before = self._store.one("SELECT count(*) AS count FROM vapi_calls WHERE number = ?", (customer["number"],))
        course = course_of(self._seed, customer["number"], 0 if before is None else int(before["count"]))
        kept = {name: asked[name] for name in _KEPT if name in asked}
        made = {
            **kept, "id": new_guid(), "orgId": ORGANISATION, "type": "outboundPhoneCall", "customer": customer,
            "phoneCallProvider": "twilio", "phoneCallTransport": "pstn",
        }  # fmt: skip
        self._store.execute(
            "INSERT INTO vapi_calls (id, at, number, data) VALUES (?, ?, ?, ?)",
            (made["id"], stamp(call.now), customer["number"], json.dumps({"call": made, "course": asdict(course)})),
        )
        self._tell(made, number, course, call.now)
        row = OracleRow(customer["number"], asked.get("name"), course.minutes, accepted=True)
        return Answer(201, {**made, **course.shown(call.now, call.now)}, rows=(row,))

    def _checked(self, asked: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        customer = asked.get("customer")
        if not isinstance(customer, dict) or not _E164.fullmatch(str(customer.get("number", ""))):
            raise _RefusalError("customer.number must be a valid phone number in the E.164 format.")
        if not isinstance(asked.get("assistantId"), str) and not isinstance(asked.get("assistant"), dict):
            raise _RefusalError("Need either `assistantId` or `assistant`.")
        for where, text in (("name", asked.get("name")), *((f"customer.{n}", customer.get(n)) for n in _SHORT)):
            if text is not None and not (isinstance(text, str) and len(text) <= _LONGEST):
                raise _RefusalError(f"{where} must be shorter than or equal to {_LONGEST} characters")
        number = next((each for each in self._numbers() if each["id"] == asked.get("phoneNumberId")), None)
        if number is None:
            raise _RefusalError("Couldn't get phone number: `phoneNumberId` does not exist.")
        return number, customer

    def _tell(self, made: dict[str, Any], number: dict[str, Any], course: Course, created: datetime) -> None:
        address = _server(made, number)
        for status, at in course.states(created):
            message = {"status": status}
            if status == "ended":
                message["endedReason"] = course.ended_reason
            self._post("status-update", message, made, course, created, at, address)
        ended = course.ended_at(created) + REPORT_AFTER
        self._post("end-of-call-report", course.report(created), made, course, created, ended, address)

    def _post(
        self, kind: str, message: dict[str, Any], made: dict[str, Any], course: Course, created: datetime,
        at: datetime, address: str,
    ) -> None:  # fmt: skip
        shown = {**made, **course.shown(created, at)}
        body = {
            "type": kind, "timestamp": int(at.timestamp() * 1000), **message, "call": shown,
            "customer": made["customer"],
        }  # fmt: skip
        text = json.dumps({"message": body}, ensure_ascii=False)
        self._outbox.put(Parcel(self.name, kind, new_guid(), f"vapi:{made['id']}", address, text), at)

    def _get(self, call: Call) -> Answer:
        row = self._store.one("SELECT * FROM vapi_calls WHERE id = ?", (call.path_params["id"],))
        if row is None:
            raise _RefusalError("Couldn't get call. Call does not exist.", 404)
        return Answer(200, _shown(row, call.now))

    def _list(self, call: Call) -> Answer:
        rows = self._store.all("SELECT * FROM vapi_calls ORDER BY at DESC, n DESC")
        calls = [_shown(row, call.now) for row in rows if _created_within(parse(row["at"]), call.query)]
        for name in ("id", "assistantId", "phoneNumberId"):
            wanted = call.query.get(name)
            calls = [each for each in calls if wanted is None or each.get(name) == wanted]
        return Answer(200, calls[: _limit(call)])

    def _import(self, call: Call) -> Answer:
        asked = _object(call)
        if asked.get("provider") != "twilio":
            raise _RefusalError("This sandbox imports numbers of the provider twilio alone.")
        missing = [name for name in ("number", "twilioAccountSid") if not isinstance(asked.get(name), str)]
        if missing or not _E164.fullmatch(asked["number"]):
            raise _RefusalError(f"{missing[0] if missing else 'number'} must be given in its published form")
        if not asked.get("twilioAuthToken") and not (asked.get("twilioApiKey") and asked.get("twilioApiSecret")):
            raise _RefusalError("twilioAuthToken, or twilioApiKey and twilioApiSecret, must be given")
        now = stamp(call.now)
        number = {
            **{name: value for name, value in asked.items() if name not in _SECRET}, "id": new_guid(),
            "orgId": ORGANISATION, "createdAt": now, "updatedAt": now, "status": "active",
        }  # fmt: skip
        self._store.set_json(_NUMBERS, [number, *self._numbers()])
        return Answer(201, number, rows=(OracleRow(asked["number"]),))  # costs nothing

    def _list_numbers(self, call: Call) -> Answer:
        return Answer(200, self._numbers()[: _limit(call)])

    def _numbers(self) -> list[dict[str, Any]]:
        numbers: list[dict[str, Any]] = self._store.get_json(_NUMBERS, [])
        return numbers


_KEPT = ("name", "assistantId", "assistant", "assistantOverrides", "phoneNumberId")
_SHORT = ("name", "externalId", "email")
_SECRET = ("twilioAuthToken", "twilioApiKey", "twilioApiSecret")


def sign_vapi(_: Attempt, secrets: Secrets) -> dict[str, str]:
    """Vapi sends a shared secret, as its credential without a prefix does."""
    return {"Content-Type": "application/json", "User-Agent": "axios/1.7.9", "X-Vapi-Secret": secrets.vapi_secret}


def _object(call: Call) -> dict[str, Any]:
    try:
        asked = call.json()
    except ValueError:
        raise _RefusalError("Expected a JSON body") from None
    if not isinstance(asked, dict):
        raise _RefusalError("Expected a JSON object")
    return asked


def _server(made: Mapping[str, Any], number: Mapping[str, Any]) -> str:
    """Where messages go: the most particular server that is named; of several, only what is an address."""
    for owner in (made.get("assistantOverrides"), made.get("assistant"), number):
        server = owner.get("server") if isinstance(owner, Mapping) else None
        url = server.get("url") if isinstance(server, Mapping) else None
        if isinstance(url, str) and urlsplit(url).scheme in ("http", "https"):
            return url
    return WEBHOOK_PATH


def _shown(row: Any, now: datetime) -> dict[str, Any]:
    data = json.loads(row["data"])
    return {**data["call"], **Course(**data["course"]).shown(parse(row["at"]), now)}


def _created_within(created: datetime, query: Mapping[str, str]) -> bool:
    bounds = {name: _moment(name, query[name]) for name in _BOUNDS if name in query}
    return all(_BOUNDS[name](created, bound) for name, bound in bounds.items())


_BOUNDS: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "createdAtGt": lambda created, bound: created > bound,
    "createdAtGe": lambda created, bound: created >= bound,
    "createdAtLt": lambda created, bound: created < bound,
    "createdAtLe": lambda created, bound: created <= bound,
}


def _moment(name: str, text: str) -> datetime:
    try:
        return parse(text)
    except ClockError:
        raise _RefusalError(f"{name} must be a valid ISO 8601 date string") from None


def _limit(call: Call) -> int:
    text = call.query.get("limit", "100")
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and int(text) <= 1000):
        raise _RefusalError("limit must not be greater than 1000")
    return int(text)


def _describe(call: Call) -> tuple[OracleRow, ...]:
    try:
        asked = call.json()
    except ValueError:
        return (OracleRow(),)
    customer = asked.get("customer") if isinstance(asked, dict) else None
    number = customer.get("number") if isinstance(customer, dict) else None
    name = asked.get("name") if isinstance(asked, dict) else None
    return (OracleRow(number if isinstance(number, str) else None, name if isinstance(name, str) else None),)


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "error": _WORDS.get(status, "Error"), "statusCode": status})


_WORDS = {
    400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error",
}  # fmt: skip
