"""Cal.com's API v2 for bookings: get, list, cancel and reschedule, as its OpenAPI of version 2024-08-13 publishes them.

Promises: any ``cal_`` key is a valid account; errors come in the published envelope; paging is take and skip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from agency_os_sandbox.booking import Booking, BookingStatus
from agency_os_sandbox.bookings import Bookings
from agency_os_sandbox.clock import ClockError, parse
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers.cal_com_payloads import HOST, instant, shown

API_VERSION = "2024-08-13"
_MOST = 250
_STATUSES = frozenset({"upcoming", "recurring", "past", "cancelled", "unconfirmed"})
_GONE = (BookingStatus.CANCELLED, BookingStatus.RESCHEDULED)


class _BadRequestError(ValueError):
    """A parameter that cannot be read."""


class CalCom:
    """The protocol."""

    name = "cal_com"

    def __init__(self, bookings: Bookings, on_moved: Callable[[Booking], None] = lambda _: None) -> None:
        self._bookings = bookings
        self._on_moved = on_moved

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        return (
            Operation("bookings.list", "GET", "/bookings", self._guarded(self._list)),
            Operation("bookings.get", "GET", "/bookings/{uid}", self._guarded(self._get)),
            Operation("bookings.cancel", "POST", "/bookings/{uid}/cancel", self._guarded(self._cancel), _describe),
            Operation(
                "bookings.reschedule", "POST", "/bookings/{uid}/reschedule", self._guarded(self._reschedule), _describe
            ),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:
        """The published error envelope."""
        if kind is FaultKind.LIMITED:
            answer = _error(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later.", None)
            return Answer(429, answer.content, {"retry-after": str(retry_after)})
        if kind is FaultKind.REFUSED:
            return _error(400, "BAD_REQUEST", "The request was refused.", None)
        return _error(500, "INTERNAL_SERVER_ERROR", "Internal server error", None)

    def concurrent(self) -> Answer | None:
        """Cal.com knows no idempotency keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:
        """``X-RateLimit-*-Default``."""
        return {
            "X-RateLimit-Limit-Default": str(window.limit),
            "X-RateLimit-Remaining-Default": str(window.remaining),
            "X-RateLimit-Reset-Default": str(window.reset_seconds),
        }

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            scheme, _, key = call.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not key.strip().startswith("cal_"):
                return _error(401, "UNAUTHORIZED", "Invalid API Key", call)
            if call.headers.get("cal-api-version") != API_VERSION:
                return _error(404, "NOT_FOUND", f"Cannot {call.method} {call.path}", call)
            try:
                return handle(call)
            except (_BadRequestError, ClockError) as error:
                return _error(400, "BAD_REQUEST", str(error), call)

        return guarded

    def _get(self, call: Call) -> Answer:
        uid = call.path_params["uid"]
        booking = self._bookings.find(uid)
        if booking is None:
            return _not_found(uid, call)
        return Answer(200, {"status": "success", "data": shown(booking)})

    def _cancel(self, call: Call) -> Answer:
        uid, body = call.path_params["uid"], _body(call, "cancellationReason", "cancelSubsequentBookings")
        if self._bookings.find(uid) is None:
            return _not_found(uid, call)
        gone = self._bookings.cancel(uid, _text(body, "cancellationReason"), call.now, HOST["email"])
        if gone is None:
            raise _BadRequestError(
                f"Can't cancel booking with uid={uid} because it has been cancelled already."
                " Please provide uid of a booking that is not cancelled."
            )
        return Answer(200, {"status": "success", "data": shown(gone)}, rows=_accepted(gone))

    def _reschedule(self, call: Call) -> Answer:
        uid, body = call.path_params["uid"], _body(call, "start", "rescheduledBy", "reschedulingReason")
        start = parse(_text(body, "start"))
        if start <= call.now:
            raise _BadRequestError("Attempting to book a meeting in the past.")
        if self._bookings.find(uid) is None:
            return _not_found(uid, call)
        moved = self._bookings.reschedule(uid, start, call.now, _text(body, "rescheduledBy") or HOST["email"])
        if moved is None:
            raise _BadRequestError(f"Can't reschedule booking with uid={uid} because it has been cancelled.")
        self._on_moved(moved)
        return Answer(201, {"status": "success", "data": shown(moved)}, rows=_accepted(moved))

    def _list(self, call: Call) -> Answer:
        take, skip = _number(call, "take", 100, 1, _MOST), _number(call, "skip", 0, 0, 10_000_000)
        found = _ordered([booking for booking in self._bookings.all() if _matches(booking, call)], call)
        page = [shown(booking) for booking in found[skip : skip + take]]
        paging = _paging(len(found), len(page), take, skip)
        return Answer(200, {"status": "success", "data": page, "pagination": paging})


