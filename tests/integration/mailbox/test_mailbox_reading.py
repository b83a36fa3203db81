"""Reading a real Dovecot: once each, in batches, across a new numbering, whatever lies in the mailbox."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agency_os.domain.bounces import read_bounce
from agency_os.domain.mailbox import MailboxPosition
from agency_os.exceptions import ProviderLimitError
from agency_os.integrations import mailbox_reader
from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.mailbox_imap import ImapSession, in_session
from agency_os.integrations.mailbox_reader import MailboxReader, MailboxReading, ReadMail
from tests.integration.mailbox.conftest import NOW, MakeAccount, reader_of, transport_of
from tests.support.mail_servers import LATE, PASSWORD, MailServers
from tests.support.relay import relay

pytestmark = pytest.mark.needs("dovecot")

ANN = "ann@agency.test"


def letter(number: int) -> bytes:
    return (
        f"From: Lead <lead@prospect.test>\r\nTo: {ANN}\r\nSubject: Letter {number}\r\n"
        f"Message-ID: <{number}@prospect.test>\r\nDate: Mon, 23 Nov 2026 02:00:0{number % 10} +0000\r\n"
        f"\r\nHello {number}\r\n"
    ).encode()


def subjects(reading: MailboxReading) -> list[str]:
    return [each.mail.subject for each in reading.mails]


def ids(reading: MailboxReading) -> list[str]:
    return [each.mail.event_id for each in reading.mails]


async def beginning(reader: MailboxReader) -> MailboxPosition:
    return (await reader.read(None, now=NOW)).position


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
async def test_what_comes_after_the_beginning_is_read_once(
    mail: MailServers, account: MakeAccount, security: str
) -> None:
    mail.put(ANN, letter(1))
    reader = reader_of(account(security=security))
    begun = await reader.read(None, now=NOW)
    assert (begun.mails, begun.is_complete) == ((), True)
    mail.put(ANN, letter(2))
    mail.put(ANN, letter(3))
    read = await reader.read(begun.position, now=NOW)
    assert subjects(read) == ["Letter 2", "Letter 3"]
    assert [each.raw for each in read.mails] == [letter(2), letter(3)]
    assert {each.mail.received_at for each in read.mails} == {NOW}
    again = await reader.read(read.position, now=NOW)
    assert (again.mails, again.is_complete) == ((), True)
    assert again.position == replace(read.position, caught_up_at=again.position.caught_up_at)
    assert ids(await reader.read(begun.position, now=NOW)) == ids(read)


async def test_a_message_stays_unread_for_the_people_of_the_mailbox(mail: MailServers, account: MakeAccount) -> None:
    reader = reader_of(account())
    start = await beginning(reader)
    mail.put(ANN, letter(1))
    await reader.read(start, now=NOW)
    (path,) = [p for name in ("new", "cur") for p in (mail.maildir(ANN) / name).iterdir()]
    assert "S" not in path.name.rpartition(",")[2]


async def test_much_mail_is_read_in_batches(mail: MailServers, account: MakeAccount) -> None:
    reader = reader_of(account())
    position = await beginning(reader)
    for number in range(5):
        mail.put(ANN, letter(number))
    seen: list[str] = []
    complete: list[bool] = []
    caught_up = position.caught_up_at
    while not complete or not complete[-1]:
        reading = await reader.read(position, now=NOW, limit=2)
        position = reading.position
        seen += subjects(reading)
        complete.append(reading.is_complete)
        assert (position.caught_up_at > caught_up) == reading.is_complete
    assert seen == [f"Letter {number}" for number in range(5)]
    assert complete == [False, False, True]


async def test_a_batch_is_bounded_in_bytes(
    mail: MailServers, account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_reader, "_BATCH_BYTES", 2 * len(letter(1)))
    reader = reader_of(account())
    position = await beginning(reader)
    for number in range(3):
        mail.put(ANN, letter(number))
    reading = await reader.read(position, now=NOW)
    assert (len(reading.mails), reading.is_complete) == (2, False)
    assert subjects(await reader.read(reading.position, now=NOW)) == ["Letter 2"]


@pytest.mark.parametrize("limit", [50, 1])
async def test_a_new_numbering_loses_and_doubles_nothing(mail: MailServers, account: MakeAccount, limit: int) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=400)
    for number in (1, 2):
        mail.put(ANN, letter(number), long_ago)
    reader = reader_of(account())
    start = await beginning(reader)
    mail.put(ANN, letter(3))
    mail.put(ANN, letter(4))
    read = await reader.read(start, now=NOW)
    mail.forget_uids(ANN)
    mail.put(ANN, letter(5))
    position, found = read.position, list[ReadMail]()
    for _ in range(6):
        reading = await reader.read(position, now=NOW, limit=limit)
        position = reading.position
        found += reading.mails
        if reading.is_complete:
            break
    assert position.uid_validity != read.position.uid_validity
    assert position.anew_since is None
    assert [each.mail.subject for each in found] == ["Letter 3", "Letter 4", "Letter 5"]
    assert [each.mail.event_id for each in found][:2] == ids(read)
    assert len({each.mail.event_id for each in found}) == 3
    assert (await reader.read(position, now=NOW)).mails == ()
    mail.put(ANN, letter(6))
    assert subjects(await reader.read(position, now=NOW)) == ["Letter 6"]


async def test_old_mail_that_is_moved_here_later_is_read(mail: MailServers, account: MakeAccount) -> None:
    """As a reply is that somebody takes out of the spam folder a week later."""
    reader = reader_of(account())
    start = await beginning(reader)
    mail.put(ANN, letter(1), datetime.now(UTC) - timedelta(days=30))
    assert subjects(await reader.read(start, now=NOW)) == ["Letter 1"]


async def test_an_event_id_names_the_message(mail: MailServers, account: MakeAccount) -> None:
    reader = reader_of(account())
    start = await beginning(reader)
    borrowed = letter(1).replace(b"Hello 1", b"Remove me")
    mail.put(ANN, b"Received: by a\r\n" + letter(1))
    mail.put(ANN, b"Received: by b\r\n" + letter(1))
    mail.put(ANN, borrowed)
    nameless = letter(1).replace(b"Message-ID: <1@prospect.test>\r\n", b"")
    mail.put(ANN, b"Received: by a\r\n" + nameless)
    mail.put(ANN, b"Received: by b\r\n" + nameless)
    found = ids(await reader.read(start, now=NOW))
    assert found[0] == found[1]
    assert len(set(found)) == 4
    assert mailbox_reader.event_id_of(ANN, letter(1)) == found[0]
    assert mailbox_reader.event_id_of("bea@agency.test", letter(1)) not in found


async def test_any_message_is_read(mail: MailServers, account: MakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_reader, "MOST_BYTES", 100_000)
    reader = reader_of(account())
    start = await beginning(reader)
    strange = [
        bytes(range(1, 256)) * 20,
        b"\r\n\r\n",
        b"Subject: no end of headers",
        b"Subject: {12}\r\n* 1 FETCH (UID 9 BODY[] {5}\r\n)\r\nA1 OK done\r\n\r\n)\r\n{3}\r\n",
        b"From: x@y.test\r\nSubject: big\r\n\r\n" + b"x" * 300_000,
    ]
    for raw in strange:
        mail.put(ANN, raw)
    read = await reader.read(start, now=NOW)
    assert len(read.mails) == len(strange)
    assert read.is_complete
    assert len(read.mails[-1].raw) == 100_000
    assert read.mails[-1].mail.subject == "big"
    assert len(set(ids(read))) == len(strange)


async def test_what_is_removed_meanwhile_is_passed_over(mail: MailServers, account: MakeAccount) -> None:
    mail.put(ANN, letter(1))
    own = account()

    def work(session: ImapSession) -> tuple[bytes | None, bytes | None]:
        session.examine("INBOX")
        return session.fetch(1, 1000), session.fetch(7, 1000)

    assert await in_session(own, own.tls(), "read", work) == (letter(1), None)


async def test_a_bounce_comes_to_the_mailbox(mail: MailServers, account: MakeAccount) -> None:
    reader = reader_of(account())
    start = await beginning(reader)
    email = OutgoingEmail(sender=ANN, to=LATE, subject="Hello", text="Hello")
    sent = await transport_of(account()).send(email, key="touch")
    mail.wait_for(ANN, 1)
    (report,) = (await reader.read(start, now=NOW)).mails
    bounce = read_bounce(report.mail)
    assert bounce is not None
    assert [(one.address, one.hard) for one in bounce.recipients] == [(LATE, True)]
    assert sent.ids[0].encode() in report.raw


async def test_what_refuses_us_can_heal_and_tells_no_secret(mail: MailServers, account: MakeAccount) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        gone = account(imap_port=probe.getsockname()[1])
    expected = {
        "wrong password": (account(password="wrong"), "AUTHENTICATIONFAILED"),
        "gone": (gone, "not_sent"),
        "stranger": (account(ca_file=None), "not_sent"),
        "no folder": (account(inbox="No such folder"), None),
    }
    for name, (wrong, code) in expected.items():
        with pytest.raises(ProviderLimitError) as caught:
            await reader_of(wrong).read(None, now=NOW)
        told = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
        assert PASSWORD not in told, name
        assert (caught.value.provider, caught.value.operation) == ("mailbox", "read")
        assert caught.value.provider_code == code, name


async def test_a_server_that_goes_away_or_stands_still_ends_a_reading(
    mail: MailServers, account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.put(ANN, letter(1))
    start = await beginning(reader_of(account()))
    mail.put(ANN, letter(2))
    for word in (b"CAPABILITY", b"AUTHENTICATE", b"EXAMINE", b"SEARCH", b"FETCH"):

        def cut(piece: bytes, word: bytes = word) -> bytes | None:
            return piece if word not in piece else None

        async with relay(mail.imap, up=cut) as port:
            with pytest.raises(ProviderLimitError):
                await reader_of(account(security="none", imap_port=port)).read(start, now=NOW)

    def withhold(piece: bytes) -> bytes:
        return piece if b"FETCH" not in piece else b""

    async with relay(mail.imap, up=withhold) as port:
        own = account(security="none", imap_port=port)
        with pytest.raises(ProviderLimitError):
            await in_session(own, own.tls(), "read", _fetch_first, seconds=0.5)
    assert subjects(await reader_of(account()).read(start, now=NOW)) == ["Letter 2"]


async def test_no_password_travels_where_starttls_was_taken_away(mail: MailServers, account: MakeAccount) -> None:
    seen = bytearray()

    def listen(piece: bytes) -> bytes:
        seen.extend(piece)
        return piece

    def strip(piece: bytes) -> bytes:
        return piece.replace(b" STARTTLS", b"")

    async with relay(mail.imap, up=listen, down=strip) as port:
        with pytest.raises(ProviderLimitError):
            await reader_of(account(security="starttls", imap_port=port)).read(None, now=NOW)
    assert b"CAPABILITY" in seen
    assert b"AUTHENTICATE" not in seen
    assert b"LOGIN" not in seen


def _fetch_first(session: ImapSession) -> bytes | None:
    session.examine("INBOX")
    return session.fetch(1, 1000)
