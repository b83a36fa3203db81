"""Real mail servers for the tests of the mailbox, and accounts on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from agency_os.integrations.mailbox import MailboxTransport
from agency_os.integrations.mailbox_accounts import MailboxAccount, MailServer
from agency_os.integrations.mailbox_reader import MailboxReader
from agency_os.kit.clock import FixedClock, SystemWallClock
from agency_os.kit.retry import RateLimit
from tests.support.mail_servers import PASSWORD, MailServers

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MakeAccount = Callable[..., MailboxAccount]


@pytest.fixture(scope="session")
def running_servers() -> Iterator[MailServers]:
    servers = MailServers().start()
    yield servers
    servers.stop()


@pytest.fixture
def mail(running_servers: MailServers) -> Iterator[MailServers]:
    """The servers, every mailbox empty."""
    running_servers.empty()
    yield running_servers
    running_servers.empty()


@pytest.fixture
def account(mail: MailServers) -> MakeAccount:
    """Makes an account on the servers; ``smtp_port`` and ``imap_port`` lead elsewhere."""

    def make(address: str = "ann@agency.test", **other: Any) -> MailboxAccount:
        security = other.pop("security", "tls")
        smtp = mail.smtps if security == "tls" else mail.smtp
        imap = mail.imaps if security == "tls" else mail.imap
        values = {
            "address": address,
            "password": PASSWORD,
            "smtp": MailServer(host="localhost", port=other.pop("smtp_port", smtp), security=security),
            "imap": MailServer(host="localhost", port=other.pop("imap_port", imap), security=security),
            "ca_file": mail.ca_file,
            "server_files_sent": address.endswith("@filed.test"),
        }
        return MailboxAccount.model_validate({**values, **other})

    return make


def transport_of(account: MailboxAccount) -> MailboxTransport:
    return MailboxTransport(account, FixedClock(NOW), RateLimit(1000, SystemWallClock()))


def reader_of(account: MailboxAccount) -> MailboxReader:
    return MailboxReader(account, SystemWallClock())
