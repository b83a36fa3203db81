"""Reads what has newly arrived in a mailbox, as ``InboundMail``, from a stored position on.

Promise: nothing is read twice under two event ids, nothing that arrived is passed over, also when the server numbers
its messages anew: an event id is made of what a message is, not of where it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from agency_os.domain.mail import InboundMail
from agency_os.domain.mailbox import MailboxPosition
from agency_os.domain.raw_mail import parse_raw
from agency_os.integrations.mailbox_accounts import MailboxAccount
from agency_os.integrations.mailbox_imap import FolderState, ImapSession, in_session
from agency_os.kit.clock import WallClock

BATCH: Final = 50
MOST_BYTES: Final = 5_000_000
"""Of one message; what stands behind is left out, which is never its headers, and its text only by intent."""
_BATCH_BYTES: Final = 20_000_000
_OVERLAP: Final = timedelta(days=2)
"""Read again when the numbering changed: a search by date knows days alone, in the server's own zone."""
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class ReadMail:
    """A message as it lay in the mailbox: ``raw`` as the server gave it, ``mail`` as read."""

    raw: bytes
    mail: InboundMail


@dataclass(frozen=True, slots=True)
class MailboxReading:
    """What was read, oldest first, and the ``position`` to be stored with it; ``is_complete``: nothing more waits."""

    mails: tuple[ReadMail, ...]
    position: MailboxPosition
    is_complete: bool


class MailboxReader:
    """Reads one account's folder for incoming mail."""

    def __init__(self, account: MailboxAccount, wall: WallClock) -> None:
        self._account = account
        self._wall = wall
        self._context = account.tls()

    async def read(self, position: MailboxPosition | None, *, now: datetime, limit: int = BATCH) -> MailboxReading:
        """What arrived since ``position``, at most ``limit`` messages; ``now`` is business time.

        Without a position nothing is read: the mailbox counts from here on, since what is in it was there before us.
        Store the mails and the new position in one transaction. Raises ProviderLimitError.
        """
        started = self._wall.now()

        def work(session: ImapSession) -> tuple[list[bytes], MailboxPosition, bool]:
            state = session.examine(self._account.inbox)
            if position is None:
                return [], MailboxPosition(state.uid_validity, state.uid_next - 1, started), True
            return _read_on(session, state, position, started, limit)

        raws, after, is_complete = await in_session(self._account, self._context, "read", work)
        mails = tuple(
            ReadMail(raw, parse_raw(raw, received_at=now, event_id=event_id_of(self._account.address, raw)))
            for raw in raws
        )
        return MailboxReading(mails, after, is_complete)


def _read_on(
    session: ImapSession, state: FolderState, position: MailboxPosition, started: datetime, limit: int
) -> tuple[list[bytes], MailboxPosition, bool]:
    last_uid, since = position.last_uid, position.anew_since
    if state.uid_validity != position.uid_validity:
        # Numbered anew: what was read stays read by its event id, and what lay here long before is not ours to read.
        last_uid, since = 0, position.anew_since or position.caught_up_at - _OVERLAP
    waiting = session.uids_above(last_uid, since)
    raws: list[bytes] = []
    taken = size = 0
    for uid in waiting[:limit]:
        raw = session.fetch(uid, MOST_BYTES)
        taken, last_uid = taken + 1, uid
        if raw is not None:  # else it was removed since the search
            raws.append(raw)
            size += len(raw)
        if size >= _BATCH_BYTES:
            break
    if taken < len(waiting):
        return raws, MailboxPosition(state.uid_validity, last_uid, position.caught_up_at, since), False
    # All below uid_next was there when the folder was opened, so that the search has seen it.
    return raws, MailboxPosition(state.uid_validity, max(last_uid, state.uid_next - 1), started), True


def event_id_of(address: str, raw: bytes) -> str:
    """What names a message in the mailbox of ``address``, the same whatever number it has there.

    Of a message with a Message-ID: that, its date, sender, subject and content, so that neither a second delivery of
    the same message doubles it, nor another message under a borrowed Message-ID hides behind it. Without one: all of
    its bytes, with the marks of the way it came.
    """
    mail = parse_raw(raw, received_at=_ANY_TIME)
    digest = sha256(address.lower().encode())
    if mail.message_id is None:
        digest.update(raw)
        return digest.hexdigest()
    found = _END_OF_HEADERS.search(raw)
    content = raw[found.end() :] if found else b""
    for part in (mail.message_id, mail.header("Date") or "", mail.from_email, mail.subject):
        digest.update(b"\0" + part.encode("utf-8", "replace"))
    digest.update(b"\0" + content)
    return digest.hexdigest()


_ANY_TIME: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
