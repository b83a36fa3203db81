"""Scoring a million leads: the columnar path beside a bare NumPy pass, and beside the rules lead by lead.

The NumPy pass gets the points of every distinct title, industry and place ready-made; ours judges them in its time.
What the process remembers of titles it keeps, as a worker does. The results of both sides are compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from agency_os.domain.columnar import ColumnScores, LeadColumns, score_columns
from agency_os.domain.scoring import score_lead
from agency_os.domain.weights import DEFAULT_WEIGHTS
from benchmarks.harness import Limit, Pair, Reading
from benchmarks.lead_columns import PROFILE, TODAY, facts_at, make_columns
from benchmarks.numpy_pass import NumpyPass
from tests.support.servers import Servers

LEADS = 1_000_000
ONE_BY_ONE = 20_000
"""Leads that a round scores one by one; a round takes other ones than the round before."""


@asynccontextmanager
async def scoring(_: Servers, scale: float) -> AsyncIterator[Sequence[Pair]]:
    """Needs no server."""
    desk = _Desk(make_columns(max(int(LEADS * scale), 10)), max(int(ONE_BY_ONE * scale), 5))
    yield [
        Pair("scoring", "NumPy pass", "batch", desk.columnar, desk.numpy_pass, Limit(Reading.SPEED, 0.5)),
        Pair("scoring", "lead by lead", "lead", desk.columnar_by_lead, desk.one_by_one, Limit(Reading.SPEED, 10)),
    ]


@dataclass
class _Desk:
    leads: LeadColumns
    sample: int
    scores: ColumnScores | None = None
    seen: int = 0
    bare: NumpyPass = field(init=False)

    def __post_init__(self) -> None:
        self.bare = NumpyPass.of(self.leads)

    async def columnar(self) -> float:
        begun = perf_counter()
        self.scores = score_columns(self.leads, PROFILE, DEFAULT_WEIGHTS, TODAY)
        return perf_counter() - begun

    async def numpy_pass(self) -> float:
        begun = perf_counter()
        totals, tier_codes = self.bare.score()
        seconds = perf_counter() - begun
        ours = self.scores
        if ours is not None and not (
            np.array_equal(totals, ours.totals) and np.array_equal(tier_codes, ours.tier_codes)
        ):
            raise AssertionError("the NumPy pass and the columnar path differ")
        return seconds

    async def columnar_by_lead(self) -> float:
        return await self.columnar() / self.leads.size

    async def one_by_one(self) -> float:
        """Scores a part of the leads one by one, and compares every part of each score with the columnar one."""
        rows = [(self.seen + n) % self.leads.size for n in range(self.sample)]
        self.seen += self.sample
        facts = [facts_at(self.leads, row) for row in rows]
        begun = perf_counter()
        scores = [score_lead(each, PROFILE, DEFAULT_WEIGHTS, TODAY) for each in facts]
        seconds = perf_counter() - begun
        for row, each, score in zip(rows, facts, scores, strict=True):
            if self.scores is not None and self.scores.of(row, each) != score:
                raise AssertionError(f"lead {row} scores otherwise by columns than alone")
        return seconds / self.sample
