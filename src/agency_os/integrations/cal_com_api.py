"""Cal.com's API v2 (cal.com/docs/api-reference/v2): looks up bookings that no webhook brought, and cancels one.

The version of the API stands in a header and is one for each kind of thing; without it an older one answers. There are
no idempotency keys: what became of a cancellation that nobody answered is seen in the booking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from agency_os.exceptions import InvalidInputError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations.cal_com import NAME
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.http import HttpResponse
from agency_os.kit.retry import RetryPolicy

API_VERSION: Final = "2024-08-13"
"""Of bookings."""
MOST: Final = 100
"""Bookings of one page; Cal.com's own default."""
_NOTHING: Final = Decimal(0)


@json_problem
def _read_problem(body: Fields) -> Problem:
    error = body.inner("error")
    return Problem(error.text("code"), error.text("message") or "")


_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={401: ProviderLimitError, 403: ProviderLimitError},  # a wrong key is mended by the operator
    passing=frozenset({429}),
)


class BookingStatus(StrEnum):
    """Where a booking stands; a moved one is cancelled and names the one that replaced it."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    OTHER = "other"


_STATUSES: Final = {status.value: status for status in BookingStatus}


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as it stands. Times are aware UTC; ``token`` names our touch, as the booking link carried it."""

    uid: str
    status: BookingStatus
    start: datetime
    end: datetime
    title: str
    attendee_email: str | None
    attendee_name: str | None
    token: str | None
    created_at: datetime | None
    updated_at: datetime | None
    replaces_uid: str | None
    replaced_by_uid: str | None
    reason: str | None
    is_absent: bool | None
    """Whether the guest did not come; None where nobody has said."""


@dataclass(frozen=True, slots=True)
class BookingPage:
    """Some bookings; ``next_skip`` continues behind them, None at the end."""

    bookings: tuple[Booking, ...]
    next_skip: int | None
    units: Decimal = _NOTHING


class CalComClient:
    """One Cal.com account."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"Authorization": f"Bearer {connection.api_key}", "cal-api-version": API_VERSION},
            policy=RetryPolicy(attempts=4, first_wait=0.5, longest_wait=8.0),
        )

    async def booking(self, uid: str) -> Booking | None:
        """The booking; None when there is none of that uid. Raises ProviderError."""
        try:
            response = await self._api.look_up("booking", f"/bookings/{quote(uid, safe='')}")
        except ProviderRefusedError as error:
            # A 404 without Cal.com's own words comes from a wrong address.
            if error.http_status == 404 and error.provider_code is not None:
                return None
            raise
        return self._one("booking", response)

    async def bookings(
        self,
        *,
        attendee_email: str | None = None,
        updated_after: datetime | None = None,
        starts_after: datetime | None = None,
        ends_before: datetime | None = None,
        skip: int = 0,
    ) -> BookingPage:
        """Bookings by guest and time, the oldest change first, so that those made meanwhile come last.

        Times are aware. Raises ProviderError; InvalidInputError for a time without zone.
        """
        times = {"afterUpdatedAt": updated_after, "afterStart": starts_after, "beforeEnd": ends_before}
        query: dict[str, str | int] = {"sortUpdatedAt": "asc", "take": MOST, "skip": skip}
        query |= {name: _written(at) for name, at in times.items() if at is not None}
        if attendee_email is not None:
            query["attendeeEmail"] = attendee_email
        response = await self._api.look_up("bookings", "/bookings", query)
        answer = self._api.read_answer("bookings", response)
        if not isinstance(answer.raw("data"), list):
            raise self._api.unreadable("bookings", response, "without a list of bookings")
        entries = answer.each("data")
        found = tuple(booking for entry in entries if (booking := _read(entry)) is not None)
        has_more = answer.inner("pagination").flag("hasNextPage") is True and bool(entries)
        return BookingPage(found, skip + len(entries) if has_more else None)

    async def cancel(self, uid: str, reason: str) -> Booking:
        """Cancel a booking; the guest is told, and the webhook comes as for any cancellation.

        Raises ProviderError; ProviderRefusedError also for a booking that is cancelled or over.
        """
        body = canonical_json({"cancellationReason": reason})
        response = await self._api.act("cancel", f"/bookings/{quote(uid, safe='')}/cancel", body)
        return self._one("cancel", response)

    def _one(self, operation: str, response: HttpResponse) -> Booking:
        found = _read(self._api.read_answer(operation, response).inner("data"))
        if found is None:
            raise self._api.unreadable(operation, response, "without a booking's uid and times")
        return found


def _read(found: Fields) -> Booking | None:
    uid, start, end = found.text("uid"), found.moment("start"), found.moment("end")
    if uid is None or start is None or end is None:
        return None
    attendee = next(iter(found.each("attendees")), Fields(None))
    return Booking(
        uid=uid,
        status=_STATUSES.get(found.text("status") or "", BookingStatus.OTHER),
        start=start,
        end=end,
        title=found.text("title") or "",
        attendee_email=attendee.text("email"),
        attendee_name=attendee.text("name"),
        token=found.inner("metadata").text("token"),
        created_at=found.moment("createdAt"),
        updated_at=found.moment("updatedAt"),
        replaces_uid=found.text("rescheduledFromUid"),
        replaced_by_uid=found.text("rescheduledToUid"),
        reason=found.text("cancellationReason"),
        is_absent=attendee.flag("absent"),
    )


def _written(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise InvalidInputError("a time needs its zone", field="time")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
