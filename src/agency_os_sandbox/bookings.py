"""The calendar behind Cal.com: bookings made, moved, cancelled, held, and the webhooks that tell of each.

Input: who books what and when. Promises: the booking and its webhook are one transaction with the caller's; times are
virtual UTC; a slot may be taken twice, since a team stands behind the page and arrival order must not matter.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from agency_os_sandbox.booking import Booking, BookingStatus, Guest
from agency_os_sandbox.clock import parse, stamp
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.providers import cal_com_payloads
from agency_os_sandbox.store import Store

WEBHOOK_PATH = "/webhooks/cal-com"


class Bookings:
    """Makes and changes bookings."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def book(self, slug: str, guest: Guest, start: datetime, at: datetime, metadata: Mapping[str, str]) -> Booking:
        """Make a booking at ``at``; BOOKING_CREATED is queued."""
        booking = self._add(slug, guest, start, at, dict(metadata), None)
        self._tell("BOOKING_CREATED", booking, cal_com_payloads.created(booking, at), at)
        return booking

    def cancel(self, uid: str, reason: str, at: datetime, by: str | None = None) -> Booking | None:
        """Cancel a booking that stands; None when it does not. ``by``: an address, the guest's if left out."""
        booking = self.find(uid)
        if booking is None or booking.status is not BookingStatus.ACCEPTED:
            return None
        booking = self._save(
            replace(
                booking, status=BookingStatus.CANCELLED, reason=reason, updated_at=at,
                changed_by=by or booking.guest.address,
            )
        )  # fmt: skip
        self._tell("BOOKING_CANCELLED", booking, cal_com_payloads.cancelled(booking, at), at)
        return booking

    def reschedule(self, uid: str, start: datetime, at: datetime, by: str | None = None) -> Booking | None:
        """Move a booking that stands: a new one replaces it; None when it does not stand. ``by`` as for ``cancel``."""
        old = self.find(uid)
        if old is None or old.status is not BookingStatus.ACCEPTED:
            return None
        new = self._add(old.slug, old.guest, start, at, old.metadata, old.uid, by or old.guest.address)
        self._save(replace(old, status=BookingStatus.RESCHEDULED, rescheduled_to=new.uid, updated_at=at))
        self._tell("BOOKING_RESCHEDULED", new, cal_com_payloads.rescheduled(new, old, at), at)
        return new

    def end(self, uid: str, at: datetime, *, held: bool) -> Booking | None:
        """The meeting's end: MEETING_ENDED, and for a guest who did not come BOOKING_NO_SHOW_UPDATED behind it."""
        booking = self.find(uid)
        if booking is None or booking.status is not BookingStatus.ACCEPTED:
            return None
        status = BookingStatus.ENDED if held else BookingStatus.NO_SHOW
        booking = self._save(replace(booking, status=status, updated_at=at))
        self._tell("MEETING_ENDED", booking, cal_com_payloads.ended(booking, at), at)
        if not held:
            self._tell("BOOKING_NO_SHOW_UPDATED", booking, cal_com_payloads.no_show(booking, at), at)
        return booking

    def find(self, uid: str) -> Booking | None:
        """The booking of this uid."""
        row = self._store.one("SELECT * FROM bookings WHERE uid = ?", (uid,))
        return None if row is None else _read(dict(row))

    def all(self) -> list[Booking]:
        """Every booking, oldest first."""
        return [_read(dict(row)) for row in self._store.all("SELECT * FROM bookings ORDER BY id")]

    def counts(self) -> dict[str, int]:
        """How many bookings stand where."""
        rows = self._store.all("SELECT status, count(*) AS count FROM bookings GROUP BY status ORDER BY status")
        return {row["status"]: row["count"] for row in rows}

    def _add(
        self, slug: str, guest: Guest, start: datetime, at: datetime, metadata: dict[str, str], moved: str | None,
        by: str | None = None,
    ) -> Booking:  # fmt: skip
        draft = Booking(
            0, secrets.token_urlsafe(16), slug, BookingStatus.ACCEPTED, start, at, at, guest, metadata, moved,
            changed_by=by,
        )  # fmt: skip
        cursor = self._store.execute(
            "INSERT INTO bookings (uid, address, status, start, created_at, booking) VALUES (?, ?, ?, ?, ?, ?)",
            (draft.uid, guest.address, draft.status.value, stamp(start), stamp(at), _write(draft)),
        )
        return replace(draft, id=int(cursor.lastrowid or 0))

    def _save(self, booking: Booking) -> Booking:
        self._store.execute(
            "UPDATE bookings SET status = ?, booking = ? WHERE id = ?",
            (booking.status.value, _write(booking), booking.id),
        )
        return booking

    def _tell(self, event: str, booking: Booking, payload: dict[str, Any], at: datetime) -> None:
        body = json.dumps(payload, ensure_ascii=False)
        parcel = Parcel("cal_com", event, new_guid(), booking.guest.address, WEBHOOK_PATH, body)
        self._outbox.put(parcel, at)


def _write(booking: Booking) -> str:
    kept = {
        "slug": booking.slug, "guest": asdict(booking.guest), "metadata": booking.metadata, "reason": booking.reason,
        "rescheduled_from": booking.rescheduled_from, "rescheduled_to": booking.rescheduled_to,
        "updated_at": stamp(booking.updated_at), "changed_by": booking.changed_by,
    }  # fmt: skip
    return json.dumps(kept, ensure_ascii=False)


def _read(row: dict[str, Any]) -> Booking:
    kept = json.loads(row["booking"])
    return Booking(
        id=row["id"], uid=row["uid"], slug=kept["slug"], status=BookingStatus(row["status"]), start=parse(row["start"]),
        created_at=parse(row["created_at"]), updated_at=parse(kept["updated_at"]), guest=Guest(**kept["guest"]),
        metadata=kept["metadata"], rescheduled_from=kept["rescheduled_from"], rescheduled_to=kept["rescheduled_to"],
        reason=kept["reason"], changed_by=kept.get("changed_by"),
    )  # fmt: skip
