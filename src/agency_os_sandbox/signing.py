"""How providers make their webhooks recognisable: the secrets shared with the product, and the common ways of signing.

Promise: the headers are made for each attempt, over the exact bytes sent; times in them are virtual.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime


class SecretError(ValueError):
    """A secret cannot be used; the message says which form it needs."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the sandbox and the product share, by provider. Each comes from ``SANDBOX_`` and its name in capitals."""

    resend_webhook_secret: str
    postmark_user: str
    postmark_password: str
    cal_com_secret: str
    twilio_auth_token: str
    heyreach_secret: str
    vapi_secret: str
    deepgram_secret: str
    lob_secret: str
    stripe_secret: str
    apify_secret: str
    clay_secret: str

    def __post_init__(self) -> None:
        svix_key(self.resend_webhook_secret)
        if not self.postmark_user or ":" in self.postmark_user or not self.postmark_password:
            raise SecretError("Postmark's webhook needs a user without a colon, and a password")
        for each in fields(self):
            if not getattr(self, each.name):
                raise SecretError(f"the secret {environment_name(each.name)} is empty")

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Secrets:
        """From a process environment. Raises SecretError, which names what is missing."""
        given = {each.name: environment.get(environment_name(each.name), "") for each in fields(cls)}
        missing = [environment_name(name) for name, value in given.items() if not value]
        if missing:
            raise SecretError(
                f"{missing[0]} is not set: give the secret that the product's settings hold for this webhook"
            )
        return cls(**given)

    def environment(self) -> dict[str, str]:
        """The environment that ``read`` takes them from."""
        return {environment_name(each.name): getattr(self, each.name) for each in fields(self)}


def environment_name(secret: str) -> str:
    """The name of a secret's environment variable."""
    return f"SANDBOX_{secret.upper()}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One webhook as it is about to leave: the whole ``url``, the event's id, the bytes, the virtual time."""

    url: str
    event_id: str
    body: bytes
    at: datetime


Signer = Callable[[Attempt, Secrets], dict[str, str]]
"""Makes one attempt's own headers, content type and user agent among them."""


def sign_resend(attempt: Attempt, secrets: Secrets) -> dict[str, str]:
    """Resend delivers by Svix."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Svix-Webhooks/1.81.0",
        **_svix_headers(attempt.event_id, attempt.body, attempt.at, secrets.resend_webhook_secret),
    }


def sign_cal_com(attempt: Attempt, secrets: Secrets) -> dict[str, str]:
    """Cal.com signs the body alone."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Cal.com",
        "X-Cal-Signature-256": hex_hmac(secrets.cal_com_secret, attempt.body),
        "x-cal-webhook-version": "2021-10-20",
    }


def sign_postmark(_: Attempt, secrets: Secrets) -> dict[str, str]:
    """Postmark signs nothing; its address carries credentials."""
    pair = f"{secrets.postmark_user}:{secrets.postmark_password}".encode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Postmark",
        "Authorization": "Basic " + base64.b64encode(pair).decode(),
    }


def sign_nothing(_: Attempt, secrets: Secrets) -> dict[str, str]:  # noqa: ARG001 - see Signer
    """For providers whose address carries a secret."""
    return {"Content-Type": "application/json"}


def one_click(_: Attempt, secrets: Secrets) -> dict[str, str]:  # noqa: ARG001 - see Signer
    """A mail program that presses RFC 8058's button."""
    return {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Mozilla/5.0 (one-click)"}


def hex_hmac(secret: str, text: bytes) -> str:
    """Hexadecimal HMAC-SHA256 under the secret's UTF-8 bytes."""
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def _svix_headers(message_id: str, body: bytes, at: datetime, secret: str) -> dict[str, str]:
    seconds = str(int(at.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.new(svix_key(secret), signed, hashlib.sha256).digest()).decode()
    return {"svix-id": message_id, "svix-timestamp": seconds, "svix-signature": f"v1,{signature}"}


def svix_key(secret: str) -> bytes:
    """The key in a ``whsec_`` secret. Raises SecretError."""
    encoded = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not key:
        raise SecretError("Resend's webhook secret is whsec_ followed by base64")
    return key
