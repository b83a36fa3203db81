"""A real worker process whose ticks are made up: started by the tests as a program of its own.

Arguments: state folder, address of the Prefect server, database DSN, business clock. Ticks write one line each into
``ticks.ndjson`` of the state folder as they begin and end; the file ``orders.json`` there says how the next ones go.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agency_os.exceptions import ConflictError
from agency_os.integrations.prefect import PrefectClient
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.http import AiohttpTransport
from agency_os.kit.logging import configure_logging
from agency_os.orchestration.environment import enter_worker_environment


@dataclass
class Report:
    text: str

    def summary(self) -> str:
        return self.text


@dataclass
class Secretive:
    """Stands for Services: whoever walks into it or prints it is found out."""

    infra: Any

    def __repr__(self) -> str:
        raise AssertionError("services must not be printed")

    def __reduce__(self) -> Any:
        raise AssertionError("services must not be serialised")


async def step(services: Secretive, orders: dict[str, Any]) -> int:
    """The one task of a made-up tick."""
    if orders.get("fail"):
        raise ConflictError(str(orders["fail"]))
    await asyncio.sleep(float(orders.get("seconds", 0)))
    return 1


def made_up(name: str, state: Path) -> Any:
    def note(what: str) -> None:
        with (state / "ticks.ndjson").open("a") as file:
            file.write(json.dumps({"tick": name, "what": what, "at": time.time()}) + "\n")

    async def tick(services: Secretive, run: Any) -> Report:
        note("begin")
        orders = state / "orders.json"
        given = json.loads(orders.read_text()).get(name, {}) if orders.exists() else {}
        count = await run(step, services, given)
        note("end")
        return Report(f"{name}: {count} step")

    return tick


def main(state: Path, api_url: str, clock: str) -> None:
    configure_logging("INFO", "json")
    settings: Any = SimpleNamespace(
        runtime=SimpleNamespace(state=state, business_clock=clock),
        prefect=SimpleNamespace(api_url=api_url, api_key=None),
    )
    enter_worker_environment(settings)
    from agency_os.orchestration.worker import run_until_signalled, serve

    async def work(stop: asyncio.Event) -> None:
        wall, transport = SystemWallClock(), AiohttpTransport()
        prefect = PrefectClient(transport, api_url, wall)
        services: Any = Secretive(SimpleNamespace(settings=settings, wall=wall, prefect=prefect))
        ticks = {name: made_up(name, state) for name in ("enrichment", "outreach", "inbound")}
        try:
            await serve(services, ticks, stop)
        finally:
            await prefect.aclose()
            await transport.aclose()

    run_until_signalled(work)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
