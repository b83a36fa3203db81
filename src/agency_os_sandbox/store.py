"""The sandbox's memory: one SQLite file in WAL mode, written before any answer leaves.

Input: the state folder. Promises: what was committed survives ``kill -9``; one process per folder (a lock file);
nested transactions join the outer one; all use is from one thread, the event loop's.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA_VERSION = "1"
FILE = "sandbox.sqlite3"

_META = "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS oracle (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL, at TEXT NOT NULL, provider TEXT NOT NULL,
  operation TEXT NOT NULL, accepted INTEGER NOT NULL, replay INTEGER NOT NULL, idempotency_key TEXT, recipient TEXT,
  touch TEXT, units TEXT NOT NULL, status INTEGER NOT NULL, key TEXT, digest TEXT NOT NULL, fault TEXT);
CREATE TABLE IF NOT EXISTS idempotency (
  scope TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
  at TEXT NOT NULL, PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS emails (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, message_id TEXT NOT NULL, accepted_at TEXT NOT NULL,
  payload TEXT NOT NULL, last_event TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS world_events (
  n INTEGER PRIMARY KEY AUTOINCREMENT, due TEXT NOT NULL, address TEXT NOT NULL, step INTEGER NOT NULL,
  rank INTEGER NOT NULL, kind TEXT NOT NULL, email_id TEXT NOT NULL, detail TEXT NOT NULL, done INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS world_events_next ON world_events (due, address, step, rank, n) WHERE done = 0;
CREATE TABLE IF NOT EXISTS people (
  address TEXT PRIMARY KEY, state TEXT NOT NULL, since TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS happenings (
  n INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, address TEXT NOT NULL, kind TEXT NOT NULL,
  email_id TEXT NOT NULL, step INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS happenings_kind ON happenings (kind, address);
CREATE TABLE IF NOT EXISTS letters (
  message_id TEXT PRIMARY KEY, at TEXT NOT NULL, address TEXT NOT NULL, kind TEXT NOT NULL, email_id TEXT NOT NULL,
  text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bookings (
  id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, address TEXT NOT NULL, status TEXT NOT NULL,
  start TEXT NOT NULL, created_at TEXT NOT NULL, booking TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS resend_received (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, letter TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
  n INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, event TEXT NOT NULL, event_id TEXT NOT NULL,
  lane TEXT NOT NULL, address TEXT NOT NULL, body TEXT NOT NULL, due TEXT NOT NULL, fault TEXT, state TEXT NOT NULL,
  attempts INTEGER NOT NULL, status INTEGER);
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (due) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS outbox_state ON outbox (state);
CREATE TABLE IF NOT EXISTS heyreach_lists (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS heyreach_campaigns (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, list INTEGER NOT NULL, accounts TEXT NOT NULL,
  sequence TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS heyreach_leads (
  id INTEGER PRIMARY KEY AUTOINCREMENT, campaign INTEGER NOT NULL, account INTEGER NOT NULL, profile TEXT NOT NULL,
  lead TEXT NOT NULL, stopped INTEGER NOT NULL, created_at TEXT NOT NULL, UNIQUE (campaign, profile));
CREATE TABLE IF NOT EXISTS heyreach_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, campaign INTEGER, lead INTEGER, account INTEGER NOT NULL,
  profile TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, wait REAL, at TEXT);
CREATE INDEX IF NOT EXISTS heyreach_events_person ON heyreach_events (account, profile, at);
CREATE INDEX IF NOT EXISTS heyreach_events_lead ON heyreach_events (campaign, lead, at);
CREATE TABLE IF NOT EXISTS sms (
  n INTEGER PRIMARY KEY AUTOINCREMENT, sid TEXT NOT NULL UNIQUE, at TEXT NOT NULL, sender TEXT NOT NULL,
  recipient TEXT NOT NULL, inbound INTEGER NOT NULL, opt_out INTEGER NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sms_between ON sms (recipient, sender);
CREATE TABLE IF NOT EXISTS vapi_calls (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, number TEXT NOT NULL,
  data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS vapi_calls_number ON vapi_calls (number);
CREATE TABLE IF NOT EXISTS stripe_objects (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, who TEXT NOT NULL, shown TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS faults (
  id INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, operation TEXT NOT NULL, kind TEXT NOT NULL,
  probability REAL, nth TEXT, seconds REAL, seen INTEGER NOT NULL);
"""


class StateError(RuntimeError):
    """The state folder cannot be used; the message says why and what to do."""


class Store:
    """SQLite with joined transactions; rows come as ``sqlite3.Row``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "sandbox.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StateError(f"another sandbox is using {folder}: stop it, or choose another --state") from error
        self._connection = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._depth = 0
        # NORMAL is enough: WAL survives the death of the process, only a power cut could take the last commits.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._check_version(folder)
        self._connection.executescript(_SCHEMA)

    def _check_version(self, folder: Path) -> None:
        self._connection.execute(_META)
        version = self.get_meta("schema_version")
        if version is None:
            self.set_meta("schema_version", SCHEMA_VERSION)
        elif version != SCHEMA_VERSION:
            self.close()
            raise StateError(f"{folder} was written by another version of the sandbox: choose another --state")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what happens inside as one; an inner call joins the outer transaction."""
        if self._depth == 0:
            self._connection.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            self._connection.execute("COMMIT")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, values)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many rows, as one transaction."""
        with self.transaction():
            self._connection.executemany(sql, rows)

    def one(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row, or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Every row."""
        return self._connection.execute(sql, values).fetchall()

    def get_meta(self, key: str) -> str | None:
        """A kept setting as text, or None."""
        row = self.one("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else str(row["value"])

    def set_meta(self, key: str, value: str) -> None:
        """Keep a setting as text."""
        self.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (key, value)
        )

    def get_json(self, key: str, default: Any) -> Any:
        """A kept setting as JSON, or ``default``."""
        text = self.get_meta(key)
        return default if text is None else json.loads(text)

    def set_json(self, key: str, value: Any) -> None:
        """Keep a setting as JSON."""
        self.set_meta(key, json.dumps(value))

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._connection.close()
        self._lock.close()
