"""Provider events as rows: committed before they are acknowledged, taken by whoever reads them, settled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from agency_os.kit.ids import new_ids
from agency_os.repositories.base import Repository

_ADD = text("""
    INSERT INTO inbound_events (id, provider, event_id, kind, body, occurred_at)
    SELECT * FROM unnest(
        CAST(:ids AS uuid[]), CAST(:providers AS text[]), CAST(:event_ids AS text[]), CAST(:kinds AS text[]),
        CAST(:bodies AS bytea[]), CAST(:occurred AS timestamptz[])
    )
    ON CONFLICT (provider, event_id) DO NOTHING
""")
_DUE = text("""
    SELECT id, provider, event_id, kind, body, occurred_at, received_at, tries FROM inbound_events
    WHERE state = 'received' AND (retry_at IS NULL OR retry_at <= :wall)
    ORDER BY occurred_at, id LIMIT :limit
    FOR UPDATE SKIP LOCKED
""")
_ONE = text("""
    SELECT id, provider, event_id, kind, body, occurred_at, received_at, tries FROM inbound_events
    WHERE id = :id AND state = 'received'
    FOR UPDATE SKIP LOCKED
""")
_SETTLE = text("""
    UPDATE inbound_events AS e SET
        state = q.state, outcome = q.outcome, client_id = q.client_id, lead_id = q.lead_id, touch_id = q.touch_id,
        processed_at = :now, error = NULL, retry_at = NULL
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:outcomes AS text[]), CAST(:clients AS uuid[]),
        CAST(:leads AS uuid[]), CAST(:touches AS uuid[])
    ) AS q (id, state, outcome, client_id, lead_id, touch_id)
    WHERE e.id = q.id
""")
_ASSIGN = text(
    "UPDATE inbound_events SET client_id = :client_id, lead_id = :lead_id, touch_id = :touch_id WHERE id = :id"
)
_FAIL = text("""
    UPDATE inbound_events SET
        tries = tries + 1, error = :error, retry_at = :retry_at,
        state = CASE WHEN tries + 1 >= :most THEN 'failed' ELSE 'received' END
    WHERE id = :id AND state = 'received'
""")
# Looked for in the bytes: a body is kept as it came, and not every one of them can be PostgreSQL's JSON.
_REOPEN = text("""
    UPDATE inbound_events SET state = 'received', tries = 0, retry_at = NULL, processed_at = NULL
    WHERE provider = :provider AND state = 'unmatched' AND position(CAST(:mention AS bytea) IN body) > 0
""")
_WAITING = text("SELECT count(*) FROM inbound_events WHERE state = 'received'")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it came in, unique by provider and ``event_id``; ``occurred_at`` is aware UTC."""

    provider: str
    event_id: str
    kind: str
    body: bytes = field(repr=False)
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event not read yet: ``body`` holds the provider's bytes as they came. Times are business time."""

    id: UUID
    provider: str
    event_id: str
    kind: str
    body: bytes = field(repr=False)
    occurred_at: datetime
    received_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class SettledEvent:
    """How an event was read: ``state`` processed or unmatched, ``outcome`` in one word, and whom it concerns."""

    id: UUID
    outcome: str
    state: str = "processed"
    client_id: UUID | None = None
    lead_id: UUID | None = None
    touch_id: UUID | None = None


class InboundEventRepository(Repository):
    """The queue of provider events. It spans tenants: an event has none until it is matched."""

    async def add(self, events: Sequence[NewEvent]) -> None:
        """Store events, all in one statement; one that was delivered before stays as it is."""
        await self.db.execute(
            _ADD,
            {
                "ids": new_ids(len(events)),
                "providers": [event.provider for event in events],
                "event_ids": [event.event_id for event in events],
                "kinds": [event.kind for event in events],
                "bodies": [event.body for event in events],
                "occurred": [event.occurred_at for event in events],
            },
        )

    async def due(self, *, wall: datetime, limit: int) -> list[ReceivedEvent]:
        """Lock up to ``limit`` unread events, oldest first; those that another reader holds are passed over."""
        found = await self.db.execute(_DUE, {"wall": wall, "limit": limit})
        return [ReceivedEvent(*row) for row in found]

    async def lock(self, event_id: UUID) -> ReceivedEvent | None:
        """Lock one unread event by its row id; None when it was read since or another reader holds it."""
        row = (await self.db.execute(_ONE, {"id": event_id})).one_or_none()
        return ReceivedEvent(*row) if row is not None else None

    async def settle(self, events: list[SettledEvent], now: datetime) -> None:
        """Mark events as read, all in one statement."""
        if not events:
            return
        await self.db.execute(
            _SETTLE,
            {
                "ids": [event.id for event in events],
                "states": [event.state for event in events],
                "outcomes": [event.outcome for event in events],
                "clients": [event.client_id for event in events],
                "leads": [event.lead_id for event in events],
                "touches": [event.touch_id for event in events],
                "now": now,
            },
        )

    async def assign(self, event_id: UUID, *, client_id: UUID, lead_id: UUID, touch_id: UUID) -> None:
        """Say whose event it is, before rows of that tenant point to it."""
        values = {"id": event_id, "client_id": client_id, "lead_id": lead_id, "touch_id": touch_id}
        await self.db.execute(_ASSIGN, values)

    async def fail(self, event_id: UUID, *, error: str, retry_at: datetime, most: int) -> None:
        """Note a failed reading; after ``most`` tries it waits for a person. ``retry_at`` is wall time."""
        await self.db.execute(_FAIL, {"id": event_id, "error": error[:500], "retry_at": retry_at, "most": most})

    async def reopen(self, provider: str, mention: str) -> None:
        """Let the provider's events that nobody could place and that mention this id be read again."""
        await self.db.execute(_REOPEN, {"provider": provider, "mention": f'"{mention}"'.encode()})

    async def waiting(self) -> int:
        """How many events have not been read."""
        return int(await self.db.scalar(_WAITING) or 0)
