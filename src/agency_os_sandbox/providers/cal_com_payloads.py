"""What Cal.com tells of a booking: the bodies of its webhooks and the booking as its API v2 shows it.

Follows Cal.com's OpenAPI (version 2024-08-13) and its page on webhooks: MEETING_ENDED is flat, the others have a
``payload``; ``metadata`` gives back what the booking link carried.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from agency_os_sandbox.booking import MINUTES, Booking, BookingStatus

EVENT_TYPE_ID = 7
HOST: dict[str, Any] = {
    "id": 5, "name": "Alex Morgan", "email": "alex.morgan@agency.example", "username": "alex-morgan",
    "timeZone": "Australia/Sydney",
}  # fmt: skip
_VIDEO = "https://video.cal-sandbox.example/"


def created(booking: Booking, at: datetime) -> dict[str, Any]:
    """BOOKING_CREATED."""
    return _envelope("BOOKING_CREATED", at, _payload(booking, "ACCEPTED"))


def cancelled(booking: Booking, at: datetime) -> dict[str, Any]:
    """BOOKING_CANCELLED."""
    extra = {"cancellationReason": booking.reason or "", "cancelledBy": booking.changed_by or booking.guest.address}
    return _envelope("BOOKING_CANCELLED", at, {**_payload(booking, "CANCELLED"), **extra})


def rescheduled(booking: Booking, old: Booking, at: datetime) -> dict[str, Any]:
    """BOOKING_RESCHEDULED: the new booking, with the old one named."""
    extra = {
        "rescheduleId": old.id,
        "rescheduleUid": old.uid,
        "rescheduleStartTime": instant(old.start),
        "rescheduleEndTime": instant(old.end),
        "rescheduledBy": booking.changed_by or booking.guest.address,
    }
    return _envelope("BOOKING_RESCHEDULED", at, {**_payload(booking, "ACCEPTED"), **extra})


def ended(booking: Booking, at: datetime) -> dict[str, Any]:
    """MEETING_ENDED, flat."""
    return {
        "triggerEvent": "MEETING_ENDED",
        "createdAt": instant(at),
        **_payload(booking, "ACCEPTED"),
        "id": booking.id,
    }


def no_show(booking: Booking, at: datetime) -> dict[str, Any]:
    """BOOKING_NO_SHOW_UPDATED: the guest did not come."""
    payload = {
        "message": f"{booking.guest.address} marked as no-show",
        "attendees": [{"email": booking.guest.address, "noShow": True}],
        "bookingUid": booking.uid,
        "bookingId": booking.id,
    }
    return _envelope("BOOKING_NO_SHOW_UPDATED", at, payload)


def shown(booking: Booking) -> dict[str, Any]:
    """The booking as ``BookingOutput_2024_08_13``."""
    gone = booking.status in (BookingStatus.CANCELLED, BookingStatus.RESCHEDULED)
    guest = booking.guest
    attendee = {
        "name": guest.name, "email": guest.address, "displayEmail": guest.address, "timeZone": guest.zone,
        "language": "en", "absent": booking.status is BookingStatus.NO_SHOW,
    }  # fmt: skip
    optional = {
        "rescheduledFromUid": booking.rescheduled_from,
        "rescheduledToUid": booking.rescheduled_to,
        "cancellationReason": booking.reason,
        "cancelledByEmail": booking.changed_by if booking.status is BookingStatus.CANCELLED else None,
        "rescheduledByEmail": booking.changed_by if booking.rescheduled_from else None,
    }
    return {
        "id": booking.id, "uid": booking.uid, "title": _title(booking), "description": "",
        "hosts": [{**HOST, "displayEmail": HOST["email"]}], "status": "cancelled" if gone else "accepted",
        "start": instant(booking.start), "end": instant(booking.end), "duration": MINUTES,
        "eventTypeId": EVENT_TYPE_ID, "eventType": {"id": EVENT_TYPE_ID, "slug": booking.slug},
        "location": _VIDEO + booking.uid, "meetingUrl": _VIDEO + booking.uid, "absentHost": False,
        "createdAt": instant(booking.created_at), "updatedAt": instant(booking.updated_at),
        "metadata": dict(booking.metadata), "icsUid": f"{booking.uid}@cal-sandbox.example", "attendees": [attendee],
        "guests": [], "bookingFieldsResponses": {"name": guest.name, "email": guest.address},
        **{name: value for name, value in optional.items() if value},
    }  # fmt: skip


def instant(moment: datetime) -> str:
    """``2026-03-02T09:00:00.000Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _envelope(event: str, at: datetime, payload: dict[str, Any]) -> dict[str, Any]:
    return {"triggerEvent": event, "createdAt": instant(at), "payload": payload}


def _title(booking: Booking) -> str:
    return f"{MINUTES} min meeting between {HOST['name']} and {booking.guest.name}"


def _payload(booking: Booking, status: str) -> dict[str, Any]:
    guest = booking.guest
    offset = booking.start.astimezone(guest.tzinfo).utcoffset() or timedelta(0)
    language = {"locale": "en"}
    return {
        "type": booking.slug, "title": _title(booking), "description": "", "additionalNotes": "", "customInputs": {},
        "startTime": instant(booking.start), "endTime": instant(booking.end),
        "organizer": {**HOST, "language": language, "timeFormat": "h:mma"},
        "responses": {
            "name": {"label": "your_name", "value": guest.name},
            "email": {"label": "email_address", "value": guest.address},
        },
        "userFieldsResponses": {},
        "attendees": [
            {"email": guest.address, "name": guest.name, "timeZone": guest.zone, "language": language,
             "utcOffset": int(offset.total_seconds() // 60)}
        ],
        "location": "integrations:daily", "destinationCalendar": None, "hideCalendarNotes": False,
        "requiresConfirmation": False, "eventTypeId": EVENT_TYPE_ID, "seatsShowAttendees": False,
        "seatsPerTimeSlot": None, "uid": booking.uid, "appsStatus": [], "eventTitle": booking.slug,
        "eventDescription": "", "price": 0, "currency": "aud", "length": MINUTES, "bookingId": booking.id,
        "videoCallData": {"type": "daily_video", "id": booking.uid, "password": None, "url": _VIDEO + booking.uid},
        "iCalUID": f"{booking.uid}@cal-sandbox.example", "iCalSequence": 0 if booking.rescheduled_from is None else 1,
        "metadata": dict(booking.metadata), "status": status,
    }  # fmt: skip
