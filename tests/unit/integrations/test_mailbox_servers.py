"""Mail servers that answer oddly or not at all: each failure says what is known of the message's fate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from agency_os.domain.mailbox import MailboxPosition
from agency_os.exceptions import (
    Outcome,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations import mailbox_imap, mailbox_smtp
from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.mailbox import MailboxTransport
from agency_os.integrations.mailbox_accounts import MailboxAccount
from agency_os.integrations.mailbox_reader import MailboxReader
from agency_os.kit.clock import FixedClock, SystemWallClock
from agency_os.kit.retry import RateLimit

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SECRET = "hunter2-very-secret"
EMAIL = OutgoingEmail("ann@agency.example", "jo@company.example", "Hi", "Hello")
SILENCE, CLOSE = b"silence", b"close"
"""Instead of an answer."""
HTML = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>\r\n"

SMTP = {
    "": b"220 mail\r\n",
    "EHLO": b"250-mail\r\n250 AUTH PLAIN\r\n",
    "HELO": b"250 mail\r\n",
    "AUTH": b"235 in\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go on\r\n",
    ".": b"250 taken\r\n",
    "QUIT": b"221 bye\r\n",
}
IMAP = {
    "": b"* OK mail\r\n",
    "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n@ OK done\r\n",
    "LOGIN": b"@ OK done\r\n",
    "LIST": b'* LIST (\\Sent) "/" Sent\r\n@ OK done\r\n',
    "EXAMINE": b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 9] x\r\n@ OK done\r\n",
    "UID SEARCH": b"* SEARCH 8\r\n@ OK done\r\n",
    "SEARCH": b"* SEARCH 2\r\n@ OK done\r\n",
    "UID FETCH": b"* 2 FETCH (UID 8 BODY[]<0> {15}\r\nSubject: 8\r\n\r\n8)\r\n@ OK done\r\n",
    "FETCH": b"* 2 FETCH (BODY[HEADER.FIELDS (X)] {4}\r\n\r\n\r\n)\r\n@ OK done\r\n",
    "LOGOUT": b"* BYE\r\n@ OK done\r\n",
}


@asynccontextmanager
async def server(script: Mapping[str, bytes], *, is_imap: bool = False) -> AsyncIterator[int]:
    """The port of a server that answers by ``script``: by the longest beginning of a command, "" is the greeting."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            said, is_content = "", False
            while True:
                tag, _, command = said.partition(" ") if is_imap and said else ("", "", said)
                if not is_content or said == ".":
                    key = max((each for each in script if command.upper().startswith(each)), key=len)
                    reply = script[key if said else ""]
                    if reply == CLOSE:
                        break
                    if reply != SILENCE:
                        writer.write(reply.replace(b"@ ", tag.encode() + b" ") if is_imap else reply)
                        await writer.drain()
                    is_content = key == "DATA" and reply.startswith(b"354")
                said = (await reader.readuntil(b"\r\n")).decode().rstrip("\r\n")
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def account(*, smtp: int = 9, imap: int = 9) -> MailboxAccount:
    return MailboxAccount.model_validate(
        {
            "address": "ann@agency.example",
            "password": SECRET,
            "smtp": {"host": "127.0.0.1", "port": smtp, "security": "none"},
            "imap": {"host": "127.0.0.1", "port": imap, "security": "none"},
            "server_files_sent": True,
        }
    )


def transport(own: MailboxAccount) -> MailboxTransport:
    return MailboxTransport(own, FixedClock(NOW), RateLimit(1000, SystemWallClock()))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_smtp, "SUBMIT_SECONDS", 0.5)
    monkeypatch.setattr(mailbox_imap, "STEP_SECONDS", 0.3)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"RCPT": b"251 will forward\r\n"},
        {".": b"250-taken\r\n250 in two lines\r\n"},
        {"QUIT": CLOSE},
        {"QUIT": b"500 what?\r\n"},
        {"EHLO": b"250-mail\r\n250-SIZE 10\r\n250 AUTH LOGIN PLAIN\r\n"},
    ],
)
async def test_accepted(changes: dict[str, bytes]) -> None:
    async with server({**SMTP, **changes}) as port:
        assert len((await transport(account(smtp=port)).send(EMAIL, key="k")).ids) == 1


