"""Outreach by batches: settle what was left, learn Message-IDs, freeze, then claim, send and record.

Every step commits before the next begins and may be killed between any two: the claim ledger decides what goes on
(DESIGN section 4). A stop is in force within one chunk, since each chunk is asked again when it is claimed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from agency_os.domain.channels import Channel
from agency_os.engines.base import Accepted, Delivery, Open, Refused, Unfound
from agency_os.repositories.touch_delivery import Sending, TouchDeliveryRepository
from agency_os.repositories.touch_planning import TouchPlanningRepository

if TYPE_CHECKING:
    from agency_os.wiring.services import Services

LOOK_AHEAD: Final = timedelta(days=1)
"""Message-IDs are fetched this long before the follow-up that answers them is due."""
MESSAGE_IDS: Final = 200


async def settle(services: Services, now: datetime) -> dict[str, int]:
    """Return expired claims, and repeat or look up sendings whose worker went away."""
    infra = services.infra
    async with infra.database.transaction(now=now) as db:
        returned = await TouchDeliveryRepository(db).expire_claims(wall=infra.wall.now(), now=now)
    async with infra.database.transaction(now=now) as db:
        taken = await services.email.take_over(db)
    counts = {"claims returned": returned, "sendings settled": 0}
    for sending in taken:
        async with infra.database.transaction(now=now) as db:
            if not await services.email.keep(db, sending):
                continue  # the calls before it took longer than its lease
            repeat = await services.email.may_repeat(db, sending, now=now)
        delivery = await (services.email.repeat(sending) if repeat else services.email.look_up(sending))
        await _record(services, sending, delivery, now, counts)
        counts["sendings settled"] += len(sending.touches)
    return counts


async def clients_due(services: Services, now: datetime) -> list[UUID]:
    """Clients with email to freeze or send, the longest waiting first."""
    async with services.infra.database.transaction(now=now) as db:
        return await TouchPlanningRepository(db).due_clients(Channel.EMAIL, now)


async def learn_message_ids(services: Services, client_id: UUID, now: datetime) -> dict[str, int]:
    """Fetch the Message-IDs that follow-ups due within a day answer."""
    database = services.infra.database
    async with database.transaction(now=now) as db:
        waiting = await TouchPlanningRepository(db).without_message_id(
            client_id, services.email.provider, now + LOOK_AHEAD, MESSAGE_IDS
        )
    if not waiting:
        return {}
    found = await services.email.message_ids(provider_id for _, provider_id in waiting)
    known = {touch_id: found[provider_id] for touch_id, provider_id in waiting if provider_id in found}
    async with database.transaction(now=now) as db:
        await TouchPlanningRepository(db).set_message_ids(known)
    return {"message ids learnt": len(known), "remaining": int(len(known) == MESSAGE_IDS)}


async def freeze_client(services: Services, client_id: UUID, now: datetime) -> dict[str, int]:
    """Write and fix one batch of due messages."""
    async with services.infra.database.transaction(now=now) as db:
        frozen = await services.content.freeze_due(db, client_id=client_id, now=now)
    done = frozen.ready + frozen.awaiting_approval + frozen.skipped + frozen.waiting
    return {
        "frozen": frozen.ready,
        "waiting for approval": frozen.awaiting_approval,
        "not writable": frozen.skipped + frozen.waiting,
        "remaining": int(done > 0),
    }


async def send_client(services: Services, client_id: UUID, now: datetime) -> dict[str, int]:
    """Claim one batch and send it chunk by chunk."""
    infra, email = services.infra, services.email
    async with infra.database.transaction(now=now) as db:
        claimed = await email.claim(db, client_id=client_id, now=now)
    counts = {"claimed": len(claimed), "remaining": int(bool(claimed))}
    for chunk in email.chunks(claimed):
        async with infra.database.transaction(now=now) as db:
            sending = await email.start_sending(db, chunk, now=now)
        if sending is not None:
            await _record(services, sending, await email.deliver(sending), now, counts)
    return counts


async def _record(
    services: Services, sending: Sending, delivery: Delivery, now: datetime, counts: dict[str, int]
) -> None:
    """Record one outcome; where a batch was split, deliver and record its messages singly."""
    async with services.infra.database.transaction(now=now) as db:
        singles = await services.email.record(db, sending, delivery, now=now)
    if not singles:
        name = _OUTCOMES[type(delivery)]
        counts[name] = counts.get(name, 0) + len(sending.touches)
    for single in singles:
        async with services.infra.database.transaction(now=now) as db:
            if not await services.email.keep(db, single):
                continue  # as in `settle`
        answer = await services.email.deliver(single)
        async with services.infra.database.transaction(now=now) as db:
            await services.email.record(db, single, answer, now=now)
        name = _OUTCOMES[type(answer)]
        counts[name] = counts.get(name, 0) + 1


_OUTCOMES: Final = {Accepted: "sent", Refused: "refused", Open: "left open", Unfound: "unknown"}