def _body(call: Call, *known: str) -> Mapping[str, Any]:
    try:
        body = call.json() if call.body else {}
    except ValueError as error:
        raise _BadRequestError("The body is no JSON.") from error
    if not isinstance(body, dict):
        raise _BadRequestError("The body is no JSON object.")
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        raise _BadRequestError(f"property {unknown} should not exist")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise _BadRequestError(f"{name} must be a string")
    return value


def _describe(call: Call) -> tuple[OracleRow, ...]:
    return (OracleRow(key=call.path_params["uid"]),)


def _accepted(booking: Booking) -> tuple[OracleRow, ...]:
    return (OracleRow(booking.guest.address, booking.metadata.get("token"), key=booking.uid, accepted=True),)


def _not_found(uid: str, call: Call) -> Answer:
    return _error(404, "NOT_FOUND", f"Booking with uid={uid} was not found in the database", call)


def _matches(booking: Booking, call: Call) -> bool:
    query = call.query
    email, name, uid = query.get("attendeeEmail"), query.get("attendeeName"), query.get("bookingUid")
    if email is not None and email.strip().lower() != booking.guest.address:
        return False
    if (name is not None and name != booking.guest.name) or (uid is not None and uid != booking.uid):
        return False
    return _in_status(booking, query.get("status"), call.now) and _in_time(booking, call)


def _in_status(booking: Booking, asked: str | None, now: datetime) -> bool:
    if not asked:
        return True
    wanted = {each.strip() for each in asked.split(",")}
    if not wanted <= _STATUSES:
        raise _BadRequestError(f"Invalid status. Allowed are {', '.join(sorted(_STATUSES))}.")
    if booking.status in _GONE:
        return "cancelled" in wanted
    return ("upcoming" if booking.end > now else "past") in wanted


def _in_time(booking: Booking, call: Call) -> bool:
    bounds: tuple[tuple[str, datetime, bool], ...] = (
        ("afterStart", booking.start, True), ("beforeEnd", booking.end, False),
        ("afterCreatedAt", booking.created_at, True), ("beforeCreatedAt", booking.created_at, False),
        ("afterUpdatedAt", booking.updated_at, True), ("beforeUpdatedAt", booking.updated_at, False),
    )  # fmt: skip
    for name, moment, after in bounds:
        text = call.query.get(name)
        if text and (moment < parse(text) if after else moment > parse(text)):
            return False
    return True


def _ordered(found: list[Booking], call: Call) -> list[Booking]:
    keys: dict[str, Callable[[Booking], datetime]] = {
        "sortStart": lambda b: b.start, "sortEnd": lambda b: b.end,
        "sortCreated": lambda b: b.created_at, "sortUpdatedAt": lambda b: b.updated_at,
    }  # fmt: skip
    for name, key in keys.items():
        direction = call.query.get(name)
        if direction is not None:
            if direction not in ("asc", "desc"):
                raise _BadRequestError(f"{name} must be either asc or desc.")
            return sorted(found, key=key, reverse=direction == "desc")
    return found


def _number(call: Call, name: str, default: int, low: int, high: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
        raise _BadRequestError(f"{name} must be a number from {low} to {high}")
    return int(text)


def _paging(total: int, returned: int, take: int, skip: int) -> dict[str, Any]:
    return {
        "totalItems": total,
        "remainingItems": max(0, total - skip - returned),
        "returnedItems": returned,
        "itemsPerPage": take,
        "currentPage": skip // take + 1,
        "totalPages": -(-total // take),
        "hasNextPage": skip + returned < total,
        "hasPreviousPage": skip > 0,
    }


def _error(status: int, code: str, message: str, call: Call | None) -> Answer:
    content: dict[str, Any] = {"status": "error", "error": {"code": code, "message": message, "details": {}}}
    if call is not None:
        content |= {"timestamp": instant(call.now), "path": call.path}
    return Answer(status, content)