async def test_accepted_stays_accepted_though_the_farewell_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_smtp, "SUBMIT_SECONDS", 5.0)
    async with server({**SMTP, "QUIT": SILENCE}) as port:
        assert (await transport(account(smtp=port)).send(EMAIL, key="k")).ids


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"": b"554 not you\r\n"}, ProviderLimitError),
        ({"": b"421 too many\r\n"}, ProviderLimitError),
        ({"": HTML}, ProviderLimitError),
        ({"": SILENCE}, ProviderLimitError),
        ({"": CLOSE}, ProviderLimitError),
        ({"": b"2" * 100_000}, ProviderLimitError),
        ({"EHLO": b"421 later\r\n"}, ProviderLimitError),
        ({"EHLO": b"250 mail\r\n"}, ProviderLimitError),
        ({"EHLO": b"\xff\xfe\r\n"}, ProviderLimitError),
        ({"AUTH": b"535 5.7.8 wrong\r\n"}, ProviderLimitError),
        ({"AUTH": b"454 later\r\n"}, ProviderLimitError),
        ({"AUTH": SILENCE}, ProviderLimitError),
        ({"MAIL": b"550 5.7.60 not your address\r\n"}, ProviderLimitError),
        ({"MAIL": CLOSE}, ProviderLimitError),
        ({"RCPT": b"450 greylisted\r\n"}, ProviderLimitError),
        ({"RCPT": b"550 5.1.1 nobody\r\n"}, ProviderRefusedError),
        ({"RCPT": b"550 nobody\r\n"}, ProviderRefusedError),
        ({"RCPT": b"530 5.7.0 log in first\r\n"}, ProviderLimitError),
        ({"RCPT": b"nonsense\r\n"}, ProviderLimitError),
        ({"RCPT": SILENCE}, ProviderLimitError),
        ({"DATA": b"451 no room\r\n"}, ProviderLimitError),
        ({"DATA": b"554 no\r\n"}, ProviderRefusedError),
        ({"DATA": CLOSE}, ProviderUnknownError),
        ({".": b"421 4.3.2 going down\r\n"}, ProviderLimitError),
        ({".": b"554 5.7.1 spam\r\n"}, ProviderRefusedError),
        ({".": b"550 5.4.5 Daily user sending limit exceeded\r\n"}, ProviderLimitError),
        ({".": b"nonsense\r\n"}, ProviderUnknownError),
        ({".": b"999 what\r\n"}, ProviderUnknownError),
        ({".": b"250 " + b"x" * 2_000_000}, ProviderUnknownError),
        ({".": SILENCE}, ProviderUnknownError),
        ({".": CLOSE}, ProviderUnknownError),
    ],
)
async def test_not_accepted_or_unknown(changes: dict[str, bytes], kind: type[ProviderError]) -> None:
    async with server({**SMTP, **changes}) as port:
        with pytest.raises(ProviderError) as caught:
            await transport(account(smtp=port)).send(EMAIL, key="k")
    assert type(caught.value) is kind
    expected = Outcome.UNKNOWN if kind is ProviderUnknownError else Outcome.NOT_ACCEPTED
    assert (caught.value.outcome, caught.value.operation) == (expected, "send")
    assert len(str(caught.value)) < 400


async def test_a_server_that_repeats_the_password_does_not_spread_it() -> None:
    async with server({**SMTP, "AUTH": b"535 no such password: " + SECRET.encode() + b"\r\n"}) as port:
        with pytest.raises(ProviderLimitError) as caught:
            await transport(account(smtp=port)).send(EMAIL, key="k")
    assert SECRET not in str(caught.value)
    async with server({**IMAP, "LOGIN": b"@ NO wrong: " + SECRET.encode() + b"\r\n"}, is_imap=True) as port:
        with pytest.raises(ProviderLimitError) as caught:
            await transport(account(imap=port)).find("k")
    assert SECRET not in str(caught.value)


