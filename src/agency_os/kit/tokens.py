"""Signed tokens that name a touch to the outside world, and keyed hashes that recognise a person without an address.

A token is lower-case base32 of the touch's 16 bytes and an 8-byte MAC: 39 characters, so that the local part of a
Reply-To stays legal (RFC 5321, 4.5.3.1.1) and survives gateways that change its case.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from uuid import UUID

from agency_os.kit.addresses import normalise_email

TOKEN_LENGTH = 39
_ID_BYTES = 16
_MAC_BYTES = 8


class TouchTokens:
    """Makes and reads tokens under one secret. A token of one purpose is worth nothing for another."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the token secret needs at least 32 bytes")
        self._secret = secret

    def make(self, touch_id: UUID, purpose: str) -> str:
        """The token of ``touch_id`` for ``purpose`` ("reply", "unsubscribe")."""
        return _encode(touch_id.bytes + self._mac(touch_id.bytes, purpose))

    def read(self, token: str, purpose: str) -> UUID | None:
        """The touch that the token names, in either case of letters; None if it is not ours or of another purpose."""
        text = token.strip().lower()
        if len(text) != TOKEN_LENGTH or not text.isascii():
            return None
        try:
            raw = base64.b32decode(text.upper() + "=")
        except binascii.Error:
            return None
        touch, mac = raw[:_ID_BYTES], raw[_ID_BYTES:]
        is_ours = hmac.compare_digest(mac, self._mac(touch, purpose))
        # The last letter holds 3 spare bits: only the one canonical spelling counts.
        return UUID(bytes=touch) if is_ours and _encode(raw) == text else None

    def _mac(self, touch: bytes, purpose: str) -> bytes:
        message = b"touch-token:" + purpose.encode() + b":" + touch
        return hmac.new(self._secret, message, hashlib.sha256).digest()[:_MAC_BYTES]


_IS_NORMAL = re.compile(r"[a-z0-9._+-]+@[a-z0-9.-]+").fullmatch
"""Of such text the normal form is the text itself, whether or not it is an address that can get mail."""


class PersonHash:
    """Recognises an address of a person by HMAC-SHA256, so that a suppression outlives the erasure of the address."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("the suppression key needs at least 32 bytes")
        self._key = key

    def of(self, channel: str, address: str) -> bytes:
        """The 32-byte hash of ``channel:address``.

        An email address is brought to its normal form here; give phone numbers as E.164, profile addresses normalised.
        """
        if _IS_NORMAL(address) and "xn--" not in address:  # as addresses are stored: thousands at a time
            normal = address
        else:
            normal = (normalise_email(address) if channel == "email" else None) or address.strip().casefold()
        return hmac.digest(self._key, f"{channel}:{normal}".encode("utf-8", "surrogatepass"), "sha256")

    def check_value(self) -> str:
        """16 hex digits that tell one key from another and nothing else; a start under another key is refused."""
        return hmac.new(self._key, b"suppression-key-check", hashlib.sha256).hexdigest()[:16]


def _encode(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
