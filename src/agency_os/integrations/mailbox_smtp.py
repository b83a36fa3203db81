"""One message handed to a mailbox's SMTP server, each failure mapped to what is known of the message's fate.

Until the message itself is sent nothing can have been accepted. A reply is definite, whatever it follows. Where the
connection ends between message and reply nobody knows (RFC 5321, 4.5.3.2.6 and 6.1).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

import aiosmtplib

from agency_os.exceptions import ProviderError, ProviderLimitError, ProviderRefusedError, ProviderUnknownError
from agency_os.integrations.mailbox_accounts import MailboxAccount
from agency_os.integrations.provider_api import NOT_SENT
from agency_os.kit.logging import redact_text

NAME = "mailbox"
SUBMIT_SECONDS: Final = 20.0
"""Wall time for all of it: a third of the lease of a touch."""

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_OF_THE_ACCOUNT: Final = frozenset({"530", "534", "535", "538", "5.1.90", "5.4.5", "5.7.30", "5.7.57", "5.7.60"})
"""Codes that refuse the account, not the message: log-in asked for or refused (RFC 4954, 6), a day's quota of Gmail
(5.4.5) or Exchange Online (5.1.90), Exchange Online's refusal of passwords (5.7.30) or of the sender (5.7.57,
5.7.60)."""


class _Stage(StrEnum):
    CONNECT = "connect"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    MESSAGE = "message"


@dataclass
class _Call:
    account: MailboxAccount
    operation: str
    stage: _Stage = _Stage.CONNECT


async def submit(account: MailboxAccount, context: ssl.SSLContext, recipient: str, message: bytes) -> None:
    """Hand ``message`` over for ``recipient``; bounces return to the account's address. Accepted when it returns.

    Raises ProviderLimitError (refused for now, or not reached), ProviderRefusedError, ProviderUnknownError.
    """
    call = _Call(account, "send")

    async def hand_over(client: aiosmtplib.SMTP) -> None:
        call.stage = _Stage.SENDER
        await client.mail(account.address)
        call.stage = _Stage.RECIPIENT
        await client.rcpt(recipient)
        call.stage = _Stage.MESSAGE
        await client.data(message)

    await _in_session(call, context, hand_over)


async def log_in(account: MailboxAccount, context: ssl.SSLContext) -> None:
    """Log in and part again. Raises ProviderLimitError where that fails."""

    async def nothing(_: aiosmtplib.SMTP) -> None:
        pass

    await _in_session(_Call(account, "log_in"), context, nothing)


async def _in_session(call: _Call, context: ssl.SSLContext, work: Callable[[aiosmtplib.SMTP], Awaitable[None]]) -> None:
    account, hears_us = call.account, False
    client = aiosmtplib.SMTP(
        hostname=account.smtp.host,
        port=account.smtp.port,
        use_tls=account.smtp.security == "tls",
        start_tls=account.smtp.security == "starttls",
        tls_context=context,
        timeout=SUBMIT_SECONDS,
        local_hostname=account.domain,  # the machine's own name is nobody's business
    )
    try:
        async with asyncio.timeout(SUBMIT_SECONDS):
            await client.connect()
            call.stage = _Stage.LOGIN
            await client.login(account.login, account.password.get_secret_value())
            await work(client)
        hears_us = True
    except aiosmtplib.SMTPResponseException as error:
        hears_us = True
        raise _answered(call, error.code, error.message) from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        raise _cut_off(call, error) from error
    finally:
        await _part(client, politely=hears_us)


async def _part(client: aiosmtplib.SMTP, *, politely: bool) -> None:
    """End the connection; what becomes of the message is settled by now."""
    transport = client.transport
    if politely:
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=1.0)
    client.close()
    if transport is not None:  # else TLS would wait for the server's farewell
        cast(asyncio.WriteTransport, transport).abort()


def _answered(call: _Call, code: int, words: str) -> ProviderError:
    account = call.account
    enhanced = found.group() if (found := _ENHANCED.match(words)) else None
    said = redact_text(account.without_password(words))[:200]
    return _kind_of(call.stage, code, enhanced)(
        f"{account.smtp.host} answered {code} to the {call.stage} of {account.address}: {said}",
        provider=NAME,
        operation=call.operation,
        provider_code=f"{code} {enhanced}" if enhanced else str(code),
    )


def _kind_of(stage: _Stage, code: int, enhanced: str | None) -> type[ProviderError]:
    if stage is _Stage.MESSAGE and not 400 <= code < 600:
        return ProviderUnknownError  # no reply that RFC 5321 knows here
    of_the_message = stage in {_Stage.RECIPIENT, _Stage.MESSAGE}
    if of_the_message and code >= 500 and not {str(code), enhanced} & _OF_THE_ACCOUNT:
        return ProviderRefusedError
    # What refuses the account is mended by the operator, and must not use up what waits to be sent.
    return ProviderLimitError


def _cut_off(call: _Call, error: Exception) -> ProviderError:
    account = call.account
    kind = ProviderUnknownError if call.stage is _Stage.MESSAGE else ProviderLimitError
    said = redact_text(account.without_password(str(error) or type(error).__name__))[:200]
    return kind(
        f"{account.smtp.host} gave no answer at the {call.stage} of {account.address}: {said}",
        provider=NAME,
        operation=call.operation,
        provider_code=NOT_SENT if call.stage is _Stage.CONNECT else None,
    )
