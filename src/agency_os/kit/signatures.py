"""Checks of webhook signatures and credentials, over the raw bytes and in constant time; SignatureError says no.

Standard Webhooks (and Svix, which names its headers differently), Stripe's timed HMAC, plain hex HMAC-SHA256, and HTTP
Basic. The time that rules the tolerance is given, because it is the business clock's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from agency_os.exceptions import SignatureError

TOLERANCE = timedelta(seconds=300)
"""On either side (Standard Webhooks specification, "Verifying webhook authenticity")."""

Prefix = Literal["webhook", "svix"]


def verify_standard_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secret: str,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
    prefix: Prefix = "webhook",
) -> str:
    """The message id of a webhook signed after Standard Webhooks; it stays the same over repeats.

    ``headers`` by name in any case; the tolerance holds on both sides of ``now``. Raises SignatureError.
    """
    found = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, stamp, signatures = (found[f"{prefix}-{part}"] for part in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise SignatureError(f"the header {missing.args[0]} is missing") from None
    _refuse_stale(stamp, now, tolerance)
    expected = _standard_signature(body, message_id, stamp, secret)
    offered = [entry.partition(",") for entry in signatures.split()]
    # Unknown versions are skipped; one matching v1 is enough, since several stand there while a secret is rolled.
    matches = [_equal(value, expected) for version, _, value in offered if version == "v1"]
    if not message_id or not any(matches):
        raise SignatureError("the webhook's signature does not match its body")
    return message_id


def sign_standard_webhook(
    body: bytes, *, message_id: str, at: datetime, secret: str, prefix: Prefix = "webhook"
) -> dict[str, str]:
    """The three headers that sign ``body`` at ``at``. Raises SignatureError when the secret is not base64."""
    stamp = str(int(at.timestamp()))
    return {
        f"{prefix}-id": message_id,
        f"{prefix}-timestamp": stamp,
        f"{prefix}-signature": f"v1,{_standard_signature(body, message_id, stamp, secret)}",
    }


def verify_hex_hmac(body: bytes, signature: str | None, secret: str) -> None:
    """Raise SignatureError unless ``signature`` is the hex HMAC-SHA256 of ``body`` under the secret's UTF-8 bytes."""
    if not secret:
        raise SignatureError("no secret is configured for this webhook")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if signature is None or not _equal(signature.strip().lower(), expected):
        raise SignatureError("the webhook's signature does not match its body")


def verify_timed_hmac(
    body: bytes, header: str | None, secret: str, now: datetime, *, tolerance: timedelta, version: str = "v1"
) -> None:
    """Raise SignatureError unless ``header`` (``t=SECONDS,v1=HEX``) signs time and ``body`` under the whole secret.

    Stripe's way, which Calendly and, as ``v0``, ElevenLabs took over. Several signatures may stand there while a secret
    is rolled; those of another ``version`` are none. Like Stripe's own libraries it refuses what is older than
    ``tolerance`` and not what comes from the future.
    """
    if not secret:
        raise SignatureError("no secret is configured for this webhook")
    parts = [tuple(map(str.strip, each.partition("=")[::2])) for each in (header or "").split(",")]
    stamp = next((value for name, value in parts if name == "t"), "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise SignatureError("the webhook's signature names no time")
    expected = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    matches = [_equal(value, expected) for name, value in parts if name == version]
    if not any(matches):
        raise SignatureError("the webhook's signature does not match its body")
    if int(now.timestamp()) - int(stamp) > tolerance.total_seconds():
        raise SignatureError("the webhook's timestamp is too far from now")


def verify_basic(header: str | None, user: str, password: str) -> None:
    """Raise SignatureError unless the Authorization header holds these HTTP Basic credentials (RFC 7617)."""
    if not user or not password:
        raise SignatureError("no credentials are configured for this webhook")
    scheme, _, encoded = (header or "").strip().partition(" ")
    try:
        offered = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        offered = b""
    expected = f"{user}:{password}".encode()
    if scheme.lower() != "basic" or not hmac.compare_digest(offered, expected):
        raise SignatureError("the webhook's credentials are wrong or missing")


def _refuse_stale(stamp: str, now: datetime, tolerance: timedelta) -> None:
    try:
        seconds = int(stamp)
    except ValueError:
        raise SignatureError("the webhook's timestamp is no number of seconds") from None
    if abs(int(now.timestamp()) - seconds) > tolerance.total_seconds():
        raise SignatureError("the webhook's timestamp is too far from now")


def _standard_signature(body: bytes, message_id: str, stamp: str, secret: str) -> str:
    signed = f"{message_id}.{stamp}.".encode("utf-8", "surrogatepass") + body
    return base64.b64encode(hmac.new(_standard_key(secret), signed, hashlib.sha256).digest()).decode()


def _standard_key(secret: str) -> bytes:
    encoded = secret.removeprefix("whsec_")
    try:
        # Padding may be missing from secrets as they are shown.
        key = base64.b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("the webhook's secret is not base64 after whsec_; check the setting") from None
    if not key:
        raise SignatureError("no secret is configured for this webhook")
    return key


def _equal(offered: str, expected: str) -> bool:
    return hmac.compare_digest(offered.encode("utf-8", "surrogatepass"), expected.encode())
