"""What is to be sent to the product: webhooks and one-click posts, as rows written before anything leaves.

Input: a body and where it goes. Promises: rows join the caller's transaction; the faults on webhooks (duplicated,
late, reordered) are decided here once, so that a restart repeats none. Within a lane rows leave in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agency_os_sandbox.clock import stamp
from agency_os_sandbox.faults import FaultKind, Faults
from agency_os_sandbox.store import Store

LATE_SECONDS = 6 * 3600.0
ONE_CLICK = "one_click"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery. ``address``: a path on the product's API, or a whole URL (a one-click post, a callback)."""

    provider: str
    event: str
    event_id: str
    lane: str
    address: str
    body: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A parcel on its way: ``n`` is its row, ``reordered`` lets the rest of its lane pass first."""

    n: int
    parcel: Parcel
    reordered: bool


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """``undelivered``: due and not yet taken; ``failed``: given up as the provider would; ``retrying``: refused once
    or more and still due.
    """

    delivered: int
    undelivered: int
    failed: int
    retrying: int


class Outbox:
    """Put parcels in, read what is due, note what became of it."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def put(self, parcel: Parcel, due: datetime) -> None:
        """Queue a parcel for the virtual time ``due``; joins the caller's transaction."""
        fault = None
        if parcel.provider != ONE_CLICK:
            fault = self._faults.strike(parcel.provider, (parcel.event,), webhook=True)
        kind = None if fault is None else fault.kind
        if fault is not None and kind is FaultKind.LATE:
            due += timedelta(seconds=LATE_SECONDS if fault.seconds is None else fault.seconds)
        for _ in range(2 if kind is FaultKind.DUPLICATED else 1):
            self._store.execute(
                "INSERT INTO outbox (provider, event, event_id, lane, address, body, due, fault, state, attempts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0)",
                (parcel.provider, parcel.event, parcel.event_id, parcel.lane, parcel.address, parcel.body, stamp(due),
                 None if kind is None else kind.value),
            )  # fmt: skip

    def withdraw(self, provider: str, event_id: str, now: datetime) -> None:
        """Take back what has not fallen due, because it will not happen; joins the caller's transaction."""
        self._store.execute(
            "DELETE FROM outbox WHERE provider = ? AND event_id = ? AND state = 'pending' AND due > ?",
            (provider, event_id, stamp(now)),
        )

    def due(self, now: datetime, after_row: int, after_due: str) -> Iterator[Pending]:
        """What is due at ``now`` and is either a row behind ``after_row`` or fell due after ``after_due``."""
        rows = self._store.all(
            "SELECT * FROM outbox WHERE state = 'pending' AND due <= ? AND (n > ? OR due > ?) ORDER BY n",
            (stamp(now), after_row, after_due),
        )
        for row in rows:
            parcel = Parcel(
                row["provider"], row["event"], row["event_id"], row["lane"], row["address"], row["body"]
            )  # fmt: skip
            yield Pending(row["n"], parcel, row["fault"] == FaultKind.REORDERED.value)

    def last_row(self) -> int:
        """The number of the newest row."""
        row = self._store.one("SELECT max(n) AS n FROM outbox")
        return 0 if row is None or row["n"] is None else int(row["n"])

    def note(self, n: int, state: str, status: int | None) -> None:
        """Note an attempt: ``state`` is pending, delivered or failed; ``status`` None is no answer at all."""
        self._store.execute(
            "UPDATE outbox SET state = ?, status = ?, attempts = attempts + 1 WHERE n = ?", (state, status, n)
        )

    def next_due(self, now: datetime) -> str | None:
        """When the next late parcel falls due after ``now``."""
        row = self._store.one("SELECT min(due) AS due FROM outbox WHERE state = 'pending' AND due > ?", (stamp(now),))
        return None if row is None else row["due"]

    def counts(self, now: datetime) -> OutboxCounts:
        """How many stand where at the virtual time ``now``."""
        by_state = {
            row["state"]: int(row["count"])
            for row in self._store.all("SELECT state, count(*) AS count FROM outbox GROUP BY state")
        }
        due = self._store.one(
            "SELECT count(*) AS count, coalesce(sum(attempts > 0), 0) AS retrying FROM outbox"
            " WHERE state = 'pending' AND due <= ?",
            (stamp(now),),
        )
        undelivered, retrying = (0, 0) if due is None else (int(due["count"]), int(due["retrying"]))
        return OutboxCounts(by_state.get("delivered", 0), undelivered, by_state.get("failed", 0), retrying)
