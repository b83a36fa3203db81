"""The shape of an engine that calls out: prepare(db) → deliver(frozen, no db) → record(db); the edge commits between.

An engine takes the caller's session, flushes at most, and never begins or commits a transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from agency_os.db import AsyncSession
from agency_os.domain.channels import Channel
from agency_os.exceptions import ProviderError
from agency_os.repositories.touch import ClaimedTouch
from agency_os.repositories.touch_delivery import Sending


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took every message: its ids, in the order of the sending."""

    provider_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite refusal. ``heals``: it may go later; ``retry_after`` seconds if the provider said; ``split``: one bad
    message may have spoiled a batch, so its messages go on singly."""

    reason: str
    heals: bool
    retry_after: float | None = None
    split: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """No answer, or none that can be read: settled later under the same key."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unfound:
    """Looked up and not found: nobody can say whether it was accepted."""

    reason: str


Delivery = Accepted | Refused | Open | Unfound


class ChannelEngine(ABC):
    """One channel's claim, sending, recording and settling."""

    channel: ClassVar[Channel]

    @abstractmethod
    async def claim(self, db: AsyncSession, *, client_id: UUID, now: datetime) -> list[ClaimedTouch]:
        """Claim due touches, never more than the provider accepts in 20 seconds."""

    @abstractmethod
    def chunks(self, claimed: Sequence[ClaimedTouch]) -> list[Sequence[ClaimedTouch]]:
        """Cut a claim into provider calls."""

    @abstractmethod
    async def start_sending(self, db: AsyncSession, chunk: Sequence[ClaimedTouch], *, now: datetime) -> Sending | None:
        """Mark a chunk as sending; None when it is not ours any more."""

    @abstractmethod
    async def deliver(self, sending: Sending) -> Delivery:
        """Call the provider. No transaction may be open."""

    @abstractmethod
    async def record(self, db: AsyncSession, sending: Sending, delivery: Delivery, *, now: datetime) -> list[Sending]:
        """Record what became of it. Returns single sendings to deliver next where a batch was split."""

    @abstractmethod
    async def take_over(self, db: AsyncSession) -> list[Sending]:
        """Sendings whose lease is over, to be settled by `settle`."""

    @abstractmethod
    async def may_repeat(self, db: AsyncSession, sending: Sending, *, now: datetime) -> bool:
        """Whether the same bytes may go again under the same key: inside its window, and nothing stopped since."""

    @abstractmethod
    async def repeat(self, sending: Sending) -> Delivery:
        """Call the provider again, the same bytes under the same key, where nobody knows what became of the first call.

        A refusal now says nothing of the first call: it is never taken for one that nothing was accepted under.
        """

    @abstractmethod
    async def look_up(self, sending: Sending) -> Delivery:
        """Ask the provider what became of a sending, without sending anything."""


def plain(error: ProviderError) -> str:
    """A provider's error as one line for people."""
    return f"{error.provider} {error.operation}: {error}"
