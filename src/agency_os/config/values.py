"""Types of setting values: addresses, database addresses, keys and amounts, checked where they are read.

Anything that may hold a password is a ``SecretStr`` or ``SecretBytes`` and does not show in logs or errors.
"""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretBytes, SecretStr

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
MIN_KEY_BYTES = 32

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


def _checked_url(text: str, schemes: frozenset[str]) -> str:
    parts = urlsplit(text)
    _ = parts.port  # raises ValueError when it is not a number of 0-65535
    if parts.scheme not in schemes or not parts.hostname or any(character.isspace() for character in text):
        raise ValueError("not an address of the expected form")
    return text


def _http_url(text: str) -> str:
    return _checked_url(text, frozenset({"http", "https"})).rstrip("/")


def _public_url(text: str) -> str:
    url = _http_url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https unless it is on the loopback (RFC 8058 asks for https)")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must carry no login, query or fragment")
    return url


def _postgres_url(secret: SecretStr) -> SecretStr:
    url = _checked_url(secret.get_secret_value(), frozenset({"postgresql", "postgres"}))
    if not urlsplit(url).path.strip("/"):
        raise ValueError("names no database")
    return secret


def _redis_url(secret: SecretStr) -> SecretStr:
    _checked_url(secret.get_secret_value(), frozenset({"redis", "rediss", "valkey", "valkeys"}))
    return secret


def _clock(text: str) -> str:
    return text if text == "system" else _http_url(text)


def _domain(text: str) -> str:
    lowered = text.lower()
    if not _DOMAIN.fullmatch(lowered):
        raise ValueError("not a domain name")
    return lowered


def _webhook_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"whsec_\S+", secret.get_secret_value()):
        raise ValueError("not a Standard Webhooks secret")
    return secret


def _svix_secret(secret: SecretStr) -> SecretStr:
    encoded = secret.get_secret_value().removeprefix("whsec_").rstrip("=")
    if not base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True):
        raise ValueError("empty")
    return secret


def _path_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{20,200}", secret.get_secret_value()):
        raise ValueError("not fit for an address")
    return secret


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("no such file")
    return path


def _key(value: object) -> object:
    """Hexadecimal text becomes the bytes it spells; other text its UTF-8 bytes."""
    if not isinstance(value, str):
        return value
    return bytes.fromhex(value) if _HEX.fullmatch(value) else value.encode()


def _long_enough(key: SecretBytes) -> SecretBytes:
    if len(key.get_secret_value()) < MIN_KEY_BYTES:
        raise ValueError("too short")
    return key


HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""``http(s)://host[:port][/path]`` without a trailing slash."""

PublicUrl = Annotated[str, AfterValidator(_public_url)]
"""An :data:`HttpUrl` that is https, unless it is on the loopback."""

PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
"""``postgresql://user:password@host:port/database``."""

RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
"""``redis://[:password@]host:port[/n]``, ``rediss`` for TLS."""

ClockSetting = Annotated[str, AfterValidator(_clock)]
"""``system`` or the address of a clock."""

DomainName = Annotated[str, AfterValidator(_domain)]
"""A lower-case domain name of at least two labels."""

KeyBytes = Annotated[SecretBytes, BeforeValidator(_key), AfterValidator(_long_enough)]
"""A key of at least 32 bytes, given as hexadecimal digits or as text."""

WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]
"""A Standard Webhooks secret: ``whsec_`` and base64."""

SvixSecret = Annotated[SecretStr, AfterValidator(_webhook_secret), AfterValidator(_svix_secret)]
"""A :data:`WebhookSecret` whose rest is base64."""

PathSecret = Annotated[SecretStr, AfterValidator(_path_secret)]
"""A secret that stands in an address or a header: at least 20 letters, digits, ``-`` and ``_``."""

FolderFile = Annotated[Path, AfterValidator(_existing_file)]
"""The path of a file that is there."""

UnitCost = Annotated[Decimal, Field(ge=0, le=1000, allow_inf_nan=False)]
"""A$ for one unit of the provider."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["console", "json"]
