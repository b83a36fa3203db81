"""What a person does with a message: a pure function of (seed, address, step) and of what the bytes contain.

Rates are per person over a sequence of four steps; ``_STEP_SHARE`` spreads them. Hidden tastes scale the wish to meet:
interest by segment, the hour at which the message arrives, and whether it touches the person's pain point.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from agency_os_sandbox.world.chance import unit
from agency_os_sandbox.world.people import PAIN_POINTS, Person
from agency_os_sandbox.world.reading import Reading


class Act(StrEnum):
    """Everything that can follow from a message."""

    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    OPENED = "opened"
    BOOKED = "booked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    OUT_OF_OFFICE = "out_of_office"
    INTERESTED = "interested"
    QUESTION = "question"
    NOT_INTERESTED = "not_interested"
    NOT_NOW = "not_now"
    OPT_OUT = "opt_out"
    WRONG_PERSON = "wrong_person"
    FORWARDED = "forwarded"


LETTERS = frozenset(
    {Act.OUT_OF_OFFICE, Act.INTERESTED, Act.QUESTION, Act.NOT_INTERESTED, Act.NOT_NOW, Act.OPT_OUT, Act.WRONG_PERSON,
     Act.FORWARDED}
)  # fmt: skip

_BOUNCE_RATE = {"verified": 0.036, "guessed": 0.11, "gone": 1.0}
# (act, rate per person over four steps, whether the wish to meet scales it)
_RATES: tuple[tuple[Act, float, bool], ...] = (
    (Act.BOOKED, 0.066, True),
    (Act.INTERESTED, 0.041, True),
    (Act.QUESTION, 0.021, True),
    (Act.OUT_OF_OFFICE, 0.031, False),
    (Act.NOT_INTERESTED, 0.041, False),
    (Act.UNSUBSCRIBED, 0.031, False),
    (Act.OPT_OUT, 0.016, False),
    (Act.NOT_NOW, 0.008, False),
    (Act.WRONG_PERSON, 0.006, False),
    (Act.FORWARDED, 0.004, False),
    (Act.COMPLAINED, 0.003, False),
)
_STEP_SHARE = (0.40, 0.26, 0.19, 0.15)
_LATER_SHARE = 0.05
_OPEN_RATE = 0.46
_BOOKS_AFTER_ANSWER = {Act.INTERESTED: 0.82, Act.QUESTION: 0.45}
_DELAYS: dict[Act, tuple[float, float]] = {
    Act.OPENED: (0.1, 20.0),
    Act.BOOKED: (0.4, 28.0),
    Act.UNSUBSCRIBED: (0.1, 16.0),
    Act.COMPLAINED: (0.2, 24.0),
}
_REPLY_DELAY = (1.0, 30.0)
_GRAIN = timedelta(minutes=5)
_WAKING_HOURS = range(7, 21)


@dataclass(frozen=True, slots=True)
class Plan:
    """One act and when it happens, in virtual UTC."""

    act: Act
    at: datetime


class Behaviour:
    """Decides; holds nothing but the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def bounces(self, person: Person) -> bool:
        """Whether the mailbox does not exist: the same at every step."""
        return unit(self._seed, person.address, "bounce") < _BOUNCE_RATE[person.mailbox_quality]

    def on_sequence(self, person: Person, reading: Reading, at: datetime) -> list[Plan]:
        """What follows from a message that is not an answer to the person's own."""
        if self.bounces(person):
            return [Plan(Act.SENT, at), Plan(Act.BOUNCED, at)]
        plans = [Plan(Act.SENT, at), Plan(Act.DELIVERED, at)]
        act = self._choice(person, reading, at)
        if act is Act.OUT_OF_OFFICE:
            return [*plans, Plan(act, at + timedelta(minutes=1))]
        if act is Act.BOOKED and reading.booking_link is None:
            act = None
        if act is Act.UNSUBSCRIBED and reading.one_click_url is None:
            act = None
        opened = act is not None or unit(self._seed, person.address, reading.step, "open") < _OPEN_RATE
        if opened and reading.has_html:
            plans.append(Plan(Act.OPENED, self._moment(person, reading.step, Act.OPENED, at)))
        if act is not None:
            plans.append(Plan(act, self._moment(person, reading.step, act, at)))
        return plans

    def on_answer(self, person: Person, reading: Reading, at: datetime, asked: Act) -> list[Plan]:
        """What follows from an answer to the person's own message of kind ``asked``."""
        plans = [Plan(Act.SENT, at), Plan(Act.DELIVERED, at)]
        if reading.has_html:
            plans.append(Plan(Act.OPENED, self._moment(person, reading.step, Act.OPENED, at)))
        keen = unit(self._seed, person.address, "after answer") < _BOOKS_AFTER_ANSWER.get(asked, 0.0)
        if keen and reading.booking_link is not None:
            plans.append(Plan(Act.BOOKED, self._moment(person, reading.step, Act.BOOKED, at)))
        return plans

    def wish(self, person: Person, reading: Reading, at: datetime) -> float:
        """How the hidden tastes scale the wish to meet; about 1 on average."""
        text = reading.text.lower()
        touched = any(word in text for word in PAIN_POINTS[person.pain])
        local = at.astimezone(person.zone)
        part = "early" if local.hour < 11 else "midday" if local.hour < 14 else "late"
        weekday = 1.1 if local.weekday() in (1, 2, 3) else 0.88
        return person.interest * (1.25 if touched else 0.8) * (1.3 if part == person.hour else 0.85) * weekday

    def returns_on(self, person: Person, step: int, at: datetime) -> datetime:
        """The first day back of someone who is away, at nine in the person's zone."""
        days = 3 + int(unit(self._seed, person.address, step, "away") * 12)
        day = at.astimezone(person.zone) + timedelta(days=days)
        while day.weekday() >= 5:
            day += timedelta(days=1)
        return day.replace(hour=9, minute=0, second=0, microsecond=0)

    def later_change(self, address: str) -> str | None:
        """Whether a booking is later ``cancelled`` or ``rescheduled`` by its guest."""
        point = unit(self._seed, address, "booking")
        return "cancelled" if point < 0.07 else "rescheduled" if point < 0.15 else None

    def _choice(self, person: Person, reading: Reading, at: datetime) -> Act | None:
        step = reading.step
        share = _STEP_SHARE[step - 1] if step <= len(_STEP_SHARE) else _LATER_SHARE
        point = unit(self._seed, person.address, step, "act")
        wish = self.wish(person, reading, at)
        for act, rate, scaled in _RATES:
            point -= rate * share * (wish if scaled else 1.0)
            if point < 0:
                return act
        return None

    def _moment(self, person: Person, step: int, act: Act, at: datetime) -> datetime:
        """A waking moment within the act's delays: the first of some draws that falls into one."""
        low, high = _DELAYS.get(act, _REPLY_DELAY)
        for attempt in range(24):
            hours = low * (high / low) ** unit(self._seed, person.address, step, act, "delay", attempt)
            moment = _round_up(at + timedelta(hours=hours))
            if _awake(moment.astimezone(person.zone)) and moment <= at + timedelta(hours=high):
                return moment
        moment = _round_up(at + timedelta(hours=low))
        while moment.astimezone(person.zone).hour not in _WAKING_HOURS:
            moment += _GRAIN
        return moment


def _awake(local: datetime) -> bool:
    return local.hour in _WAKING_HOURS and (local.weekday() < 5 or local.hour in range(10, 17))


def _round_up(moment: datetime) -> datetime:
    """Up to the next five minutes, so that virtual time need not stop for every second."""
    grain = _GRAIN.total_seconds()
    seconds = moment.timestamp()
    return datetime.fromtimestamp(-(-seconds // grain) * grain, UTC)
