"""A mailbox's IMAP server, read by the standard library's client in a thread (decision 0008 says why).

Promise: nothing is changed but what ``append`` files: folders are opened read-only and messages stay unread.
"""

from __future__ import annotations

import asyncio
import imaplib
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from agency_os.exceptions import ProviderError, ProviderLimitError
from agency_os.integrations.mailbox_accounts import MailboxAccount
from agency_os.integrations.provider_api import NOT_SENT
from agency_os.kit.logging import redact_text
from agency_os.kit.transaction import refuse_if_open

NAME = "mailbox"
STEP_SECONDS: Final = 10.0
"""Wall time for one answer of the server."""
SESSION_SECONDS: Final = 60.0
"""Wall time for a whole session."""

_CODE = re.compile(r"\[([A-Z-]{1,40})[\] ]")
_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?:NIL|"(?:\\.|[^"\\])*") (?P<name>.+)', re.DOTALL)
_USUAL_SENT: Final = (b"sent", b"sent items", b"sent messages", b"sent mail")
_UID = re.compile(rb"\bUID (\d+)")
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FolderState:
    """A folder as it was when it was opened; ``uid_next`` is a number that no message has yet (RFC 9051, 2.3.1.1)."""

    uid_validity: int
    uid_next: int
    count: int


async def in_session(
    account: MailboxAccount,
    context: ssl.SSLContext,
    name: str,
    work: Callable[[ImapSession], T],
    *,
    seconds: float = SESSION_SECONDS,
) -> T:
    """What ``work`` makes of a new session, in a thread of its own, within ``seconds`` of wall time; ``name`` is the
    operation's in errors.

    Raises ProviderLimitError: whatever went wrong, looking again later does no harm. Raises OpenTransactionError
    within a database transaction.
    """
    refuse_if_open()
    session = ImapSession(account, context)

    def run() -> T:
        with session:
            return work(session)

    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(run)
    except (imaplib.IMAP4.error, OSError, EOFError, ValueError, TimeoutError) as error:
        raise _failure(account, name, error, has_begun=session.has_begun) from None
    finally:
        session.cut()


