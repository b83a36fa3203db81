"""Every benchmark still runs, at a size at which its figures mean nothing; limits are for ``python -m benchmarks``.

Each checks its own results as it goes: equal scores, every message sent, every event a row.
"""

from __future__ import annotations

import pytest

from benchmarks.__main__ import main
from benchmarks.harness import Limit, Pair, Reading, Result, run
from benchmarks.registry import BENCHMARKS
from tests.support.servers import Servers


@pytest.mark.parametrize("name", BENCHMARKS)
async def test_a_benchmark_runs_and_both_sides_do_the_work(name: str, servers: Servers) -> None:
    results = [each async for each in run(BENCHMARKS[name], servers, rounds=1, scale=0.002)]
    assert results
    assert all(len(each.ratios) == 1 and each.ratio > 0 for each in results)


async def _never() -> float:
    return 1.0


def result(reading: Reading, limit: float, *, ours: tuple[float, ...], peer: tuple[float, ...]) -> Result:
    return Result(Pair("it", "a peer", "lead", _never, _never, Limit(reading, limit)), ours, peer)


def test_speed_is_the_peers_seconds_in_ours_and_the_median_counts() -> None:
    found = result(Reading.SPEED, 0.5, ours=(2.0, 2.0, 4.0), peer=(1.0, 4.0, 2.0))
    assert (found.ratio, found.holds) == (0.5, True)
    assert not result(Reading.SPEED, 0.5, ours=(2.1,), peer=(1.0,)).holds


def test_cost_is_our_seconds_in_the_peers() -> None:
    assert result(Reading.COST, 1.3, ours=(1.2,), peer=(1.0,)).holds
    assert not result(Reading.COST, 1.3, ours=(1.4,), peer=(1.0,)).holds


def test_an_unknown_name_is_said_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scorring"]) == 2
    assert "no scorring; there are scoring, sending" in capsys.readouterr().err
