"""The world's life: people receive messages, plan what they do, and do it when its time has come.

Input: accepted messages and the passing of virtual time. Promises: plans and acts join the caller's transaction; acts
come in order of (due, address, step, rank); what a person does depends on (seed, person, step) and the bytes received,
never on the order of arrival; whoever has finished (booked, opted out, said no, bounced, complained) does no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agency_os_sandbox.booking import Booking, Guest
from agency_os_sandbox.bookings import Bookings
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.inbound import Inbound
from agency_os_sandbox.outbox import ONE_CLICK, Outbox, Parcel
from agency_os_sandbox.providers.resend import webhook_body
from agency_os_sandbox.world import visits
from agency_os_sandbox.world.behaviour import LETTERS, Act, Behaviour, Plan
from agency_os_sandbox.world.letters import write
from agency_os_sandbox.world.mail import Mail
from agency_os_sandbox.world.memory import Event, Memory
from agency_os_sandbox.world.people import People
from agency_os_sandbox.world.reading import Reading, is_loopback, read

RESEND_PATH = "/webhooks/resend"
ONE_CLICK_BODY = "List-Unsubscribe=One-Click"
CANCELLED, RESCHEDULED, MEETING = "cancelled", "rescheduled", "meeting"
_ENDINGS = frozenset(
    {Act.BOOKED, Act.UNSUBSCRIBED, Act.OPT_OUT, Act.NOT_INTERESTED, Act.COMPLAINED, Act.BOUNCED}
)  # fmt: skip
_TRANSPORT = frozenset({Act.SENT, Act.DELIVERED, Act.BOUNCED})
_WEBHOOKS = frozenset({*_TRANSPORT, Act.OPENED, Act.COMPLAINED})
_BOUNCE = {
    "type": "Permanent",
    "subType": "General",
    "message": "The recipient's email server permanently rejected the email: 550 5.1.1 the mailbox does not exist.",
    "diagnosticCode": ["smtp; 550 5.1.1 the mailbox does not exist"],
}


class Life:
    """Plans on acceptance, acts when due."""

    def __init__(
        self, seed: int, memory: Memory, people: People, outbox: Outbox, bookings: Bookings, inbound: Inbound
    ) -> None:
        self._seed = seed
        self._memory = memory
        self._people = people
        self._outbox = outbox
        self._bookings = bookings
        self._inbound = inbound
        self._behaviour = Behaviour(seed)
        self._calendar: dict[str, Callable[[Event], object | None]] = {
            CANCELLED: self._cancel, RESCHEDULED: self._reschedule, MEETING: self._meet,
        }  # fmt: skip

    def accept(self, mails: list[Mail]) -> None:
        """Plan what follows from these messages, and let happen what happens at once."""
        self._memory.plan([event for mail in mails for event in self._plan(mail)])
        if mails:
            self.live(mails[0].accepted_at)

    def live(self, until: datetime, most: int = 1_000_000) -> datetime | None:
        """Act out what is due by ``until``, at most so many events; the last one's due when there may be more."""
        last: datetime | None = None
        for _ in range(most):
            event = self._memory.next_event(until)
            if event is None:
                return None
            self._memory.mark_done(event, acted=self._act(event))
            last = event.due
        return last

    def teach(self, kind: str, act: Callable[[Event], object | None]) -> None:
        """Let events of this kind, which a provider plans, be acted out so; None of ``act``: it has become void."""
        self._calendar[kind] = act

    def meet(self, booking: Booking) -> None:
        """A booking was made that the world knows nothing of: its meeting will take place."""
        self._memory.plan([self._meeting(Event(booking.created_at, booking.guest.address, 0, 0, "", ""), booking)])

    def human_booked(self, booking: Booking) -> None:
        """Someone booked on the page by hand: the person of that address is done, the meeting will take place."""
        event = Event(booking.created_at, booking.guest.address, 0, 0, Act.BOOKED.value, "", booking.uid)
        self._memory.finish(event.address, Act.BOOKED.value, event.due)
        self._memory.happened(event, Act.BOOKED.value)
        self._memory.plan([self._meeting(event, booking)])

    def _plan(self, mail: Mail) -> list[Event]:
        reading = _followable(read(mail))
        events: list[Event] = []
        for index, address in enumerate(mail.recipients):
            plans = self._plans(address, reading, mail)
            events += [
                Event(plan.at, address, reading.step, rank, plan.act.value, mail.id)
                for rank, plan in enumerate(plans)
                if index == 0 or plan.act is not Act.SENT
            ]
        return events

    def _plans(self, address: str, reading: Reading, mail: Mail) -> list[Plan]:
        person, at = self._people.find(address), mail.accepted_at
        asked = self._memory.letter_kind(reading.in_reply_to, address)
        if asked is not None:
            return self._behaviour.on_answer(person, reading, at, Act(asked))
        plans = self._behaviour.on_sequence(person, reading, at)
        if self._memory.finished(address) is not None:
            return [plan for plan in plans if plan.act in _TRANSPORT]
        return plans

    def _act(self, event: Event) -> bool:
        calendar = self._calendar.get(event.kind)
        if calendar is not None:
            return calendar(event) is not None
        act = Act(event.kind)
        if act not in _TRANSPORT and self._memory.finished(event.address) is not None:
            return False
        mail = self._memory.mail(event.email_id)
        if act in _WEBHOOKS:
            self._tell_resend(event, act, mail)
        elif act in LETTERS:
            self._write(event, act, mail)
        elif act is Act.UNSUBSCRIBED:
            self._unsubscribe(event, mail)
        elif act is Act.BOOKED:
            self._book(event, mail)
        self._memory.happened(event, act.value)
        if act in _ENDINGS:
            self._memory.finish(event.address, act.value, event.due)
        return True

    def _tell_resend(self, event: Event, act: Act, mail: Mail) -> None:
        extra: dict[str, Any] = {"bounce": _BOUNCE} if act is Act.BOUNCED else {}
        shown = mail if len(mail.recipients) == 1 else replace(mail, to=(event.address,))
        body = webhook_body(act.value, shown, event.due, extra)
        kind = f"email.{act.value}"
        self._memory.mark_mail(mail.id, act.value)
        self._outbox.put(Parcel("resend", kind, f"msg_{new_guid()}", event.address, RESEND_PATH, body), event.due)

    def _write(self, event: Event, act: Act, mail: Mail) -> None:
        person, reading = self._people.find(event.address), read(mail)
        away = act is Act.OUT_OF_OFFICE
        back = self._behaviour.returns_on(person, event.step, event.due) if away else None
        letter = write(self._seed, person, mail, reading, act, event.due, back)
        self._memory.keep_letter(letter.message_id, event, letter.text)
        parcel = self._inbound.parcel(letter, event.address, event.due)
        if parcel is not None:
            self._outbox.put(parcel, event.due)

    def _unsubscribe(self, event: Event, mail: Mail) -> None:
        url = _followable(read(mail)).one_click_url
        if url is not None:
            self._outbox.put(Parcel(ONE_CLICK, "post", new_guid(), event.address, url, ONE_CLICK_BODY), event.due)

    def _book(self, event: Event, mail: Mail) -> None:
        url = read(mail).booking_link
        if url is None:
            return
        link, person = visits.read_link(url), self._people.find(event.address)
        start = visits.choose_slot(self._seed, event.address, event.due, person.zone, "first").astimezone(UTC)
        guest = Guest(f"{person.first_name} {person.last_name}", person.address, person.zone.key)
        booking = self._bookings.book(link.slug, guest, start, event.due, link.metadata)
        change = self._behaviour.later_change(event.address)
        events = [self._meeting(event, booking)]
        if change is not None:
            moment = visits.change_moment(self._seed, event.address, event.due, booking.start)
            events.append(replace(event, due=moment, rank=0, kind=change, detail=booking.uid))
        self._memory.plan(events)

    def _cancel(self, event: Event) -> Booking | None:
        booking = self._bookings.cancel(event.detail, "Something has come up, sorry.", event.due)
        if booking is not None:
            self._memory.happened(event, CANCELLED)
        return booking

    def _reschedule(self, event: Event) -> Booking | None:
        old = self._bookings.find(event.detail)
        if old is None:
            return None
        start = visits.choose_slot(self._seed, event.address, old.start, old.guest.tzinfo, "second").astimezone(UTC)
        booking = self._bookings.reschedule(old.uid, start, event.due)
        if booking is not None:
            self._memory.happened(event, RESCHEDULED)
            self._memory.plan([self._meeting(event, booking)])
        return booking

    def _meet(self, event: Event) -> Booking | None:
        held = visits.comes(self._seed, event.address)
        booking = self._bookings.end(event.detail, event.due, held=held)
        if booking is not None:
            self._memory.happened(event, "held" if held else "no_show")
        return booking

    @staticmethod
    def _meeting(event: Event, booking: Booking) -> Event:
        return replace(event, due=booking.end, rank=9, kind=MEETING, detail=booking.uid, n=0)


def _followable(reading: Reading) -> Reading:
    """The world calls nothing beyond the loopback: an unsubscribe address elsewhere is as good as none."""
    if reading.one_click_url is None or is_loopback(reading.one_click_url):
        return reading
    return replace(reading, one_click_url=None)
