"""Closer: what comes in is matched, read by rules, and acted on (blueprint engine 10).

Stops come first: the open touches concerned are taken back, the leads locked, and only then is anything written that
a guard reads. Every event may come twice and in any order; the end is the same. No provider is called here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.calendars import Place, place_of
from agency_os.domain.closing import Action, Closing, back_at, close, company_hold_until
from agency_os.domain.mail import InboundMail
from agency_os.domain.reply_reading import ReplyReading, read_reply
from agency_os.domain.states import State
from agency_os.exceptions import InvalidInputError
from agency_os.integrations import cal_com, postmark, resend
from agency_os.integrations.mail_transport import MailEvent, MailEventKind
from agency_os.kit.tokens import PersonHash, TouchTokens
from agency_os.repositories.conversation import ConversationRepository, WrittenMessage
from agency_os.repositories.inbound_event import InboundEventRepository, ReceivedEvent, SettledEvent
from agency_os.repositories.meeting import MeetingRepository, MeetingUpdate
from agency_os.repositories.stop import StopRepository
from agency_os.repositories.thread import Thread, ThreadRepository, first
from agency_os.repositories.touch_delivery import TouchDeliveryRepository
from agency_os.repositories.touch_planning import TouchPlanningRepository

_DEAD_ADDRESS: Final = frozenset({MailEventKind.BOUNCED, MailEventKind.SUPPRESSED})
_MEETING_STATUS: Final = {
    cal_com.BookingEventKind.CREATED: "booked",
    cal_com.BookingEventKind.REQUESTED: "booked",
    cal_com.BookingEventKind.RESCHEDULED: "booked",
    cal_com.BookingEventKind.CANCELLED: "cancelled",
    cal_com.BookingEventKind.REJECTED: "cancelled",
    cal_com.BookingEventKind.ENDED: "held",
    cal_com.BookingEventKind.NO_SHOW: "no_show",
}


@dataclass(frozen=True, slots=True)
class UnsubscribeResult:
    """What the unsubscribe page shows: the agency that wrote, and whether it had been told before."""

    client_name: str
    already: bool


class CloserEngine:
    """Acts on provider events; ``reply_domain`` is where answers to us come in."""

    def __init__(self, tokens: TouchTokens, hashes: PersonHash, reply_domain: str) -> None:
        self._tokens = tokens
        self._hashes = hashes
        self._reply_domain = reply_domain

    @staticmethod
    def is_light(event: ReceivedEvent) -> bool:
        """Whether the event only tells how a message fares, so that many are noted in one statement."""
        return event.provider == resend.NAME and event.kind in resend.PASSING_EVENTS

    async def note_deliveries(self, db: AsyncSession, events: Sequence[ReceivedEvent]) -> list[SettledEvent]:
        """Note light events as activities, all at once; an unknown sending that they prove becomes sent."""
        parsed = {event.id: resend.parse_event(event.body, event.event_id) for event in events}
        threads = ThreadRepository(db)
        by_touch = await threads.by_touch([t for mail in parsed.values() if (t := _tagged(mail)) is not None])
        unnamed = [m.provider_message_id for m in parsed.values() if _tagged(m) is None and m.provider_message_id]
        by_id = await threads.by_provider_id(resend.NAME, unnamed)
        settled, activities, proven = [], [], {}
        for event in events:
            mail = parsed[event.id]
            tagged = _tagged(mail)
            thread = by_touch.get(tagged) if tagged is not None else by_id.get(mail.provider_message_id or "")
            if thread is None:
                settled.append(SettledEvent(event.id, "no message of ours", state="unmatched"))
                continue
            activities.append(_activity(thread, mail.kind.value, mail.detail, event.occurred_at, mail))
            settled.append(_settled(event, mail.kind.value, thread))
            if thread.state == "unknown" and mail.provider_message_id:
                proven[thread.touch_id] = mail.provider_message_id
        await StopRepository(db).note(activities)
        await TouchDeliveryRepository(db).prove(proven)
        return settled

    async def read(self, db: AsyncSession, event: ReceivedEvent, *, now: datetime) -> SettledEvent:
        """Read one event and act on it. What cannot be read or matched waits for a person, never away."""
        try:
            if event.provider == cal_com.NAME:
                return await self._booking(db, event, now)
            if event.provider == postmark.NAME:
                parsed = postmark.parse_webhook(event.body, now=event.received_at)
            else:
                parsed = resend.parse_event(event.body, event.event_id)
        except InvalidInputError as fault:
            return SettledEvent(event.id, f"unreadable: {fault}"[:200], state="unmatched")
        if isinstance(parsed, InboundMail):
            return await self._mail(db, event, parsed, now)
        return await self._mail_event(db, event, parsed, now)

    async def unsubscribe(self, db: AsyncSession, touch_id: UUID, *, now: datetime) -> UnsubscribeResult | None:
        """The recipient of ``touch_id`` asked by link or one click to be left in peace; None: no such message."""
        threads = ThreadRepository(db)
        thread = first(await threads.by_touch([touch_id]))
        if thread is None:
            return None
        already = thread.lead_status == "unsubscribed"
        await self._unsubscribe(db, thread, Closing(Action.UNSUBSCRIBE), "unsubscribed by link", now)
        if not already:
            await StopRepository(db).note([_activity(thread, "unsubscribed", "by link", now)])
        return UnsubscribeResult(await threads.client_name(thread.client_id), already)

    async def unsubscribe_page(self, db: AsyncSession, touch_id: UUID) -> UnsubscribeResult | None:
        """What the page shows before anybody presses its button; changes nothing."""
        threads = ThreadRepository(db)
        thread = first(await threads.by_touch([touch_id]))
        if thread is None:
            return None
        return UnsubscribeResult(await threads.client_name(thread.client_id), thread.lead_status == "unsubscribed")

    async def _mail_event(self, db: AsyncSession, event: ReceivedEvent, mail: MailEvent, now: datetime) -> SettledEvent:
        threads = ThreadRepository(db)
        tagged = _tagged(mail)
        thread = first(await threads.by_touch([tagged])) if tagged is not None else None
        if thread is None and mail.provider_message_id is not None:
            found = await threads.by_provider_id(event.provider, [mail.provider_message_id])
            thread = found.get(mail.provider_message_id)
        if thread is None and mail.recipient is not None:
            thread = await threads.by_address(mail.recipient.lower())
        if thread is None:
            return SettledEvent(event.id, mail.kind.value, state="unmatched")
        address = (mail.recipient or thread.email or "").lower()
        if mail.kind in _DEAD_ADDRESS and mail.hard:
            await self._bounce(db, address, mail.detail, now)
        elif mail.kind is MailEventKind.COMPLAINED:
            await self._unsubscribe(db, thread, Closing(Action.COMPLAINT, everywhere=True), "complained", now)
        elif mail.kind is MailEventKind.UNSUBSCRIBED:
            await self._unsubscribe(db, thread, Closing(Action.UNSUBSCRIBE), "unsubscribed at the provider", now)
        await StopRepository(db).note([_activity(thread, mail.kind.value, mail.detail, event.occurred_at, mail)])
        return _settled(event, mail.kind.value, thread)

    async def _mail(self, db: AsyncSession, event: ReceivedEvent, mail: InboundMail, now: datetime) -> SettledEvent:
        thread = await self._thread_of(db, mail)
        if thread is None:
            return SettledEvent(event.id, "no thread of ours", state="unmatched")
        await InboundEventRepository(db).assign(
            event.id, client_id=thread.client_id, lead_id=thread.lead_id, touch_id=thread.touch_id
        )
        own = await ThreadRepository(db).own_senders(thread.client_id)
        reading = read_reply(mail, own | {self._reply_domain})
        closing = close(reading)
        await self._act(db, thread, mail, reading, closing, now)
        conversations = ConversationRepository(db)
        conversation = await conversations.add(
            thread.client_id, thread.lead_id, thread.campaign_id, _written(event, mail, reading)
        )
        if closing.needs_person is not None:
            await conversations.needs_person(conversation, closing.needs_person)
        if closing.action is Action.ANSWER:
            await self._answer(db, thread, conversation, event, now)
        await StopRepository(db).note([_activity(thread, f"reply_{reading.kind}", reading.evidence, event.occurred_at)])
        return _settled(event, reading.kind.value, thread)

    async def _answer(
        self, db: AsyncSession, thread: Thread, conversation: UUID, event: ReceivedEvent, now: datetime
    ) -> None:
        """Plan an answer with the booking link; to somebody who has said no before, it is cancelled as it is made."""
        conversations = ConversationRepository(db)
        planned = await conversations.plan_answer(
            conversation,
            client_id=thread.client_id,
            campaign_id=thread.campaign_id,
            lead_id=thread.lead_id,
            resource_id=thread.resource_id,
            event_id=event.id,
            now=now,
        )
        if not planned:
            await conversations.needs_person(conversation, "wrote again within a day of an automatic answer")
        elif await StopRepository(db).is_out_of_reach(thread.lead_id):
            reason = "no answer by email: opted out, or the address is dead"
            await TouchPlanningRepository(db).take_back([thread.lead_id], reason=reason, now=now, answers_too=True)

    async def _act(
        self,
        db: AsyncSession,
        thread: Thread,
        mail: InboundMail,
        reading: ReplyReading,
        closing: Closing,
        now: datetime,
    ) -> None:
        """The stops that follow from a message, before anything is stored of it."""
        match closing.action:
            case Action.IGNORE:
                return
            case Action.RESCHEDULE:
                until = back_at(reading.back_on, now, _place(thread))
                await TouchPlanningRepository(db).take_back(
                    (), put_off=[thread.lead_id], reason="away until then", until=until, now=now
                )
            case Action.BOUNCE:
                await self._bounce(db, _bounced_address(reading, thread), reading.evidence, now)
            case Action.UNSUBSCRIBE | Action.COMPLAINT:
                await self._unsubscribe(db, thread, closing, f"wrote: {reading.evidence}"[:200], now, mail.from_email)
                await StopRepository(db).replied(thread.lead_id, mail.received_at)
            case _:
                await self._stop_sequence(db, thread, f"the lead has replied ({reading.kind})", now)
                stops = StopRepository(db)
                await stops.replied(thread.lead_id, mail.received_at)
                if closing.action is Action.HOLD:
                    reason = closing.needs_person or "a reply waits for a person"
                    await stops.hold_lead(thread.client_id, thread.lead_id, reason=reason, until=None)

    async def _stop_sequence(self, db: AsyncSession, thread: Thread, reason: str, now: datetime) -> None:
        """No sequence touch of the lead goes out any more; its company's other leads wait (invariant 12)."""
        planning, others, until = TouchPlanningRepository(db), set[UUID](), company_hold_until(now, _place(thread))
        if thread.company_id is not None:
            others = set(await planning.company_leads(thread.client_id, thread.company_id)) - {thread.lead_id}
        await planning.take_back([thread.lead_id], put_off=others, reason=reason, until=until, now=now)
        if thread.company_id is not None:
            held = "somebody of the company has replied"
            await StopRepository(db).hold_company(thread.client_id, thread.company_id, reason=held, until=until)

    async def _unsubscribe(
        self,
        db: AsyncSession,
        thread: Thread,
        closing: Closing,
        reason: str,
        now: datetime,
        also: str | None = None,
    ) -> None:
        """``also``: the address that it was written from, where it may be another one than we wrote to."""
        threads, stops = ThreadRepository(db), StopRepository(db)
        own = {thread.lead_id}
        if also is not None:
            own |= set(await threads.leads_with(also.lower(), thread.client_id))
        concerned = set(own)
        if closing.everywhere:
            for address in filter(None, (thread.email, also)):
                concerned |= set(await threads.leads_with(address.lower()))
        await TouchPlanningRepository(db).take_back(concerned, reason=reason, now=now, answers_too=True)
        hashes = {("email", self._hashes.of("email", also))} if also is not None else set()
        hashes = await stops.silence(
            thread.client_id, own, self._hashes, beside=hashes, reason=reason, added_by="recipient", at=now
        )
        if closing.everywhere:
            await stops.suppress_everywhere(sorted(hashes), reason=reason, added_by="recipient")

    async def opt_out(
        self,
        db: AsyncSession,
        *,
        client_id: UUID,
        channels: Sequence[str],
        address: str,
        reason: str,
        added_by: str,
        now: datetime,
    ) -> int:
        """Somebody told the agency to be left in peace: the address (in normal form, of ``channels``) and whoever has
        it in the client, on every channel. Repeatable. Returns how many leads are concerned."""
        stops = StopRepository(db)
        own = await stops.leads_at(client_id, channels[0], address)
        await TouchPlanningRepository(db).take_back(own, reason=reason, now=now, answers_too=True)
        given = {(channel, self._hashes.of(channel, address)) for channel in channels}
        await stops.silence(client_id, own, self._hashes, beside=given, reason=reason, added_by=added_by, at=now)
        return len(own)

    async def _bounce(self, db: AsyncSession, address: str, detail: str, now: datetime) -> None:
        """A dead address binds all clients; who is behind it stays reachable by another one."""
        leads = set(await ThreadRepository(db).leads_with(address))
        await TouchPlanningRepository(db).take_back(leads, reason="the address is dead", now=now, answers_too=True)
        stops = StopRepository(db)
        digest = self._hashes.of("email", address)
        await stops.suppress_everywhere([("email", digest)], reason="hard bounce", added_by="provider")
        await stops.dead_address(sorted(leads), address)
        for lead_id in sorted(leads):
            await stops.bounced(lead_id, f"hard bounce: {detail}"[:200])

    async def _booking(self, db: AsyncSession, event: ReceivedEvent, now: datetime) -> SettledEvent:
        booking = cal_com.parse_booking(event.body)
        if booking.kind not in _MEETING_STATUS:
            return SettledEvent(event.id, booking.kind.value)
        thread = await self._thread_of_booking(db, booking)
        if thread is None:
            return SettledEvent(event.id, booking.kind.value, state="unmatched")
        at = booking.created_at or event.occurred_at
        status = _MEETING_STATUS[booking.kind]
        if status == "no_show" and booking.no_show is False:
            status = "held"
        if status == "booked":
            await self._stop_sequence(db, thread, "a meeting is booked", now)
            stops = StopRepository(db)
            await stops.met(thread.lead_id, at)
            await stops.converted(thread.lead_id, "a meeting is booked")
        meetings = MeetingRepository(db)
        if booking.previous_uid is not None:
            await meetings.upsert(_meeting(booking, thread, booking.previous_uid, "rescheduled", at, times=False))
        await meetings.upsert(_meeting(booking, thread, booking.uid, status, at))
        await StopRepository(db).note([_activity(thread, f"meeting_{booking.kind}", booking.title, at)])
        return _settled(event, f"meeting {status}", thread)

    async def _thread_of(self, db: AsyncSession, mail: InboundMail) -> Thread | None:
        threads = ThreadRepository(db)
        touch_id = self._tokens.read(mail.mailbox_hash, "reply")
        thread = first(await threads.by_touch([touch_id])) if touch_id is not None else None
        if thread is None:
            answered = [each for each in (mail.in_reply_to, *reversed(mail.references)) if each]
            thread = await threads.by_message_id(answered) if answered else None
        return thread or await threads.by_address(mail.from_email.lower())

    async def _thread_of_booking(self, db: AsyncSession, booking: cal_com.BookingEvent) -> Thread | None:
        threads, meetings = ThreadRepository(db), MeetingRepository(db)
        touch_id = self._tokens.read(booking.token or "", "reply")
        if touch_id is None:
            uids = [uid for uid in (booking.uid, booking.previous_uid) if uid]
            owners = [owner for uid in uids if (owner := await meetings.owner(cal_com.NAME, uid)) is not None]
            touch_id = next((owner.touch_id for owner in owners if owner.touch_id is not None), None)
        if touch_id is not None:
            return first(await threads.by_touch([touch_id]))
        return await threads.by_address(booking.attendee_email.lower()) if booking.attendee_email else None


