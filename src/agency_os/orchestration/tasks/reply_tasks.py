"""Reading provider events by batches: light ones together, each that stops something in a transaction of its own.

An event that cannot be read now is tried again and, after some tries, left for a person; it never holds up the others.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from agency_os.kit.logging import get_logger
from agency_os.repositories.inbound_event import InboundEventRepository, ReceivedEvent, SettledEvent

if TYPE_CHECKING:
    from agency_os.wiring.services import Services

BATCH: Final = 500
MOST_TRIES: Final = 8
RETRY: Final = timedelta(seconds=5)
"""Wall time until the second try; doubles with every one."""

_log = get_logger(__name__)


async def read_events(services: Services, now: datetime) -> dict[str, int]:
    """Read one batch of waiting events, oldest first."""
    infra, closer = services.infra, services.closer
    counts: Counter[str] = Counter()
    async with infra.database.transaction(now=now) as db:
        repository = InboundEventRepository(db)
        events = await repository.due(wall=infra.wall.now(), limit=BATCH)
        light = [event for event in events if closer.is_light(event)]
        settled = await closer.note_deliveries(db, light)
        await repository.settle(settled, now)
        counts.update(event.outcome for event in settled)
    for event in events:
        if not closer.is_light(event):
            counts[await _read_one(services, event.id, event.tries, now)] += 1
    return {**counts, "remaining": int(len(events) == BATCH)}


def _kept(event: ReceivedEvent) -> SettledEvent:
    """What no part of ours acts on stays for a person, never away."""
    return SettledEvent(event.id, f"kept: {event.kind}"[:200], state="unmatched")


async def _read_one(services: Services, event_id: UUID, tries: int, now: datetime) -> str:
    infra = services.infra
    try:
        async with infra.database.transaction(now=now) as db:
            repository = InboundEventRepository(db)
            event = await repository.lock(event_id)
            if event is None:
                return "read elsewhere"
            reader = services.readers.get(event.provider)
            settled = _kept(event) if reader is None else await reader(db, event, now=now)
            await repository.settle([settled], now)
    except Exception as error:  # noqa: BLE001  # one event that breaks us must not hold up the queue
        reason = next(iter(str(error).splitlines()), type(error).__name__)  # not DETAIL, which repeats values
        _log.warning("event_not_read", event_id=str(event_id), error=reason[:300])
        retry_at = infra.wall.now() + RETRY * 2**tries
        async with infra.database.transaction(now=now) as db:
            await InboundEventRepository(db).fail(event_id, error=reason, retry_at=retry_at, most=MOST_TRIES)
        return "failed for now"
    return settled.outcome
