"""The console script `agency-os`: a table of commands that are imported only when they are run.

So that scoring a list starts at once, without Prefect or FastAPI. Errors become plain lines on standard error: exit
status 2 for what the caller can mend (settings, input), 1 for the rest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Final

import typer
from rich.console import Console
from rich.table import Table

from agency_os.exceptions import AgencyOSError, InvalidInputError, SettingsError

COMMANDS: Final = MappingProxyType(
    {
        "demo": ("agency_os.cli.demo", "From a lead list to booked meetings, three weeks in minutes"),
        "up": ("agency_os.cli.up", "Start everything on this machine and stay up"),
        "env": ("agency_os.cli.env", "Where the running stack is reached, as lines for a shell"),
        "doctor": ("agency_os.cli.doctor", "Look at every part: configured, reachable, version, and what to do"),
        "score": ("agency_os.cli.score", "Score a lead list; needs no service"),
        "import": ("agency_os.cli.imports", "Import a lead list, or show with --dry-run what would be imported"),
        "audit": ("agency_os.cli.audit", "Verify the audit trail: `agency-os audit verify`"),
        "migrate": ("agency_os.cli.migrate", "Bring the database up to date"),
        "api": ("agency_os.cli.api", "Serve the HTTP API"),
        "openapi": ("agency_os.cli.openapi", "Print the API's description (OpenAPI 3.1)"),
        "worker": ("agency_os.cli.worker", "Run the background work"),
    }
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; never returns."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in {"-h", "--help", "help"}:
        _show_help()
        raise SystemExit(0 if given else 2)
    if given[0] not in COMMANDS:
        sys.stderr.write(f"agency-os: no command {given[0]!r}; there are {', '.join(COMMANDS)}\n")
        raise SystemExit(2)
    raise SystemExit(_run(given[0], given[1:]))


def _run(name: str, arguments: Sequence[str]) -> int:
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    application.command()(import_module(COMMANDS[name][0]).command)
    try:
        ending = application(list(arguments), prog_name=f"agency-os {name}", standalone_mode=False)
        sys.stdout.flush()
    except AgencyOSError as error:
        sys.stderr.write("".join(f"agency-os: {line}\n" for line in str(error).splitlines()))
        return 2 if isinstance(error, SettingsError | InvalidInputError) else 1
    except typer.TyperException as error:  # a wrong option or argument
        sys.stderr.write(f"agency-os {name}: {' '.join(error.format_message().split())}; --help says more\n")
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # whoever reads what we print has gone; Typer, too, ends with 1 and without a word
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except PermissionError as error:
        sys.stderr.write(f"agency-os: {error.filename} cannot be read or written: permission is denied\n")
        return 2
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return ending if isinstance(ending, int) else 0


def _show_help() -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, (_, summary) in COMMANDS.items():
        table.add_row(f"agency-os {name}", summary)
    console = Console(highlight=False)
    console.print("Agency OS books sales meetings for Australian marketing agencies.\n")
    console.print(table)
    console.print("\nagency-os COMMAND --help says more.")
