"""The oracle log: one row per request received (one per email of a batch), outside the product's database.

``accepted`` is true for a first acceptance only, ``replay`` for an answer given again under its key. The invariant
tests compare it with the product's ledger. It is read over HTTP (``/control/oracle``) or from its file
(``agency-os-sandbox oracle``).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from agency_os_sandbox.clock import stamp
from agency_os_sandbox.store import FILE, StateError, Store

ZERO = Decimal(0)
_ROWS = "SELECT * FROM oracle WHERE seq > ? ORDER BY seq LIMIT ?"


@dataclass(frozen=True, slots=True)
class OracleRow:
    """What one email or one look-up of a request was. ``units`` are the provider's (emails, credits)."""

    recipient: str | None = None
    touch: str | None = None
    units: Decimal = ZERO
    key: str | None = None
    accepted: bool = False
    replay: bool = False


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What holds for the whole request; ``digest`` is SHA-256 over method, path, query and body, in hex."""

    request_id: str
    at: datetime
    provider: str
    operation: str
    idempotency_key: str | None
    digest: str


class Oracle:
    """Append and read the log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, facts: RequestFacts, status: int, rows: Iterable[OracleRow], fault: str | None) -> None:
        """Append the request's rows; joins the caller's transaction."""
        at = stamp(facts.at)
        self._store.execute_many(
            "INSERT INTO oracle (request_id, at, provider, operation, accepted, replay, idempotency_key, recipient,"
            " touch, units, status, key, digest, fault) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    facts.request_id,
                    at,
                    facts.provider,
                    facts.operation,
                    int(row.accepted),
                    int(row.replay),
                    facts.idempotency_key,
                    row.recipient,
                    row.touch,
                    str(row.units),
                    status,
                    row.key,
                    facts.digest,
                    fault,
                )
                for row in rows
            ],
        )

    def lines(self, after: int, limit: int = 100_000) -> Iterator[str]:
        """The rows after sequence number ``after`` as lines of JSON."""
        for row in self._store.all(_ROWS, (after, limit)):
            yield _line(row)


def read_file(folder: Path, after: int = 0) -> Iterator[str]:
    """The rows in a state folder's file, whether or not its sandbox runs, as lines of JSON.

    Raises StateError for a folder without one.
    """
    file = folder / FILE
    if not file.is_file():
        raise StateError(f"{folder} holds no sandbox: give the --state of one that ran")
    connection = sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        for row in connection.execute(_ROWS, (after, -1)):
            yield _line(row)
    finally:
        connection.close()


def _line(row: sqlite3.Row) -> str:
    entry = dict(row)
    entry["accepted"] = bool(entry["accepted"])
    entry["replay"] = bool(entry["replay"])
    return json.dumps(entry) + "\n"
