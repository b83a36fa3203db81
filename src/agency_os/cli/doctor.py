"""`agency-os doctor`: every part, configured or not, reachable or not, in which version, and what to do."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agency_os.config import given_settings
from agency_os.kit.http import AiohttpTransport
from agency_os.stack.diagnosis import Part
from agency_os.stack.doctor import examine


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Look at every part. Exit status 0 when all is well, 1 when something is to be done."""
    found = asyncio.run(_examine())
    is_well = all(part.is_well for part in found)
    if as_json:
        document = {"is_well": is_well, "parts": [part.to_json() for part in found]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        Console(highlight=False, soft_wrap=True, markup=False).print(_table(found))
        for todo, names in _todos(found).items():
            sys.stdout.write(f"{', '.join(names)}: {todo}\n")
    if not is_well:
        raise typer.Exit(1)


async def _examine() -> list[Part]:
    transport = AiohttpTransport()
    try:
        return await examine(given_settings(), transport)
    finally:
        await transport.aclose()


def _todos(found: list[Part]) -> dict[str, list[str]]:
    """What is to be done, each thing once with the parts that it mends."""
    todos: dict[str, list[str]] = {}
    for part in found:
        if part.todo:
            todos.setdefault(part.todo, []).append(part.name)
    return todos


def _table(found: list[Part]) -> Table:
    table = Table("part", "well", "whose", "version", "address", box=None, pad_edge=False)
    for part in found:
        reached = {None: "", True: "", False: "unreachable"}[part.is_reachable]
        unset = "not used" if part.is_well else "not configured"
        state = unset if not part.is_configured else "yes" if part.is_well else reached or "no"
        table.add_row(part.name, state, part.whose or "", part.version or "", part.address or part.hint)
    return table
