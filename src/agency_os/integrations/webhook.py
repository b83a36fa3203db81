"""What every provider's webhooks have in common: how they are recognised, and what is named before they are stored.

A provider's integration gives one `WebhookSource`. ``admit`` looks at what stands outside the body, so that a stranger
does not make us read it; ``verify`` at the signature over the raw bytes; ``name_event`` at no more than storing needs.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from agency_os.exceptions import SignatureError

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Webhook:
    """One request as it came. ``headers`` are found by name in any case; ``url`` is the one that the provider called,
    query and all, since some sign it."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventName:
    """What an event is known by: ``event_id`` is unique per provider and the same over repeats, ``kind`` the
    provider's word for it, ``occurred_at`` aware UTC if it says so."""

    event_id: str
    kind: str
    occurred_at: datetime | None


def _admit_all(headers: Mapping[str, str], path_secret: str) -> None:
    """For providers that sign."""


def _verify_nothing(webhook: Webhook, now: datetime) -> None:
    """For providers that do not sign."""


@dataclass(frozen=True, slots=True)
class WebhookSource:
    """One provider's webhooks. ``admit`` and ``verify`` raise SignatureError, ``name_event`` InvalidInputError for a
    body that is no event. ``now`` is business time; ``limit`` bounds the body in bytes."""

    name: str
    name_event: Callable[[Webhook, datetime], EventName]
    admit: Callable[[Mapping[str, str], str], None] = _admit_all
    verify: Callable[[Webhook, datetime], None] = _verify_nothing
    limit: int = MEGABYTE


def must_carry(headers: Mapping[str, str], name: str) -> None:
    """Raise SignatureError unless the header is there: a stranger's body is not even read."""
    if not any(given.lower() == name for given in headers):
        raise SignatureError(f"the header {name} is missing")


def same_secret(offered: str | None, expected: str) -> None:
    """Raise SignatureError unless the secret in an address or a header is ours; compared in constant time."""
    if not expected:
        raise SignatureError("no secret is configured for this webhook")
    if not hmac.compare_digest((offered or "").encode("utf-8", "surrogatepass"), expected.encode()):
        raise SignatureError("the webhook's secret is wrong or missing")