def _tagged(mail: MailEvent) -> UUID | None:
    """The touch that our own tag names; it travels with the events of the message."""
    try:
        return UUID(mail.tags["touch"])
    except (KeyError, ValueError):
        return None


def _place(thread: Thread) -> Place:
    return place_of(State(thread.lead_state) if thread.lead_state else None, thread.time_zone)


def _bounced_address(reading: ReplyReading, thread: Thread) -> str:
    hard = [each.address for each in reading.bounce.recipients if each.hard] if reading.bounce else []
    own = (thread.email or "").lower()
    return own if own in hard or not hard else hard[0]


def _written(event: ReceivedEvent, mail: InboundMail, reading: ReplyReading) -> WrittenMessage:
    return WrittenMessage(
        event_id=event.id,
        subject=mail.subject,
        text=reading.text,
        intent=reading.intent,
        reading={"kind": reading.kind.value, "confidence": reading.confidence, "evidence": reading.evidence},
        message_id=mail.message_id,
        at=mail.received_at,
    )


def _activity(
    thread: Thread, action: str, detail: str, at: datetime, mail: MailEvent | None = None
) -> dict[str, object]:
    return {
        "client_id": thread.client_id,
        "campaign_id": thread.campaign_id,
        "lead_id": thread.lead_id,
        "touch_id": thread.touch_id,
        "action": action,
        "provider_id": mail.provider_message_id if mail is not None else None,
        "detail": detail[:500],
        "at": at,
    }


def _settled(event: ReceivedEvent, outcome: str, thread: Thread) -> SettledEvent:
    return SettledEvent(event.id, outcome, client_id=thread.client_id, lead_id=thread.lead_id, touch_id=thread.touch_id)


def _meeting(
    booking: cal_com.BookingEvent, thread: Thread, uid: str, status: str, at: datetime, *, times: bool = True
) -> MeetingUpdate:
    return MeetingUpdate(
        client_id=thread.client_id,
        lead_id=thread.lead_id,
        campaign_id=thread.campaign_id,
        touch_id=thread.touch_id,
        provider=cal_com.NAME,
        uid=uid,
        status=status,
        title=booking.title or None,
        starts_at=booking.start if times else None,
        ends_at=booking.end if times else None,
        attendee=booking.attendee_email,
        at=at,
    )
