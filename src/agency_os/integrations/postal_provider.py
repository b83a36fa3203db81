"""What every way of sending paper has in common: addresses, postcards, letters, events, and ``PostalProvider``.

The direct-mail engine asks the provider whether it covers an address before it plans a step (design decision 8): where
none does, the step is skipped with that reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class PieceKind(StrEnum):
    """What is printed."""

    POSTCARD = "postcard"
    LETTER = "letter"


class MailUse(StrEnum):
    """What a piece is for; marketing pieces may travel more slowly."""

    MARKETING = "marketing"
    OPERATIONAL = "operational"


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Where paper goes, or comes from. ``country`` is ISO 3166-1 alpha-2; ``name`` or ``company`` is needed."""

    line1: str
    city: str
    state: str
    postal_code: str
    name: str | None = None
    company: str | None = None
    line2: str | None = None
    country: str = "US"


@dataclass(frozen=True, slots=True)
class Postcard:
    """One postcard. ``front`` and ``back`` are HTML, a template's id or the https address of a PDF or image.

    ``metadata`` comes back with every event. ``send_at`` (aware) puts printing off, and until then it can be cancelled.
    """

    to: PostalAddress
    front: str
    back: str
    use: MailUse
    sender: PostalAddress | None = None
    size: str = "4x6"
    merge_variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter; ``content`` is HTML, a template's id or the https address of a PDF. Else as `Postcard`."""

    to: PostalAddress
    sender: PostalAddress
    content: str
    use: MailUse
    is_colour: bool = False
    is_double_sided: bool = True
    merge_variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PostalScan:
    """One scan of a piece on its way, as the post reported it; ``name`` is the provider's word."""

    name: str
    at: datetime | None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class MailPiece:
    """A piece as the provider knows it. ``units`` are the pieces that this answer charges: 1 on creation, else 0.

    ``send_at`` (UTC) is when it goes to print: until then it can be cancelled, and is not charged then.
    """

    id: str
    kind: PieceKind
    units: Decimal
    is_cancelled: bool = False
    status: str | None = None
    created_at: datetime | None = None
    send_at: datetime | None = None
    expected_on: date | None = None
    scans: tuple[PostalScan, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddressVerdict:
    """What the post knows of an address. ``deliverability`` is the provider's word, None when it did not verify.

    ``units`` are pieces, so 0: the plan pays for verifications.
    """

    deliverability: str | None
    is_deliverable: bool
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    units: Decimal = Decimal(0)


class PostalEventKind(StrEnum):
    """What became of a piece; OTHER is an event that we keep and do nothing about."""

    CREATED = "created"
    RENDERED = "rendered"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    MAILED = "mailed"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    REROUTED = "rerouted"
    RETURNED = "returned"
    VIEWED = "viewed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PostalEvent:
    """One event of a piece. ``event_id`` is the same over repeats; ``detail`` is the provider's word for the event."""

    event_id: str
    kind: PostalEventKind
    piece_id: str | None
    occurred_at: datetime | None
    detail: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class PostalProvider(Protocol):
    """Prints and posts. Each call raises ProviderError with its outcome, InvalidInputError before anything left."""

    name: str
    key_window: timedelta
    """How long a key holds: within it the same call under the same key sends nothing twice."""

    def covers(self, country: str) -> bool:
        """Whether it serves addresses in this country (ISO 3166-1 alpha-2)."""
        ...

    async def create_postcard(self, postcard: Postcard, *, key: str) -> MailPiece:
        """Print and post one postcard under ``key``."""
        ...

    async def create_letter(self, letter: Letter, *, key: str) -> MailPiece:
        """Print and post one letter under ``key``."""
        ...

    async def read_piece(self, piece_id: str) -> MailPiece:
        """The piece as it stands now."""
        ...

    async def cancel_piece(self, piece_id: str) -> None:
        """Take a piece back before it goes to print; ProviderRefusedError when it is too late."""
        ...

    async def verify_address(self, address: PostalAddress) -> AddressVerdict:
        """Whether the post delivers to this address."""
        ...
