"""`agency-os openapi`: the API's description as it is served, without settings or services."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from agency_os.api.main import describe
from agency_os.exceptions import InvalidInputError


def command(
    output: Annotated[Path | None, typer.Option(help="A file to write; standard output if not given.")] = None,
) -> None:
    """Print the OpenAPI document."""
    text = json.dumps(describe(), ensure_ascii=False, indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInputError(f"{output} cannot be written: {error.strerror}", field="output") from error
