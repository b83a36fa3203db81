"""The file of mailboxes: what it may hold, and that its errors name the place and never a secret."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from agency_os.exceptions import SettingsError
from agency_os.integrations.mailbox_accounts import MailboxAccount, is_plain_address, read_accounts

SECRET = "hunter2-very-secret"
ONE: dict[str, Any] = {
    "address": "Ann@agency.example",
    "password": SECRET,
    "smtp": {"host": "smtp.agency.example", "port": 465},
    "imap": {"host": "imap.agency.example", "port": 143, "security": "starttls"},
}


def written(path: Path, content: object) -> Path:
    file = path / "mailboxes.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


def test_a_mailbox_is_read_with_its_defaults(tmp_path: Path) -> None:
    accounts = read_accounts(written(tmp_path, {"mailboxes": [ONE]}))
    account = accounts["ann@agency.example"]
    assert (account.login, account.domain, account.inbox) == ("Ann@agency.example", "agency.example", "INBOX")
    assert (account.smtp.security, account.imap.security) == ("tls", "starttls")
    assert account.password.get_secret_value() == SECRET
    assert not account.server_files_sent
    assert account.tls().verify_mode is ssl.CERT_REQUIRED
    assert account.tls().check_hostname


def test_a_secret_shows_nowhere(tmp_path: Path) -> None:
    account = MailboxAccount.model_validate(ONE)
    assert SECRET not in f"{account} {account!r} {account.model_dump()} {account.model_dump_json()}"
    assert account.without_password(f"no {SECRET} here") == "no [password] here"


def test_no_mailbox_is_no_fault(tmp_path: Path) -> None:
    assert read_accounts(written(tmp_path, {"mailboxes": []})) == {}


def changed(**changes: Any) -> dict[str, Any]:
    return {"mailboxes": [{**ONE, **changes}]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is no JSON at line 1"),
        (f'{{"mailboxes": [{{"password": "{SECRET}"', "is no JSON at line 1"),
        ("[]", "the file: "),
        ({}, "mailboxes: Field required"),
        ({"mailboxes": [ONE], "more": SECRET}, "more: "),
        ({"mailboxes": [ONE, {**ONE, "address": "ann@AGENCY.example"}]}, "names ann@AGENCY.example twice"),
        ({"mailboxes": [{**ONE, "passwort": SECRET}]}, "mailboxes[0].passwort: "),
        (changed(password=7), "mailboxes[0].password: "),
        (changed(password=""), "mailboxes[0].password: "),
        (changed(password=f"{SECRET}\r\nA1 LOGOUT"), "mailboxes[0].password: "),
        (changed(address="ann"), "mailboxes[0].address: Value error, not an email address"),
        (changed(address="Ann <ann@agency.example>"), "mailboxes[0].address: "),
        (changed(user="a\nb"), "mailboxes[0].user: "),
        (changed(inbox="Eingänge"), "mailboxes[0].inbox: "),
        (changed(ca_file="/nowhere/ca.pem"), "mailboxes[0]: Value error, ca_file is not there"),
        (changed(smtp={"host": "smtp.agency.example", "port": 70000}), "mailboxes[0].smtp.port: "),
        (changed(smtp={"host": "a b", "port": 465}), "mailboxes[0].smtp.host: "),
        (changed(smtp={"host": "smtp.agency.example", "port": 25, "security": "none"}), "mailboxes[0].smtp: "),
        (changed(imap={"host": "imap.agency.example", "port": 143, "security": "ssl"}), "mailboxes[0].imap.security: "),
    ],
)
def test_a_fault_is_named(tmp_path: Path, content: object, told: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(SettingsError) as caught:
        read_accounts(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(SettingsError, match="cannot be read"):
            read_accounts(path)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is no JSON"):
        read_accounts(tmp_path / "binary.json")


def test_certificates_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    account = MailboxAccount.model_validate({**ONE, "ca_file": str(tmp_path / "ca.pem")})
    with pytest.raises(SettingsError, match="holds no certificates"):
        account.tls()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("jo@company.example", True),
        ("jo.o'neil+tag@mail.company.com.au", True),
        ("jö@company.example", False),
        ("jo@localhost", False),
        ("jo@@company.example", False),
        ('"jo jo"@company.example', False),
        ("jo@company.example,al@company.example", False),
        ("jo@company.example\r\nX: y", False),
        ("jo@company.example\n", False),
        ("j" * 65 + "@company.example", False),
        ("", False),
    ],
)
def test_a_plain_address(text: str, plain: bool) -> None:
    assert is_plain_address(text) == plain
