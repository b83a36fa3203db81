"""The clients' own mailboxes: their addresses, servers and passwords, from the JSON file that MAILBOXES_FILE names.

Promise: a password shows in no repr, log or error. TLS is required and certificates are checked, but on the loopback.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from agency_os.config.values import LOOPBACK_HOSTS
from agency_os.exceptions import SettingsError

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")


def is_plain_address(text: str) -> bool:
    """Whether it is one address of ASCII letters without quoting: what every mail server takes (RFC 5321)."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def _address(text: str) -> str:
    if not is_plain_address(text):
        raise ValueError("not an email address")
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("not the name of a host")
    return text


def _one_line(text: str) -> str:
    if not text or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("must not be empty nor hold control characters")
    return text


def _one_line_secret(secret: SecretStr) -> SecretStr:
    _one_line(secret.get_secret_value())
    return secret


def _folder(text: str) -> str:
    if not _one_line(text).isascii():
        raise ValueError("a folder's name is given as the server spells it, in ASCII (RFC 3501, 5.1.3)")
    return text


class MailServer(BaseModel):
    """One server. ``security``: ``tls`` from the first byte, ``starttls``, or ``none``, which only the loopback may."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Annotated[str, AfterValidator(_host)]
    port: Annotated[int, Field(ge=1, le=65535)]
    security: Literal["tls", "starttls", "none"] = "tls"

    @model_validator(mode="after")
    def _is_secure(self) -> Self:
        if self.security == "none" and self.host not in LOOPBACK_HOSTS:
            raise ValueError("security 'none' is for the loopback alone: a password would travel in the open")
        return self


class MailboxAccount(BaseModel):
    """One mailbox.

    ``user`` logs in at both servers, the address by default. ``server_files_sent`` says that the SMTP server itself
    puts a copy of what it accepts into the Sent folder; else we do. ``sent_folder`` is found by its role where it is
    not given. ``ca_file`` holds certificates to trust instead of the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    address: Annotated[str, AfterValidator(_address)]
    smtp: MailServer
    imap: MailServer
    password: Annotated[SecretStr, AfterValidator(_one_line_secret)]
    user: Annotated[str, AfterValidator(_one_line)] | None = None
    server_files_sent: bool = False
    inbox: Annotated[str, AfterValidator(_folder)] = "INBOX"
    sent_folder: Annotated[str, AfterValidator(_folder)] | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _has_certificates(self) -> Self:
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError("ca_file is not there")
        return self

    @property
    def login(self) -> str:
        """The name to log in with."""
        return self.user or self.address

    @property
    def domain(self) -> str:
        """The sending domain, in lower case."""
        return self.address.rpartition("@")[2].lower()

    def tls(self) -> ssl.SSLContext:
        """A new context that checks certificates and names. Raises SettingsError for a ``ca_file`` it cannot read."""
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError):
            raise SettingsError(
                f"the ca_file of mailbox {self.address} holds no certificates: {self.ca_file}"
            ) from None

    def without_password(self, words: str) -> str:
        """A server's ``words``, should it have repeated the password."""
        return words.replace(self.password.get_secret_value(), "[password]")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    mailboxes: list[MailboxAccount]


def read_accounts(path: Path) -> Mapping[str, MailboxAccount]:
    """The mailboxes of the file, by address in lower case. Raises SettingsError that names the place and the fault."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # no JSON, or no UTF-8: neither message quotes the file
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _wrong(path, f"is no JSON{where}") from None
    try:
        accounts = _File.model_validate(content).mailboxes
    except ValidationError as error:
        faults = [f"{_place(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise _wrong(path, "; ".join(faults)) from None
    found: dict[str, MailboxAccount] = {}
    for account in accounts:
        if account.address.lower() in found:
            raise _wrong(path, f"names {account.address} twice")
        found[account.address.lower()] = account
    return found


def _wrong(path: Path, what: str) -> SettingsError:
    return SettingsError(f"MAILBOXES_FILE {path} {what} (docs/providers/mailbox.md shows its form)")


def _place(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "the file"
