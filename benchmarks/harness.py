"""How a benchmark is run and told: ours and a peer by turns in one process run, ratios of each round, their median.

A machine's load moves both sides of a round alike, so ratios are what is reported and what limits stand on; seconds
are never compared between runs. Each side measures itself, so that what it prepares is not counted.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from statistics import median
from typing import Any

from tests.support.servers import Servers

Measure = Callable[[], Awaitable[float]]
"""Prepares, does the work, and returns the wall seconds of the work, per unit of it."""


class Reading(Enum):
    """How a ratio is read."""

    SPEED = "at least"
    """Our speed as a part of the peer's: the peer's seconds ÷ ours."""
    COST = "at most"
    """Our seconds as a multiple of the peer's: ours ÷ the peer's."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What the median ratio may be at worst."""

    reading: Reading
    ratio: float

    def holds(self, ratio: float) -> bool:
        """Whether ``ratio`` is within the limit."""
        return ratio >= self.ratio if self.reading is Reading.SPEED else ratio <= self.ratio

    def __str__(self) -> str:
        return f"{'≥' if self.reading is Reading.SPEED else '≤'} {self.ratio:g}×"


@dataclass(frozen=True, slots=True)
class Pair:
    """Something of ours beside a peer; ``unit`` is what the seconds are of."""

    name: str
    peer_name: str
    unit: str
    ours: Measure
    peer: Measure
    limit: Limit


Benchmark = Callable[[Servers, float], AbstractAsyncContextManager[Sequence[Pair]]]
"""Sets up on the servers, at a size that ``scale`` (1.0 is the whole) sets, and gives its pairs."""


@dataclass(frozen=True, slots=True)
class Result:
    """A pair's rounds: seconds per unit of both sides, in order."""

    pair: Pair
    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """One ratio per round, read as the limit is."""
        both = zip(self.ours, self.peer, strict=True)
        if self.pair.limit.reading is Reading.SPEED:
            return tuple(peer / ours for ours, peer in both)
        return tuple(ours / peer for ours, peer in both)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def holds(self) -> bool:
        """Whether the median is within the limit."""
        return self.pair.limit.holds(self.ratio)

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "name": self.pair.name,
            "peer": self.pair.peer_name,
            "unit": self.pair.unit,
            "limit": str(self.pair.limit),
            "ratio": self.ratio,
            "ratios": self.ratios,
            "holds": self.holds,
            "seconds_ours": self.ours,
            "seconds_peer": self.peer,
        }


async def run(benchmark: Benchmark, servers: Servers, *, rounds: int, scale: float) -> AsyncIterator[Result]:
    """Run a benchmark's pairs one after the other, each in ``rounds`` rounds whose first side changes."""
    async with benchmark(servers, scale) as pairs:
        for pair in pairs:
            ours: list[float] = []
            peer: list[float] = []
            for number in range(rounds):
                sides = [(pair.ours, ours), (pair.peer, peer)]
                for measure, seconds in sides if number % 2 == 0 else reversed(sides):
                    gc.collect()
                    seconds.append(await measure())
            yield Result(pair, tuple(ours), tuple(peer))


def row_of(result: Result) -> tuple[str, ...]:
    """The cells of a result in the table: name, peer, ratio, spread, limit, and whether it holds."""
    low, high = min(result.ratios), max(result.ratios)
    return (
        result.pair.name,
        result.pair.peer_name,
        f"{result.ratio:.2f}×",
        f"{low:.2f}–{high:.2f}",
        str(result.pair.limit),
        "holds" if result.holds else "MISSED",
    )
