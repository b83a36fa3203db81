"""How far a mailbox has been read.

An IMAP server numbers the messages of a folder upwards (UID), and says by another number (UIDVALIDITY) whether its
numbering is still the same (RFC 9051, 2.3.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MailboxPosition:
    """Every message up to ``last_uid`` has been read, in the numbering ``uid_validity``.

    ``caught_up_at`` (wall time, aware UTC) is when the reader last had read all there was. ``anew_since`` (wall time)
    stands while the folder is read again after its numbering changed: only what arrived since is read.
    """

    uid_validity: int
    last_uid: int
    caught_up_at: datetime
    anew_since: datetime | None = None
