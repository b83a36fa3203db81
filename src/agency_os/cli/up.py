"""`agency-os up`: everything that the user's settings do not replace, on one machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agency_os.config import RuntimeSettings, given_settings
from agency_os.stack.plan import Embedded
from agency_os.stack.supervisor import RunningStack, StackOptions, Supervisor


def command(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The API's port; any free one if not given.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the simulated world, where no provider keys are given; 7 if not given.")
    ] = None,
) -> None:
    """Start everything on this machine and stay until Ctrl-C."""
    given = given_settings()
    options = StackOptions(
        state=Path(given.get("AGENCY_OS_STATE") or RuntimeSettings.model_fields["state"].default),
        virtual_time=Embedded.of(given).sandbox,
        seed=seed,
        given=given,
        api_port=port,
    )
    asyncio.run(_up(options))


async def _up(options: StackOptions) -> None:
    console = Console(highlight=False, soft_wrap=True)

    def say(line: str) -> None:
        console.print(line, markup=False)

    async with Supervisor(options, say).running() as stack:
        console.print(_addresses(stack, options))
        say("everything stays up until you press Ctrl-C")
        await stack.until_stopped()
        say("stopping")
    say(f"stopped; the state is kept in {options.state}")


def _addresses(stack: RunningStack, options: StackOptions) -> Table:
    own = Embedded.of(options.given)
    table = Table("part", "address", "whose", box=None, pad_edge=False)
    table.add_row("API", stack.api_url, "ours")
    table.add_row("accounts", stack.env["SUPABASE_URL"], _whose(embedded=own.auth))
    table.add_row("Prefect", stack.prefect_url, _whose(embedded=own.prefect))
    table.add_row("PostgreSQL", _place(stack.env["DATABASE_URL"]), _whose(embedded=own.database))
    table.add_row("cache", _place(stack.env["REDIS_URL"]), _whose(embedded=own.cache))
    table.add_row("providers", stack.sandbox_url or "their own", "sandbox" if own.sandbox else "yours")
    table.add_row("clock", stack.settings.runtime.business_clock, "")
    return table


def _whose(*, embedded: bool) -> str:
    return "embedded" if embedded else "yours"


def _place(url: str) -> str:
    """The address without login and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