class ImapSession:
    """One connection, logged in for the span of the ``with`` block. Every method blocks; ``cut`` is for other threads.

    Raises what imaplib raises, OSError, and ValueError for an answer that cannot be read.
    """

    def __init__(self, account: MailboxAccount, context: ssl.SSLContext) -> None:
        self._account = account
        self._context = context
        self._imap: imaplib.IMAP4 | None = None
        self._is_cut = False
        self.has_begun = False
        """Whether the server has been reached."""

    def __enter__(self) -> Self:
        server = self._account.imap
        if server.security == "tls":
            imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                server.host, server.port, ssl_context=self._context, timeout=STEP_SECONDS
            )
        else:
            imap = imaplib.IMAP4(server.host, server.port, timeout=STEP_SECONDS)
        self._imap, self.has_begun = imap, True
        try:
            if self._is_cut:
                imap.socket().shutdown(socket.SHUT_RDWR)
            if server.security == "starttls":
                imap.starttls(self._context)
            self._log_in(imap)
        except BaseException:
            self._close(imap)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._imap is not None:
            self._close(self._imap)

    def cut(self) -> None:
        """End the connection at once, so that a thread that waits for it goes on."""
        self._is_cut = True
        if self._imap is not None:
            with suppress(OSError, ValueError, AttributeError):
                self._imap.socket().shutdown(socket.SHUT_RDWR)

    def examine(self, folder: str | bytes) -> FolderState:
        """Open ``folder`` read-only."""
        imap = self._connected()
        name = folder if isinstance(folder, bytes) else _quoted(folder.encode("ascii"))
        count = _number(_expect(imap.select(name, readonly=True)))  # type: ignore[arg-type]  # bytes are sent as they are
        validity, uid_next = (imap.response(code)[1] for code in ("UIDVALIDITY", "UIDNEXT"))
        if not validity or not uid_next or validity[0] is None or uid_next[0] is None:
            raise ValueError(f"the server gave no UIDVALIDITY or UIDNEXT for {folder!r}")
        return FolderState(int(validity[-1]), int(uid_next[-1]), count)

    def uids_above(self, last_uid: int, since: datetime | None) -> list[int]:
        """The UIDs above ``last_uid``, ascending, of what arrived on the day of ``since`` or later."""
        criteria = [f"UID {last_uid + 1}:*"]
        if since is not None:
            criteria.append(f"SINCE {since.day:02d}-{_MONTHS[since.month - 1]}-{since.year}")
        found = _numbers(_expect(self._connected().uid("SEARCH", *criteria)))
        return sorted(uid for uid in found if uid > last_uid)  # n:* always names the last message (RFC 9051, 6.4.9)

    def numbers_of(self, message_id: str) -> list[int]:
        """The sequence numbers, ascending, of the messages of that Message-ID."""
        quoted = _quoted(message_id.encode("ascii")).decode("ascii")
        return sorted(_numbers(_expect(self._connected().search(None, f"HEADER Message-ID {quoted}"))))

    def fetch(self, uid: int, most: int) -> bytes | None:
        """The first ``most`` bytes of the message; None where it is gone by now."""
        answer = _expect(self._connected().uid("FETCH", str(uid), f"(UID BODY.PEEK[]<0.{most}>)"))
        for index, item in enumerate(answer):
            if isinstance(item, tuple) and b"BODY[]" in item[0].upper():
                behind = answer[index + 1] if index + 1 < len(answer) else b""
                said = item[0] + (behind if isinstance(behind, bytes) else b"")
                if (found := _UID.search(said)) and int(found.group(1)) == uid:
                    return bytes(item[1])
        return None

    def headers(self, first: int, last: int) -> list[bytes]:
        """The headers that tell one message from another, of these sequence numbers, ascending."""
        what = "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE TO SUBJECT)])"
        answer = _expect(self._connected().fetch(f"{first}:{last}", what))
        found = [item for item in answer if isinstance(item, tuple) and b"HEADER.FIELDS" in item[0].upper()]
        return [bytes(block) for _, block in sorted(found, key=lambda item: int(item[0].split()[0]))]

    def sent_folder(self) -> bytes:
        """The quoted name of the Sent folder: the account's setting, else by role (RFC 6154), else by usual names."""
        if self._account.sent_folder is not None:
            return _quoted(self._account.sent_folder.encode("ascii"))
        usual: dict[bytes, bytes] = {}
        for item in _expect(self._connected().list()):
            line = item[0] + b" " + _quoted(item[1]) if isinstance(item, tuple) else item
            match = _LISTED.search(line or b"")
            if match is None:
                continue
            if b"\\sent" in match["flags"].lower().split():
                return _name_of(item, match)
            last = re.split(rb"[./]", match["name"].strip(b'"').lower())[-1]
            usual.setdefault(last, _name_of(item, match))
        for name in _USUAL_SENT:
            if name in usual:
                return usual[name]
        raise ValueError("the mailbox has no Sent folder that can be told: name it by sent_folder in MAILBOXES_FILE")

    def append(self, folder: bytes, message: bytes, at: datetime) -> None:
        """File ``message`` as read."""
        when = imaplib.Time2Internaldate(at)
        _expect(self._connected().append(folder, "(\\Seen)", when, message))  # type: ignore[arg-type]  # as in examine

    def _connected(self) -> imaplib.IMAP4:
        if self._imap is None:
            raise ValueError("the session is not open")
        return self._imap

    def _log_in(self, imap: imaplib.IMAP4) -> None:
        user, password = self._account.login, self._account.password.get_secret_value()
        if "AUTH=PLAIN" in imap.capabilities:  # unlike LOGIN it takes any letters (RFC 4616)
            imap.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        else:
            imap.login(user, password)

    def _close(self, imap: imaplib.IMAP4) -> None:
        with suppress(imaplib.IMAP4.error, OSError, ValueError):
            imap.logout()
        with suppress(imaplib.IMAP4.error, OSError, ValueError):
            imap.shutdown()


def _failure(account: MailboxAccount, name: str, error: Exception, *, has_begun: bool) -> ProviderError:
    said = account.without_password(str(error) or type(error).__name__)
    code = found.group(1) if (found := _CODE.search(said)) else None
    return ProviderLimitError(
        f"{account.imap.host} did not let the mailbox {account.address} be read: {redact_text(said)[:200]}",
        provider=NAME,
        operation=name,
        provider_code=code if has_begun else NOT_SENT,
    )


def _expect(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        said = b" ".join(item for item in data if isinstance(item, bytes))
        raise imaplib.IMAP4.error(said.decode("utf-8", "replace"))
    return data


def _numbers(data: list[Any]) -> list[int]:
    return [int(number) for line in data if isinstance(line, bytes) for number in line.split()]


def _number(data: list[Any]) -> int:
    found = _numbers(data)
    return found[0] if found else 0


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _name_of(item: Any, match: re.Match[bytes]) -> bytes:
    return _quoted(item[1]) if isinstance(item, tuple) else match["name"].rstrip()
