"""What the world remembers: events to come, who has finished, what happened, letters written. SQL and nothing else.

Promises: every write joins the caller's transaction; events come back in the one order (due, address, step, rank).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agency_os_sandbox.clock import parse, stamp
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.mail import Mail


@dataclass(frozen=True, slots=True)
class Event:
    """Something a person, or a calendar, will do. ``due`` is virtual UTC; ``detail`` is a booking's uid or empty."""

    due: datetime
    address: str
    step: int
    rank: int
    kind: str
    email_id: str
    detail: str = ""
    n: int = 0


class Memory:
    """Reads and writes the world's tables."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def plan(self, events: list[Event]) -> None:
        """Keep events for later."""
        self._store.execute_many(
            "INSERT INTO world_events (due, address, step, rank, kind, email_id, detail, done)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            [(stamp(e.due), e.address, e.step, e.rank, e.kind, e.email_id, e.detail) for e in events],
        )

    def next_event(self, until: datetime) -> Event | None:
        """The first event due by then that is not done."""
        row = self._store.one(
            "SELECT * FROM world_events WHERE done = 0 AND due <= ? ORDER BY due, address, step, rank, n LIMIT 1",
            (stamp(until),),
        )
        if row is None:
            return None
        return Event(
            parse(row["due"]), row["address"], row["step"], row["rank"], row["kind"], row["email_id"], row["detail"],
            row["n"],
        )  # fmt: skip

    def mark_done(self, event: Event, *, acted: bool) -> None:
        """The event is over: acted out, or void because the person had finished."""
        self._store.execute("UPDATE world_events SET done = ? WHERE n = ?", (1 if acted else 2, event.n))

    def next_due(self) -> str | None:
        """When the next event is due, as kept."""
        row = self._store.one("SELECT min(due) AS due FROM world_events WHERE done = 0")
        return None if row is None else row["due"]

    def finished(self, address: str) -> str | None:
        """How this person ended, or None while still open to messages."""
        row = self._store.one("SELECT state FROM people WHERE address = ?", (address,))
        return None if row is None else str(row["state"])

    def finish(self, address: str, state: str, at: datetime) -> None:
        """The person is done; the first ending stands."""
        self._store.execute(
            "INSERT INTO people (address, state, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (address, state, stamp(at)),
        )

    def happened(self, event: Event, kind: str) -> None:
        """Note that it happened."""
        self._store.execute(
            "INSERT INTO happenings (at, address, kind, email_id, step) VALUES (?, ?, ?, ?, ?)",
            (stamp(event.due), event.address, kind, event.email_id, event.step),
        )

    def happenings(self) -> dict[str, int]:
        """How often each kind happened."""
        rows = self._store.all("SELECT kind, count(*) AS count FROM happenings GROUP BY kind ORDER BY kind")
        return {row["kind"]: row["count"] for row in rows}

    def keep_letter(self, message_id: str, event: Event, text: str) -> None:
        """Keep a letter, so that an answer to it is known as one."""
        self._store.execute(
            "INSERT OR REPLACE INTO letters (message_id, at, address, kind, email_id, text) VALUES (?, ?, ?, ?, ?, ?)",
            (message_id, stamp(event.due), event.address, event.kind, event.email_id, text),
        )

    def letter_kind(self, message_id: str, address: str) -> str | None:
        """The kind of the person's own letter with this id."""
        if not message_id:
            return None
        row = self._store.one(
            "SELECT kind FROM letters WHERE message_id = ? AND address = ?", (message_id, address)
        )  # fmt: skip
        return None if row is None else str(row["kind"])

    def mail(self, email_id: str) -> Mail:
        """An accepted message."""
        row = self._store.one("SELECT * FROM emails WHERE id = ?", (email_id,))
        if row is None:
            raise LookupError(f"no email {email_id}")
        return Mail.from_json(row["id"], row["message_id"], parse(row["accepted_at"]), row["payload"])

    def mark_mail(self, email_id: str, last_event: str) -> None:
        """What the provider last knew of a message."""
        self._store.execute("UPDATE emails SET last_event = ? WHERE id = ?", (last_event, email_id))
