"""When a touch is due: spread over the sending hours of the lead's place, follow-ups counted in its business days."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, time, timedelta
from typing import Final

from agency_os.domain import calendars
from agency_os.domain.calendars import Place, Window

_SLOT_MINUTES: Final = 5


def slot(day: date, place: Place, window: Window, seed: str) -> datetime | None:
    """A moment (UTC) in the window of ``day`` at ``place``, the same for the same ``seed``; None on a closed day.

    Messages are spread over the day in five-minute slots, as a person's would be; the last hour is kept free so that
    what is due today can still go out today.
    """
    span = calendars.opening(day, place, window)
    if span is None:
        return None
    start, end = span
    usable = max(1, int((end - start - timedelta(hours=1)).total_seconds() // 60 // _SLOT_MINUTES))
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) % usable
    return start + timedelta(minutes=number * _SLOT_MINUTES)


def step_due(first_day: date, offset: int, place: Place, window: Window, seed: str) -> datetime:
    """When the step ``offset`` business days after ``first_day`` is due (UTC). ``first_day`` is local to ``place``."""
    day = calendars.add_business_days(first_day, offset, place)
    chosen = slot(day, place, window, seed)
    if chosen is not None:
        return chosen
    begin, _ = calendars.local_day(day, place.zones[0])
    return calendars.next_open(begin, place, window)


def follow_up_due(due_at: datetime, sent_at: datetime, gap: int, place: Place) -> datetime:
    """The due time of a step ``gap`` business days behind one sent at ``sent_at``: never earlier than planned.

    Keeps the hour that was chosen for it.
    """
    earliest = calendars.add_business_days(calendars.local_date(sent_at, place), gap, place)
    if calendars.local_date(due_at, place) >= earliest:
        return due_at
    zone = place.zones[0]
    hour: time = due_at.astimezone(zone).time()
    return datetime.combine(earliest, hour, zone).astimezone(due_at.tzinfo)
