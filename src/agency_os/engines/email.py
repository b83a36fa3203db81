"""Email: claimed touches go out by the provider's batch call, singly as the fallback, once each under a stable key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Final
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.calendars import place_of
from agency_os.domain.channels import Channel
from agency_os.domain.schedule import follow_up_due
from agency_os.domain.states import State
from agency_os.domain.touch import KEY_MARGIN
from agency_os.engines.base import Accepted, ChannelEngine, Delivery, Open, Refused, Unfound, plain
from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError
from agency_os.integrations.mail_transport import MailTransport, OutgoingEmail, SentEmail
from agency_os.kit.clock import WallClock
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.touch import ClaimedTouch, TouchRepository
from agency_os.repositories.touch_delivery import Sending, TouchDeliveryRepository
from agency_os.repositories.touch_planning import TouchPlanningRepository

LEASE: Final = timedelta(seconds=60)
"""Wall time a worker has for one claim and again for each call; three times what a call may take."""
ACCEPTED_IN: Final = 20
"""Seconds of sending that one claim may hold (DESIGN section 4)."""
MAX_CLAIM: Final = 500
BACK_OFF: Final = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6))
"""Not-before after the first, second … refusal that can heal, where the provider says nothing (business time)."""
_OUR_ACCOUNT: Final = frozenset({401, 403})
"""The provider refuses us, not the message: the key or the domain is to be mended, and then the message may go."""
_CLOCK_SKEW: Final = timedelta(minutes=5)
_PAGES: Final = 50


@dataclass(frozen=True, slots=True)
class EmailLimits:
    """``requests_per_second`` of the provider; ``unit_cost`` A$ a message."""

    requests_per_second: float
    unit_cost: Decimal


class EmailEngine(ChannelEngine):
    """Sends frozen emails through one `MailTransport`."""

    channel: ClassVar[Channel] = Channel.EMAIL

    def __init__(self, transport: MailTransport, hashes: PersonHash, wall: WallClock, limits: EmailLimits) -> None:
        self._transport = transport
        self._hashes = hashes
        self._wall = wall
        self._limits = limits

    async def claim(self, db: AsyncSession, *, client_id: UUID, now: datetime) -> list[ClaimedTouch]:
        """See `ChannelEngine.claim`."""
        fits = int(self._limits.requests_per_second * ACCEPTED_IN) * self._transport.batch_limit
        return await TouchRepository(db, self._hashes).claim(
            client_id=client_id,
            channel=self.channel,
            now=now,
            lease_until=self._lease(),
            limit=max(1, min(fits, MAX_CLAIM)),
        )

    def chunks(self, claimed: Sequence[ClaimedTouch]) -> list[Sequence[ClaimedTouch]]:
        """See `ChannelEngine.chunks`."""
        size = self._transport.batch_limit
        return [claimed[start : start + size] for start in range(0, len(claimed), size)]

    async def start_sending(self, db: AsyncSession, chunk: Sequence[ClaimedTouch], *, now: datetime) -> Sending | None:
        """See `ChannelEngine.start_sending`."""
        return await TouchDeliveryRepository(db).start_sending(
            chunk,
            provider=self._transport.name,
            unit_cost=self._limits.unit_cost,
            now=now,
            lease_until=self._lease(),
        )

    async def deliver(self, sending: Sending) -> Delivery:
        """See `ChannelEngine.deliver`."""
        emails = [OutgoingEmail.from_json(touch.payload) for touch in sending.touches]
        try:
            if sending.batch_id is None:
                result = await self._transport.send(emails[0], key=sending.key)
            else:
                result = await self._transport.send_batch(emails, key=sending.key)
        except ProviderError as error:
            return _delivery_of(error, is_batch=sending.batch_id is not None)
        if len(result.ids) != len(emails):
            return Open(f"{self._transport.name} named {len(result.ids)} of {len(emails)} messages")
        return Accepted(tuple(result.ids))

    async def repeat(self, sending: Sending) -> Delivery:
        """See `ChannelEngine.repeat`."""
        delivery = await self.deliver(sending)
        match delivery:
            case Refused(reason=reason, heals=True):
                return Open(reason)
            case Refused():
                return await self.look_up(sending)
        return delivery

    async def record(self, db: AsyncSession, sending: Sending, delivery: Delivery, *, now: datetime) -> list[Sending]:
        """See `ChannelEngine.record`."""
        repository = TouchDeliveryRepository(db)
        match delivery:
            case Accepted(provider_ids):
                sent = await repository.record_sent(sending, provider_ids, provider=self._transport.name, now=now)
                await self._move_follow_ups(db, sent)
            case Refused(split=True):
                return await repository.split(
                    sending,
                    provider=self._transport.name,
                    unit_cost=self._limits.unit_cost,
                    now=now,
                    lease_until=self._lease(),
                )
            case Refused(reason=reason, heals=heals, retry_after=retry_after):
                await repository.record_refused(
                    sending, reason=reason, heals=heals, not_before=now + _wait(sending, retry_after), now=now
                )
            case Open():
                await repository.leave_open(sending, lease_until=self._wall.now())
            case Unfound(reason):
                await repository.record_unknown(sending, reason=reason)
        return []

    async def take_over(self, db: AsyncSession) -> list[Sending]:
        """See `ChannelEngine.take_over`."""
        return await TouchDeliveryRepository(db).take_over(wall=self._wall.now(), lease_until=self._lease())

    async def may_repeat(self, db: AsyncSession, sending: Sending, *, now: datetime) -> bool:
        """See `ChannelEngine.may_repeat`."""
        window = self._transport.key_window
        if window is None or now >= sending.first_sent_at + window - KEY_MARGIN:
            return False
        touches = [touch.id for touch in sending.touches]
        return not await TouchRepository(db, self._hashes).stopped(touches, self.channel, now)

    async def keep(self, db: AsyncSession, sending: Sending) -> bool:
        """Renew the lease before a call that had to wait its turn; False when somebody else has taken it over."""
        return await TouchDeliveryRepository(db).keep(sending, lease_until=self._lease())

    async def look_up(self, sending: Sending) -> Delivery:
        """See `ChannelEngine.look_up`: by recipient and subject among what the provider accepted since."""
        wanted = [OutgoingEmail.from_json(touch.payload) for touch in sending.touches]
        found: dict[tuple[str, str], str] = {}
        since = sending.first_sent_at - _CLOCK_SKEW
        after: str | None = None
        try:
            for _ in range(_PAGES):
                page = await self._transport.list_recent(limit=100, after=after)
                for email in page:
                    if email.created_at >= since:
                        found.setdefault((_recipient(email), email.subject), email.id)
                if not page or page[-1].created_at < since:
                    break
                after = page[-1].id
        except ProviderError as error:
            # A key that may only send lists nothing, now or ever.
            return Unfound(plain(error)) if error.http_status in _OUR_ACCOUNT else Open(plain(error))
        ids = [found.get((email.to.casefold(), email.subject)) for email in wanted]
        known = tuple(i for i in ids if i is not None)
        if len(known) == len(wanted):
            return Accepted(known)
        return Unfound(f"{self._transport.name} does not list it, and it cannot be repeated safely")

    @property
    def provider(self) -> str:
        """The provider's name, as in the ledger."""
        return self._transport.name

    async def message_ids(self, provider_ids: Iterable[str]) -> dict[str, str]:
        """The RFC 5322 Message-IDs of accepted messages, by provider id; those not known yet are left out."""
        found = {}
        for provider_id in provider_ids:
            try:
                message_id = await self._transport.message_id(provider_id)
            except ProviderError:
                continue  # asked again at the next tick
            if message_id is not None:
                found[provider_id] = message_id
        return found

    async def _move_follow_ups(self, db: AsyncSession, sent: Sequence[UUID]) -> None:
        repository = TouchPlanningRepository(db)
        due = {}
        for follow_up in await repository.follow_ups(sent):
            place = place_of(State(follow_up.state) if follow_up.state else None, follow_up.time_zone)
            due_at = follow_up_due(follow_up.due_at, follow_up.sent_at, follow_up.gap, place)
            if due_at != follow_up.due_at:
                due[follow_up.id] = due_at
        await repository.move(due)

    def _lease(self) -> datetime:
        return self._wall.now() + LEASE


def _recipient(email: SentEmail) -> str:
    return email.to[0].casefold() if email.to else ""


def _delivery_of(error: ProviderError, *, is_batch: bool) -> Delivery:
    if error.outcome is not Outcome.NOT_ACCEPTED:
        return Open(plain(error))
    heals = isinstance(error, ProviderLimitError) or error.http_status in _OUR_ACCOUNT
    return Refused(plain(error), heals=heals, retry_after=error.retry_after, split=is_batch and not heals)


def _wait(sending: Sending, retry_after: float | None) -> timedelta:
    attempt = max(touch.attempt for touch in sending.touches)
    told = timedelta(seconds=retry_after) if retry_after else timedelta(0)
    return max(told, BACK_OFF[min(attempt, len(BACK_OFF)) - 1])
