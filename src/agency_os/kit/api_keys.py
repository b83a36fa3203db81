"""Secrets of API keys: made at random, shown once, known by their digest ever after."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

PREFIX: Final = "aos_"
"""Tells a key from a token, and lets scanners for leaked secrets know it."""
_BYTES: Final = 32
_SHOWN: Final = 10


def new_secret() -> str:
    """A new secret with 256 bits of the system's randomness."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def shown_part(secret: str) -> str:
    """The first characters, by which people tell their keys apart."""
    return secret[:_SHOWN]


def digest_of(secret: str) -> bytes:
    """What is stored. A random secret of 256 bits needs no slow hash: there is nothing to guess."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
