"""Sending by a real SMTP server, filing and looking up by a real IMAP server, and every way in which it can fail."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from agency_os.domain.channels import Channel
from agency_os.domain.raw_mail import parse_raw
from agency_os.domain.touch import TouchKind
from agency_os.engines.base import Accepted, Open, Refused, Unfound
from agency_os.engines.email import EmailEngine, EmailLimits
from agency_os.exceptions import (
    InvalidInputError,
    OpenTransactionError,
    Outcome,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations import mailbox_smtp
from agency_os.integrations.mail_transport import MailTransport, OutgoingEmail
from agency_os.integrations.mailbox_message import message_id_of
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.ids import new_id
from agency_os.kit.tokens import PersonHash
from agency_os.kit.transaction import mark_open
from agency_os.repositories.touch import ClaimedTouch
from agency_os.repositories.touch_delivery import Sending
from tests.factories.outreach import PERSON_KEY
from tests.integration.mailbox.conftest import NOW, MakeAccount, reader_of, transport_of
from tests.support.mail_servers import PASSWORD, MailServers
from tests.support.relay import relay

pytestmark = pytest.mark.needs("dovecot")

LEAD = "lead@prospect.test"
EMAIL = OutgoingEmail(
    sender="Ann Ünïcode, of Harbour <ann@agency.test>",
    to=LEAD,
    subject="Eine Frage — über Ihre Praxis 🌊",
    text="Grüße aus Sydney\n.\n..a line that begins with dots\nÅngström",
    html="<p>Grüße aus <b>Sydney</b></p>",
    reply_to="ann+abcdefghijklmnopqrstuvwxyz234567abcdefg@agency.test",
    headers={
        "In-Reply-To": "<first@agency.test>",
        "References": "<zero@agency.test> <first@agency.test>",
        "List-Unsubscribe": "<https://app.agency.test/u/" + "t" * 120 + ">",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
)
FILED = replace(EMAIL, sender="Cal <cal@filed.test>")


async def failure(account: MakeAccount, email: OutgoingEmail = EMAIL, **other: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await transport_of(account(**other)).send(email, key="k")
    assert PASSWORD not in f"{caught.value}{caught.value!r}{caught.value.__cause__!r}"
    assert (caught.value.provider, caught.value.operation) == ("mailbox", "send")
    return caught.value


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
async def test_an_email_arrives_as_it_was_written(mail: MailServers, account: MakeAccount, security: str) -> None:
    transport: MailTransport = transport_of(account(security=security))
    result = await transport.send(EMAIL, key="touch 1")
    (raw,) = mail.wait_for(LEAD, 1)
    arrived = parse_raw(raw, received_at=NOW)
    assert arrived.message_id == message_id_of("touch 1", "agency.test")
    assert arrived.message_id == await transport.message_id(result.ids[0])
    assert (arrived.from_name, arrived.from_email, arrived.to) == (
        "Ann Ünïcode, of Harbour",
        "ann@agency.test",
        (LEAD,),
    )
    assert (arrived.subject, arrived.html) == (EMAIL.subject, EMAIL.html)
    assert arrived.text.replace("\r\n", "\n") == EMAIL.text
    assert arrived.in_reply_to == "<first@agency.test>"
    assert arrived.references == ("<zero@agency.test>", "<first@agency.test>")
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post"):
        assert arrived.header(name) == EMAIL.headers[name]
        assert f"{name}: {EMAIL.headers[name]}\r\n".encode() in raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert arrived.header("Date") == "Mon, 23 Nov 2026 02:00:00 +0000"
    assert arrived.header("Return-Path") == "<ann@agency.test>"
    assert ("tls" in (arrived.header("Received") or "").lower()) == (security != "none")


async def test_a_conversation_keeps_its_thread(mail: MailServers, account: MakeAccount) -> None:
    reader = reader_of(account())
    start = (await reader.read(None, now=NOW)).position
    ours = await transport_of(account()).send(EMAIL, key="touch 1")
    (raw,) = mail.wait_for(LEAD, 1)
    first = parse_raw(raw, received_at=NOW)
    answer = OutgoingEmail(
        sender=LEAD,
        to="ann@agency.test",
        subject=f"Re: {first.subject}",
        text="Gerne, nächste Woche?",
        headers={
            "In-Reply-To": str(first.message_id),
            "References": " ".join([*first.references, str(first.message_id)]),
        },
    )
    await transport_of(account(LEAD)).send(answer, key="their answer")
    mail.wait_for("ann@agency.test", 1)
    (read,) = (await reader.read(start, now=NOW)).mails
    assert read.mail.in_reply_to == f"<{ours.ids[0]}>"
    assert read.mail.references == (*first.references, f"<{ours.ids[0]}>")
    assert (read.mail.subject, read.mail.text.strip()) == (f"Re: {EMAIL.subject}", answer.text)
    assert (read.mail.from_email, read.mail.received_at) == (LEAD, NOW)


async def test_the_same_key_has_the_same_message_id(account: MakeAccount, mail: MailServers) -> None:
    transport = transport_of(account())
    sent = [(await transport.send(EMAIL, key=key)).ids[0] for key in ("a", "b", "a")]
    assert sent[0] == sent[2] != sent[1]
    assert len({*mail.wait_for(LEAD, 3)}) == 3


async def test_what_was_sent_is_filed_and_found(account: MakeAccount, mail: MailServers) -> None:
    transport = transport_of(account())
    ids: list[str] = []
    for number in range(5):
        email = replace(EMAIL, subject=f"{EMAIL.subject} {number}")
        ids += (await transport.send_batch([email], key=f"key {number}")).ids
    mail.put("ann@agency.test", b"From: x\r\n\r\nnot there")
    recent = await transport.list_recent()
    assert [email.id for email in recent] == ids[::-1]
    assert [email.subject for email in recent] == [f"{EMAIL.subject} {number}" for number in (4, 3, 2, 1, 0)]
    assert {(email.to, email.created_at, email.last_event) for email in recent} == {((LEAD,), NOW, "sent")}
    assert [email.message_id for email in recent] == [f"<{each}>" for each in ids[::-1]]
    pages = [
        await transport.list_recent(2),
        await transport.list_recent(2, ids[3]),
        await transport.list_recent(2, ids[1]),
    ]
    assert [email.id for page in pages for email in page] == ids[::-1]
    assert await transport.list_recent(2, ids[0]) == []
    assert await transport.list_recent(2, "no such id") == []
    assert await transport.find("key 3") == recent[1]
    assert await transport.find("key 9") is None


async def test_what_people_send_by_themselves_is_not_ours(account: MakeAccount, mail: MailServers) -> None:
    transport = transport_of(account())
    await transport.send(EMAIL, key="ours")
    folder = mail.maildir("ann@agency.test", ".Sent")
    (ours,) = mail.messages("ann@agency.test", ".Sent")
    for number in range(120):
        name = f"9{number:09d}.M1.test:2,S"
        (folder / "cur" / name).write_bytes(ours.replace(b".aos@agency.test", b".phone@agency.test"))
        (folder / "cur" / name).chmod(0o644)
    (found,) = await transport.list_recent(limit=3)
    assert found.message_id == message_id_of("ours", "agency.test")


async def test_a_server_that_files_by_itself_gets_no_second_copy(account: MakeAccount, mail: MailServers) -> None:
    transport = transport_of(account("cal@filed.test"))
    await transport.send(FILED, key="one")
    mail.wait_for(LEAD, 1)
    mail.wait_for("cal@filed.test", 1, ".Sent")
    assert [email.message_id for email in await transport.list_recent()] == [message_id_of("one", "filed.test")]


async def test_sent_is_sent_though_it_cannot_be_filed(account: MakeAccount, mail: MailServers) -> None:
    for broken in (account(imap_port=unused_port()), account(sent_folder="No such folder")):
        assert (await transport_of(broken).send(EMAIL, key="one")).ids
    mail.wait_for(LEAD, 2)


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"to": "nobody@prospect.test"}, ProviderRefusedError, "550 5.1.1"),
        ({"to": "lead@elsewhere.test"}, ProviderRefusedError, "550 5.1.2"),
        ({"to": "full@prospect.test"}, ProviderLimitError, "451 4.2.2"),
        ({"to": "quota@prospect.test"}, ProviderLimitError, "550 5.4.5"),
        ({"subject": "REFUSED"}, ProviderRefusedError, "550 5.7.1"),
        ({"subject": "DEFERRED"}, ProviderLimitError, "451 4.3.0"),
        ({"text": "x" * 6_000_000}, ProviderRefusedError, "552"),
    ],
)
async def test_a_refusal_is_definite(
    account: MakeAccount, mail: MailServers, changes: dict[str, str], kind: type[ProviderError], code: str
) -> None:
    error = await failure(account, replace(EMAIL, **changes))  # type: ignore[arg-type]  # texts alone
    assert (type(error), error.provider_code, error.outcome) == (kind, code, Outcome.NOT_ACCEPTED)
    assert mail.messages("ann@agency.test", ".Sent") == []


async def test_what_refuses_the_account_uses_up_no_message(account: MakeAccount) -> None:
    wrong = await failure(account, password="wrong")
    assert (type(wrong), wrong.provider_code) == (ProviderLimitError, "535")
    foreign = await failure(account, address="bea@agency.test", user="ann@agency.test")
    assert (type(foreign), foreign.provider_code) == (ProviderLimitError, "550 5.7.1")


async def test_a_server_that_is_not_there_or_not_itself_gets_nothing(account: MakeAccount, mail: MailServers) -> None:
    gone = await failure(account, smtp_port=unused_port())
    stranger = await failure(account, ca_file=None)
    for error in (gone, stranger):
        assert (type(error), error.provider_code) == (ProviderLimitError, "not_sent")
    assert mail.messages(LEAD) == []


async def test_no_password_travels_where_starttls_was_taken_away(account: MakeAccount, mail: MailServers) -> None:
    seen = bytearray()

    def listen(piece: bytes) -> bytes:
        seen.extend(piece)
        return piece

    def strip(piece: bytes) -> bytes:
        return piece.replace(b"250-STARTTLS\r\n", b"")

    async with relay(mail.smtp, up=listen, down=strip) as port:
        error = await failure(account, security="starttls", smtp_port=port)
    assert (type(error), error.outcome) == (ProviderLimitError, Outcome.NOT_ACCEPTED)
    assert b"EHLO" in seen
    assert b"AUTH" not in seen


async def test_killed_before_its_answer_is_unknown_and_not_found(account: MakeAccount, mail: MailServers) -> None:
    transport = transport_of(account("cal@filed.test"))
    sending = asyncio.create_task(transport.send(replace(FILED, subject="SLOW"), key="one"))
    await asyncio.to_thread(mail.wait_for_data)
    mail.kill_exim()
    with pytest.raises(ProviderUnknownError) as caught:
        await sending
    assert caught.value.outcome is Outcome.UNKNOWN
    mail.start_exim()
    assert await transport.find("one") is None
    assert mail.messages(LEAD) == []


async def test_cut_within_the_message_is_unknown_and_not_found(account: MakeAccount, mail: MailServers) -> None:
    def cut(piece: bytes) -> bytes | None:
        return piece if b"Subject:" not in piece else None

    async with relay(mail.smtp, up=cut) as port:
        error = await failure(account, FILED, address="cal@filed.test", security="none", smtp_port=port)
    assert type(error) is ProviderUnknownError
    assert await transport_of(account("cal@filed.test")).find("k") is None
    assert mail.messages(LEAD) == []


async def test_an_answer_that_was_lost_is_unknown_and_found(account: MakeAccount, mail: MailServers) -> None:
    def lose(piece: bytes) -> bytes | None:
        return piece if b"250 OK id=" not in piece else None

    async with relay(mail.smtp, down=lose) as port:
        error = await failure(account, FILED, address="cal@filed.test", security="none", smtp_port=port)
    assert type(error) is ProviderUnknownError
    mail.wait_for("cal@filed.test", 1, ".Sent")
    found = await transport_of(account("cal@filed.test")).find("k")
    assert found is not None
    assert (found.to, found.subject) == ((LEAD,), FILED.subject)
    mail.wait_for(LEAD, 1)


async def test_an_answer_that_takes_too_long_is_unknown(
    account: MakeAccount, mail: MailServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def withhold(piece: bytes) -> bytes:
        return piece if b"250 OK id=" not in piece else b""

    monkeypatch.setattr(mailbox_smtp, "SUBMIT_SECONDS", 1.0)
    async with relay(mail.smtp, down=withhold) as port:
        error = await failure(account, FILED, address="cal@filed.test", security="none", smtp_port=port)
    assert type(error) is ProviderUnknownError
    mail.wait_for("cal@filed.test", 1, ".Sent")
    assert await transport_of(account("cal@filed.test")).find("k") is not None


async def test_cut_before_the_message_is_not_accepted(account: MakeAccount, mail: MailServers) -> None:
    for command in (b"EHLO", b"AUTH", b"MAIL FROM", b"RCPT TO"):

        def cut(piece: bytes, command: bytes = command) -> bytes | None:
            return piece if command not in piece else None

        async with relay(mail.smtp, up=cut) as port:
            error = await failure(account, security="none", smtp_port=port)
        assert (type(error), error.outcome) == (ProviderLimitError, Outcome.NOT_ACCEPTED), command
    assert mail.messages(LEAD) == []


async def test_the_engine_settles_what_it_sent_by_mailbox(account: MakeAccount, mail: MailServers) -> None:
    engine = EmailEngine(
        transport_of(account()), PersonHash(PERSON_KEY), SystemWallClock(), EmailLimits(2.0, Decimal(0))
    )
    sent, never = sending_of(EMAIL), sending_of(replace(EMAIL, subject="Never sent"))
    assert engine.chunks(sent.touches * 3) == [sent.touches] * 3
    delivery = await engine.deliver(sent)
    assert isinstance(delivery, Accepted)
    assert await engine.message_ids(delivery.provider_ids) == {
        delivery.provider_ids[0]: f"<{delivery.provider_ids[0]}>"
    }
    assert await engine.look_up(sent) == delivery
    assert isinstance(await engine.look_up(never), Unfound)
    refused = await engine.deliver(sending_of(replace(EMAIL, to="nobody@prospect.test")))
    assert isinstance(refused, Refused)
    assert not refused.heals
    elsewhere = EmailEngine(
        transport_of(account(imap_port=unused_port())),
        PersonHash(PERSON_KEY),
        SystemWallClock(),
        EmailLimits(2.0, Decimal(0)),
    )
    assert isinstance(await elsewhere.look_up(sent), Open)


async def test_nothing_leaves_for_what_cannot_be_sent(account: MakeAccount, mail: MailServers) -> None:
    transport = transport_of(account())
    wrong = [
        replace(EMAIL, sender="ann@elsewhere.test"),
        replace(EMAIL, headers={"Message-ID": "<mine@agency.test>"}),
        replace(EMAIL, headers={"bcc": LEAD}),
        replace(EMAIL, headers={"X-Ü": "x"}),
        replace(EMAIL, headers={"X-Note": "Ünï"}),
        replace(EMAIL, reply_to="änn@agency.test"),
    ]
    for email in wrong:
        with pytest.raises(InvalidInputError):
            await transport.send(email, key="k")
    for emails in ([], [EMAIL, EMAIL]):
        with pytest.raises(InvalidInputError):
            await transport.send_batch(emails, key="k")
    with pytest.raises(InvalidInputError):
        await transport.send(EMAIL, key="")
    for to in ("läad@prospect.test", f"{LEAD}, bea@agency.test", "lead", "", f"{LEAD}> SIZE=1"):
        with pytest.raises(ProviderRefusedError):
            await transport.send(replace(EMAIL, to=to), key="k")
    with mark_open(), pytest.raises(OpenTransactionError):
        await transport.send(EMAIL, key="k")
    with mark_open(), pytest.raises(OpenTransactionError):
        await transport.list_recent()
    assert mail.messages(LEAD) == []


def sending_of(email: OutgoingEmail) -> Sending:
    touch_id = new_id()
    touch = ClaimedTouch(
        touch_id, new_id(), new_id(), new_id(), TouchKind.SEQUENCE, Channel.EMAIL, 1, 1, json.loads(email.to_json()), ""
    )
    return Sending((touch,), f"touch:{touch_id}", None, NOW + timedelta(seconds=1))


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
