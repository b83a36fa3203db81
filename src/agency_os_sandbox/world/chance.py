"""Seeded chance: every draw is a hash of what it is about, so the order of arrival never matters."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

Item = TypeVar("Item")

_SCALE = float(1 << 64)


def digest(*parts: object) -> bytes:
    """A 16-byte hash of the parts; parts are told apart by a separator that no text here contains."""
    return blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=16).digest()


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(digest(*parts)[:8], "big") / _SCALE


def pick(options: Sequence[Item], *parts: object) -> Item:
    """One of the options, each equally likely."""
    return options[int(unit(*parts) * len(options))]


def weighted(options: Sequence[tuple[Item, float]], *parts: object) -> Item:
    """One of the options by weight; weights need not sum to 1."""
    point = unit(*parts) * sum(weight for _, weight in options)
    for option, weight in options:
        point -= weight
        if point < 0:
            return option
    return options[-1][0]


def token(*parts: object) -> str:
    """32 hex digits that depend on the parts alone."""
    return digest(*parts).hex()
