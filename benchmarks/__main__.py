"""``python -m benchmarks [NAME ...]``: runs benchmarks on servers of its own and prints their ratios.

Exit status 1 when a limit is missed, 2 for a name that does not exist. The servers run without waiting for the disk,
so that its waits do not hide our own cost behind a peer's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Benchmark, Result, row_of, run
from benchmarks.registry import BENCHMARKS
from tests.support.servers import VERSIONS, Servers, TestServers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments name; the exit status."""
    given = _parser().parse_args(arguments)
    unknown = sorted(set(given.names) - set(BENCHMARKS))
    if unknown:
        sys.stderr.write(f"benchmarks: no {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}\n")
        return 2
    chosen = {name: BENCHMARKS[name] for name in BENCHMARKS if name in given.names or not given.names}
    running = TestServers(given.pg_version)
    try:
        servers = running.start()
        if servers.fault is not None:
            sys.stderr.write(f"benchmarks: {servers.fault}\n")
            return 1
        results = asyncio.run(_run(chosen, servers, given.rounds, given.scale))
    finally:
        running.stop()
    _show(results)
    if given.json is not None:
        given.json.write_text(json.dumps([each.to_json() for each in results], indent=2) + "\n", "utf-8")
    return 0 if all(each.holds for each in results) else 1


async def _run(chosen: Mapping[str, Benchmark], servers: Servers, rounds: int, scale: float) -> list[Result]:
    results = []
    for name, benchmark in chosen.items():
        sys.stderr.write(f"{name} …\n")
        async for result in run(benchmark, servers, rounds=rounds, scale=scale):
            sys.stderr.write(f"  {'  '.join(row_of(result))}\n")
            results.append(result)
    return results


def _show(results: Sequence[Result]) -> None:
    table = Table("What", "Beside", "Ratio", "Spread", "Limit", "", box=None)
    for each in results:
        table.add_row(*row_of(each))
    Console(highlight=False).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios of our hot paths to their peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of ours and peer by turns")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the whole size, for a quick look")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    parser.add_argument("--pg-version", choices=VERSIONS, default=VERSIONS[0])
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
