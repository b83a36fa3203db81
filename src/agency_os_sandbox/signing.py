"""How each provider makes its webhooks recognisable: Resend by Svix signatures, Cal.com by HMAC, Postmark by Basic.

Promise: the headers are made for each attempt, over the exact bytes sent; times in them are virtual.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from agency_os_sandbox.outbox import ONE_CLICK, Parcel


class SecretError(ValueError):
    """A secret cannot be used; the message says which form it needs."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the sandbox and the product share, one per provider."""

    resend_webhook_secret: str
    postmark_user: str
    postmark_password: str
    cal_com_secret: str

    def __post_init__(self) -> None:
        _svix_key(self.resend_webhook_secret)
        if not self.postmark_user or ":" in self.postmark_user or not self.postmark_password:
            raise SecretError("Postmark's webhook needs a user without a colon, and a password")
        if not self.cal_com_secret:
            raise SecretError("Cal.com's webhook secret is empty")


def headers_for(parcel: Parcel, body: bytes, at: datetime, secrets: Secrets) -> dict[str, str]:
    """The headers of one attempt at virtual time ``at``."""
    if parcel.provider == ONE_CLICK:
        return {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Mozilla/5.0 (one-click)"}
    if parcel.provider == "resend":
        own = _svix_headers(parcel.event_id, body, at, secrets.resend_webhook_secret)
        agent = "Svix-Webhooks/1.81.0"
    elif parcel.provider == "cal_com":
        signature = hmac.new(secrets.cal_com_secret.encode(), body, hashlib.sha256).hexdigest()
        own = {"X-Cal-Signature-256": signature, "x-cal-webhook-version": "2021-10-20"}
        agent = "Cal.com"
    else:
        pair = f"{secrets.postmark_user}:{secrets.postmark_password}".encode()
        own = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
        agent = "Postmark"
    return {"Content-Type": "application/json", "User-Agent": agent, **own}


def _svix_headers(message_id: str, body: bytes, at: datetime, secret: str) -> dict[str, str]:
    seconds = str(int(at.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.new(_svix_key(secret), signed, hashlib.sha256).digest()).decode()
    return {"svix-id": message_id, "svix-timestamp": seconds, "svix-signature": f"v1,{signature}"}


def _svix_key(secret: str) -> bytes:
    encoded = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not key:
        raise SecretError("Resend's webhook secret is whsec_ followed by base64")
    return key
