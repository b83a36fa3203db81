"""A client's own mailbox as a ``MailTransport``: sends by its SMTP server, looks up by its Sent folder over IMAP.

SMTP has no idempotency keys. Instead the Message-ID is ours, made of the key before anything is sent, so that whether
the server filed a message can be seen. What it has not filed stays unknown: it may have accepted it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final

from agency_os.domain.raw_mail import parse_raw
from agency_os.exceptions import InvalidInputError, ProviderError, ProviderRefusedError
from agency_os.integrations.mail_transport import OutgoingEmail, SendResult, SentEmail
from agency_os.integrations.mailbox_accounts import MailboxAccount, is_plain_address
from agency_os.integrations.mailbox_imap import ImapSession, in_session
from agency_os.integrations.mailbox_message import build_message, is_our_message_id, message_id_of, name_and_address
from agency_os.integrations.mailbox_smtp import NAME, log_in, submit
from agency_os.kit.clock import BusinessClock, to_utc
from agency_os.kit.logging import get_logger
from agency_os.kit.retry import RateLimit
from agency_os.kit.transaction import refuse_if_open

_log = get_logger(__name__)
_ONE: Final = Decimal(1)
_PAGE: Final = 100
_FILE_SECONDS: Final = 15.0
"""With what submitting may take it stays within the lease of a touch."""
_MOST_LOOKED_AT: Final = 1000
"""Messages of the Sent folder that one page is searched for: people send from the same mailbox."""


class MailboxTransport:
    """Sends from one mailbox; one per account. Implements MailTransport.

    ``key_window`` is None: a message is never sent a second time, only looked up. A batch is one message, since SMTP
    accepts each on its own. ``tags`` are not sent: there are no events to carry them back.
    """

    name = NAME
    key_window = None
    batch_limit = 1

    def __init__(self, account: MailboxAccount, clock: BusinessClock, rate: RateLimit) -> None:
        self._account = account
        self._clock = clock
        self._rate = rate
        self._context = account.tls()

    async def send(self, email: OutgoingEmail, *, key: str) -> SendResult:
        """Send one email; ``key`` fixes its Message-ID. Raises ProviderError with its outcome, InvalidInputError
        before anything left.
        """
        refuse_if_open()
        self._check(email, key)
        message_id = message_id_of(key, self._account.domain)
        now = await self._clock.now()
        message = build_message(email, message_id, now)
        await self._rate.acquire()
        await submit(self._account, self._context, email.to, message)
        if not self._account.server_files_sent:
            await self._file(message, now)
        return SendResult((message_id[1:-1],), _ONE)

    async def send_batch(self, emails: Sequence[OutgoingEmail], *, key: str) -> SendResult:
        """Send the one email of a batch. Errors as for ``send``."""
        if len(emails) != 1:
            raise InvalidInputError(f"a mailbox's batch holds 1 email, not {len(emails)}")
        return await self.send(emails[0], key=key)

    async def message_id(self, provider_id: str) -> str | None:
        """The Message-ID of a sent email, known at once; None for an id that is not ours."""
        return f"<{provider_id}>" if is_our_message_id(provider_id) else None

    async def find(self, key: str) -> SentEmail | None:
        """The email that was sent under ``key``, by its Message-ID in the Sent folder; None where it is not there.

        Raises ProviderLimitError where the folder cannot be read.
        """
        message_id = message_id_of(key, self._account.domain)

        def work(session: ImapSession) -> list[bytes]:
            session.examine(session.sent_folder())
            numbers = session.numbers_of(message_id)
            return session.headers(numbers[-1], numbers[-1]) if numbers else []

        found = await in_session(self._account, self._context, "find", work)
        emails = [email for block in found if (email := _sent_email(block)) and email.message_id == message_id]
        return emails[0] if emails else None

    async def list_recent(self, limit: int = _PAGE, after: str | None = None) -> list[SentEmail]:
        """What we sent last from this mailbox, newest first, at most 100, by its Sent folder; ``after`` continues
        behind the email of that id. Raises ProviderLimitError where the folder cannot be read.
        """
        wanted = max(1, min(limit, _PAGE))

        def work(session: ImapSession) -> list[SentEmail]:
            state = session.examine(session.sent_folder())
            last = state.count
            if after is not None:
                numbers = session.numbers_of(f"<{after}>") if is_our_message_id(after) else []
                last = numbers[0] - 1 if numbers else 0
            return _newest(session, last, wanted)

        return await in_session(self._account, self._context, "list_recent", work)

    async def check(self) -> None:
        """Log in at both servers and find the Sent folder; nothing is sent or read. Raises ProviderLimitError."""

        def work(session: ImapSession) -> None:
            session.examine(session.sent_folder())

        await log_in(self._account, self._context)
        await in_session(self._account, self._context, "check", work)

    def _check(self, email: OutgoingEmail, key: str) -> None:
        if name_and_address(email.sender)[1].rpartition("@")[2].lower() != self._account.domain:
            raise InvalidInputError(f"{self._account.address} sends only for its own domain", field="sender")
        if not key:
            raise InvalidInputError("an idempotency key must not be empty", field="key")
        if not is_plain_address(email.to):
            raise ProviderRefusedError(
                "the recipient is not one address of plain ASCII, which is all that a mailbox sends to",
                provider=NAME,
                operation="send",
            )

    async def _file(self, message: bytes, at: datetime) -> None:
        """A copy into the Sent folder. The message is sent: a failure is told and changes nothing."""

        def work(session: ImapSession) -> None:
            session.append(session.sent_folder(), message, at)

        try:
            await in_session(self._account, self._context, "file", work, seconds=_FILE_SECONDS)
        except ProviderError as error:
            _log.warning("mailbox.not_filed", mailbox=self._account.address, error=str(error))


def _newest(session: ImapSession, last: int, wanted: int) -> list[SentEmail]:
    found: list[SentEmail] = []
    lowest = max(1, last - _MOST_LOOKED_AT + 1)
    while last >= lowest and len(found) < wanted:
        first = max(lowest, last - _PAGE + 1)
        blocks = session.headers(first, last)
        found.extend(email for block in reversed(blocks) if (email := _sent_email(block)))
        last = first - 1
    return found[:wanted]


def _sent_email(block: bytes) -> SentEmail | None:
    """The email of these headers; None where it is not one of ours."""
    mail = parse_raw(block, received_at=datetime.fromisoformat("2000-01-01T00:00:00+00:00"))
    if mail.message_id is None or not is_our_message_id(mail.message_id[1:-1]):
        return None
    try:
        created_at = to_utc(parsedate_to_datetime(mail.header("Date") or ""))
    except (ValueError, InvalidInputError):
        return None
    return SentEmail(
        id=mail.message_id[1:-1],
        to=mail.to,
        subject=mail.subject,
        created_at=created_at,
        message_id=mail.message_id,
        last_event="sent",
    )
