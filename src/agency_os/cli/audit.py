"""`agency-os audit verify`: does the audit trail hold, chain by chain, recomputed from its entries."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final, Literal
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from agency_os.config import DatabaseSettings, RuntimeSettings, given_settings, load_area
from agency_os.db import Database
from agency_os.exceptions import StackError
from agency_os.kit.clock import SystemWallClock
from agency_os.repositories.audit import PLATFORM, AuditRepository, ChainReport
from agency_os.stack.plan import running_settings
from agency_os.stack.state import StateFolder

_WIDTH: Final = 260
"""Columns of the table at least, whatever the terminal has: a hash that is to be kept elsewhere must not be cut."""


def command(
    what: Annotated[Literal["verify"], typer.Argument(help="What to do with the trail.")],
    client: Annotated[UUID | None, typer.Option(help="The client's id; every chain if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify the audit trail. Exit status 1 where a chain is broken, or the client that is named has none."""
    del what  # there is one thing to do
    settings = load_area(DatabaseSettings, _environment())
    found = asyncio.run(_verify(settings, client))
    if as_json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], default=str, indent=2) + "\n")
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.width = max(console.width, _WIDTH)
        console.print(_table(found, client))
    if any(each.fault is not None for each in found) or (client is not None and not found):
        raise typer.Exit(1)


def _environment() -> dict[str, str]:
    """The user's settings; where they name no database, that of the stack that runs on this machine."""
    given = given_settings()
    if "DATABASE_URL" in given:
        return given
    with suppress(StackError):  # nothing runs: then the missing setting is named
        state = Path(given.get("AGENCY_OS_STATE") or RuntimeSettings.model_fields["state"].default)
        return {**running_settings(given, StateFolder(state)), **given}
    return given


async def _verify(settings: DatabaseSettings, client: UUID | None) -> list[ChainReport]:
    database = Database.connect(settings.url.get_secret_value())
    try:
        async with database.transaction(now=SystemWallClock().now()) as db:
            return await AuditRepository(db).verify(client)
    finally:
        await database.close()


def _table(found: list[ChainReport], client: UUID | None) -> Table:
    table = Table("chain", "seals", "entries", "not sealed yet", "verdict", "head", box=None, pad_edge=False)
    for each in found:
        name = "platform" if each.chain == PLATFORM else str(each.chain)
        counts = (f"{each.seals:,}", f"{each.entries:,}", f"{each.unsealed:,}")
        table.add_row(name, *counts, each.fault or "holds", each.head)
    if not found:
        why = "the trail is empty" if client is None else "there is no entry of this client: is its id right?"
        table.add_row("none", "0", "0", "0", why)
    return table
