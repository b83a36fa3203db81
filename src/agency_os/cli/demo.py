"""`agency-os demo`: the whole product on one machine, from a lead list to booked meetings in three simulated weeks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from agency_os.config import RuntimeSettings, given_settings
from agency_os.kit.clock import SystemWallClock
from agency_os.stack.demo import DemoDriver
from agency_os.stack.demo_days import start_of
from agency_os.stack.demo_plan import DemoPlan, choose_plan
from agency_os.stack.demo_summary import print_summary
from agency_os.stack.supervisor import RunningStack, StackOptions, Supervisor
from agency_os.wiring.infrastructure import build_infrastructure


def command(
    leads: Annotated[Path | None, typer.Option(help="Your own lead list (CSV) instead of the sample's 500.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated world; 7 if not given.")] = None,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; three weeks ago if not given.")
    ] = None,
    faults: Annotated[
        float,
        typer.Option(min=0, max=50, help="Let each kind of fault strike so many percent of the providers' calls."),
    ] = 0,
    once: Annotated[bool, typer.Option("--once", help="End after the summary instead of staying up.")] = False,
) -> None:
    """Live three simulated weeks of a sample agency and show what came of it."""
    state = Path(given_settings().get("AGENCY_OS_STATE") or RuntimeSettings.model_fields["state"].default)
    first = start_of(start.date()) if start is not None else None
    plan = choose_plan(state, leads=leads, seed=seed, start=first, today=SystemWallClock().now(), faults=faults / 100)
    raise typer.Exit(asyncio.run(_demo(plan, once=once)))


async def _demo(plan: DemoPlan, *, once: bool) -> int:
    began = time.monotonic()
    console = Console(highlight=False, soft_wrap=True)

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {line}", markup=False)

    options = StackOptions(state=plan.state, virtual_time=True, seed=plan.seed, start=plan.start)
    async with Supervisor(options, say).running() as stack:
        say(f"three weeks from {plan.start:%d %b %Y}, seed {plan.seed}")
        plan.keep(imported=plan.imported())
        agrees = await _live(stack, plan, console, say)
        say(f"the summary as JSON: {plan.summary}")
        if not once:
            say("everything stays up until you press Ctrl-C")
            await stack.until_stopped()
    return 0 if agrees else 1


async def _live(stack: RunningStack, plan: DemoPlan, console: Console, say: Callable[[str], None]) -> bool:
    infra = build_infrastructure(stack.settings)
    try:
        driver = DemoDriver(infra, stack.sandbox_url or "", plan, lambda stage, line: say(f"{stage:<22} {line}"))
        summary = await driver.run()
    finally:
        await infra.aclose()
    print_summary(console, summary, {"API": stack.api_url, "Prefect": stack.prefect_url})
    return bool(summary["ledger"]["agrees"])
