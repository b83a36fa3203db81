"""What follows from a message that came in: a pure decision over how it was read.

Rules answer only where they are sure; whatever might be a no, and whatever is not understood, holds the lead until a
person has looked (invariant 11). Nothing automatic answers what no person wrote (invariant 16).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agency_os.domain import calendars
from agency_os.domain.calendars import EMAIL_WINDOW, Place
from agency_os.domain.opt_outs import OptOutScope
from agency_os.domain.reply_reading import ReplyKind, ReplyReading

COMPANY_HOLD_DAYS: Final = 5
"""Business days for which the other leads of a company wait after one of them has replied (DESIGN section 4)."""
ABSENCE_DAYS: Final = 5
"""Business days that an absence without a date is taken to last."""


class Action(StrEnum):
    """What is done."""

    IGNORE = "ignore"
    RESCHEDULE = "reschedule"
    UNSUBSCRIBE = "unsubscribe"
    ANSWER = "answer"
    STOP = "stop"
    HOLD = "hold"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class Closing:
    """``everywhere``: it binds all clients. ``needs_person``: why a person must look, None when nobody must."""

    action: Action
    everywhere: bool = False
    needs_person: str | None = None


_STOPPING: Final = frozenset({ReplyKind.NOT_INTERESTED, ReplyKind.NOT_NOW})
_BOOKABLE: Final = frozenset({ReplyKind.MEETING_REQUEST, ReplyKind.INTERESTED})

_FIXED: Final[Mapping[ReplyKind, Closing]] = MappingProxyType(
    {
        ReplyKind.OWN_MAIL: Closing(Action.IGNORE),
        ReplyKind.LIST_MAIL: Closing(Action.IGNORE),
        ReplyKind.AUTO_REPLY: Closing(Action.IGNORE),
        ReplyKind.OUT_OF_OFFICE: Closing(Action.RESCHEDULE),
        ReplyKind.COMPLAINT: Closing(Action.COMPLAINT, everywhere=True),
        ReplyKind.LEFT_COMPANY: Closing(Action.STOP, needs_person="the person has left the company"),
        ReplyKind.POSSIBLE_OPT_OUT: Closing(Action.HOLD, needs_person="this may be an opt-out"),
        ReplyKind.QUESTION: Closing(Action.HOLD, needs_person="a question waits for an answer"),
        ReplyKind.WRONG_PERSON: Closing(Action.HOLD, needs_person="points to another person"),
        ReplyKind.EMPTY: Closing(Action.HOLD, needs_person="the reply holds no text"),
        ReplyKind.UNSURE: Closing(Action.HOLD, needs_person="not understood with confidence"),
    }
)


def close(reading: ReplyReading) -> Closing:
    """What follows from a message read as ``reading``."""
    kind = reading.kind
    if kind in _FIXED:
        return _FIXED[kind]
    if kind is ReplyKind.BOUNCE:
        hard = reading.bounce is not None and any(each.hard for each in reading.bounce.recipients)
        return Closing(Action.BOUNCE if hard else Action.IGNORE, everywhere=hard)
    if kind is ReplyKind.OPT_OUT:
        words = reading.opt_out
        everywhere = words is not None and (words.scope is OptOutScope.EVERYONE or words.complaint)
        erasure = words is not None and words.erasure
        return Closing(Action.UNSUBSCRIBE, everywhere, "asks for erasure of personal data" if erasure else None)
    if not reading.sure or reading.needs_person:
        return Closing(Action.HOLD, needs_person=f"read as {kind}, but not surely")
    if kind in _STOPPING:
        return Closing(Action.STOP)
    return Closing(Action.ANSWER) if kind in _BOOKABLE else Closing(Action.HOLD, needs_person=f"read as {kind}")


def back_at(back_on: date | None, now: datetime, place: Place) -> datetime:
    """When somebody who is away may be written to again (aware UTC): the opening of the first business day back."""
    today = calendars.local_date(now, place)
    day = back_on if back_on is not None and back_on > today else None
    if day is None:
        day = calendars.add_business_days(today, ABSENCE_DAYS, place)
    begin, _ = calendars.local_day(calendars.add_business_days(day, 0, place), place.zones[0])
    return calendars.next_open(begin, place, EMAIL_WINDOW)


def company_hold_until(now: datetime, place: Place) -> datetime:
    """Until when the company of somebody who replied is left alone (aware UTC)."""
    day = calendars.add_business_days(calendars.local_date(now, place), COMPANY_HOLD_DAYS, place)
    begin, _ = calendars.local_day(day, place.zones[0])
    return max(begin, now + timedelta(hours=1))
