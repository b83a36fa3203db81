"""A touch is one message to one person: its kinds, its states, and which state may follow which (DESIGN section 4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID


class TouchKind(StrEnum):
    """Why a touch exists: a step of a sequence, an answer to a message, or something for a person to do."""

    SEQUENCE = "sequence"
    ANSWER = "answer"
    TASK = "task"


class TouchState(StrEnum):
    """Where a touch stands; the values are those of the database's ``touch_state``."""

    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    READY = "ready"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


OPEN_STATES: Final = frozenset({TouchState.PLANNED, TouchState.AWAITING_APPROVAL, TouchState.READY, TouchState.CLAIMED})
"""States from which a touch can still be taken back: nothing has left yet."""

FINAL_STATES: Final = frozenset(
    {TouchState.SENT, TouchState.FAILED, TouchState.UNKNOWN, TouchState.SKIPPED, TouchState.CANCELLED}
)

TRANSITIONS: Final[Mapping[TouchState, frozenset[TouchState]]] = MappingProxyType(
    {
        TouchState.PLANNED: frozenset(
            {TouchState.AWAITING_APPROVAL, TouchState.READY, TouchState.SKIPPED, TouchState.CANCELLED}
        ),
        TouchState.AWAITING_APPROVAL: frozenset(
            {TouchState.PLANNED, TouchState.READY, TouchState.SKIPPED, TouchState.CANCELLED}
        ),
        TouchState.READY: frozenset(
            {
                TouchState.PLANNED,
                TouchState.AWAITING_APPROVAL,
                TouchState.CLAIMED,
                TouchState.SKIPPED,
                TouchState.CANCELLED,
            }
        ),
        TouchState.CLAIMED: frozenset({TouchState.READY, TouchState.SENDING, TouchState.CANCELLED}),
        TouchState.SENDING: frozenset(
            {TouchState.SENT, TouchState.READY, TouchState.FAILED, TouchState.UNKNOWN, TouchState.CANCELLED}
        ),
        TouchState.SENT: frozenset(),
        TouchState.FAILED: frozenset(),
        # a later look-up or provider event may still settle it
        TouchState.UNKNOWN: frozenset({TouchState.SENT}),
        TouchState.SKIPPED: frozenset(),
        TouchState.CANCELLED: frozenset(),
    }
)

MAX_ATTEMPTS: Final = 5
"""The fifth definite refusal fails the touch."""

KEY_MARGIN: Final = timedelta(hours=1)
"""A key is not used again in the last hour of the provider's window (invariant 4)."""


def idempotency_key(touch_id: UUID, attempt: int) -> str:
    """The provider key of one attempt; the attempt rises only on a definite refusal, so the key names one sending."""
    return f"touch-{touch_id}-{attempt}"


def batch_key(batch_id: UUID) -> str:
    """The provider key of a batch call, whose membership and bytes are frozen."""
    return f"batch-{batch_id}"


def payload_hash(payload: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON of a frozen message: what an approval pins."""
    text = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