POSITION = MailboxPosition(7, 7, NOW)


async def test_a_plain_imap_server_is_read() -> None:
    async with server(IMAP, is_imap=True) as port:
        reading = await MailboxReader(account(imap=port), SystemWallClock()).read(POSITION, now=NOW)
        assert [each.mail.subject for each in reading.mails] == ["8"]
        assert (reading.position.last_uid, reading.is_complete) == (8, True)
        assert await transport(account(imap=port)).find("k") is None  # what was found has no Message-ID of ours
        assert await transport(account(imap=port)).list_recent() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"": b"* BYE full\r\n"},
        {"": HTML},
        {"": b"\x00\xff\r\n"},
        {"": b"* OK " + b"x" * 2_000_000},
        {"": SILENCE},
        {"": CLOSE},
        {"CAPABILITY": b"@ BAD no\r\n"},
        {"CAPABILITY": b"* CAPABILITY X\r\n@ OK done\r\n"},
        {"LOGIN": b"@ NO [AUTHENTICATIONFAILED] no\r\n"},
        {"LOGIN": SILENCE},
        {"EXAMINE": b"@ NO none\r\n"},
        {"EXAMINE": b"* 2 EXISTS\r\n@ OK done\r\n"},
        {"EXAMINE": b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n@ OK done\r\n"},
        {"EXAMINE": b"* 2 EXISTS\r\n* OK [UIDVALIDITY x] x\r\n* OK [UIDNEXT 9] x\r\n@ OK done\r\n"},
        {"UID SEARCH": b"* SEARCH eight\r\n@ OK done\r\n"},
        {"UID SEARCH": b"* SEARCH 8\r\nZ9 OK done\r\n"},
        {"UID SEARCH": CLOSE},
        {"UID FETCH": b"* 2 FETCH (UID 8 BODY[]<0> {99999}\r\nshort"},
        {"UID FETCH": CLOSE},
        {"UID FETCH": b"@ NO gone\r\n"},
    ],
)
async def test_what_cannot_be_read_is_read_later(changes: dict[str, bytes]) -> None:
    async with server({**IMAP, **changes}, is_imap=True) as port:
        with pytest.raises(ProviderLimitError) as caught:
            await MailboxReader(account(imap=port), SystemWallClock()).read(POSITION, now=NOW)
    assert (caught.value.operation, caught.value.outcome) == ("read", Outcome.NOT_ACCEPTED)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("listed", "folder"),
    [
        (b'* LIST () "/" INBOX\r\n* LIST (\\HasNoChildren \\Sent) "/" "[Gmail]/Sent Mail"\r\n', b'"[Gmail]/Sent Mail"'),
        (b'* LIST () "." Sent\r\n* LIST (\\Sent) "." INBOX.Gesendet\r\n', b"INBOX.Gesendet"),
        (b'* LIST () "." INBOX\r\n* LIST () "." "INBOX.Sent Items"\r\n', b'"INBOX.Sent Items"'),
        (b"* LIST (\\SENT) NIL {6}\r\nSent()\r\n", b'"Sent()"'),
    ],
)
async def test_the_sent_folder_is_found(listed: bytes, folder: bytes) -> None:
    own = {**IMAP, "LIST": listed + b"@ OK done\r\n"}
    async with server(own, is_imap=True) as port:
        mailbox = account(imap=port)
        found = await mailbox_imap.in_session(mailbox, mailbox.tls(), "find", lambda session: session.sent_folder())
    assert found == folder


async def test_no_sent_folder_is_told() -> None:
    async with server({**IMAP, "LIST": b'* LIST () "/" INBOX\r\n@ OK done\r\n'}, is_imap=True) as port:
        with pytest.raises(ProviderLimitError, match="sent_folder"):
            await transport(account(imap=port)).find("k")
