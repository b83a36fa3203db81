"""`agency-os score`: a lead list ranked by ALS with the reasons for every point; needs no service."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agency_os.cli.list_options import check_file, import_options, list_console, today
from agency_os.domain.icp import NO_ICP, Icp
from agency_os.domain.lead_import import ImportedLead, ImportOptions, LeadList
from agency_os.domain.scoring import AlsScore, score_lead
from agency_os.domain.weights import DEFAULT_WEIGHTS
from agency_os.exceptions import InvalidInputError

SHOWN = 40
_ICP_FIELDS = ("industries", "company_sizes", "locations", "titles", "excluded_titles", "competitor_domains")


def command(
    file: Annotated[Path, typer.Argument(help="The list: CSV in any usual encoding and delimiter.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with a reason for every point.")] = False,
    icp: Annotated[Path | None, typer.Option(help="Your ideal customer profile as JSON.")] = None,
    mapping: Annotated[list[str] | None, typer.Option("--map", help="'Column=field', or 'Column=ignore'.")] = None,
) -> None:
    """Score every lead of a list from 0 to 100, best first."""
    check_file(file)
    profile = read_icp(icp) if icp is not None else NO_ICP
    scored, left_out = _scored(file, import_options(mapping or [], day_now=today()), profile)
    if as_json:
        body = {
            "read": len(scored) + len(left_out),
            "scored": len(scored),
            "left_out": left_out,
            "leads": [_json(lead, score) for lead, score in scored],
        }
        sys.stdout.write(json.dumps(body, ensure_ascii=False, indent=2) + "\n")
    else:
        _show(scored, left_out)


def read_icp(path: Path) -> Icp:
    """A confirmed profile from a JSON object of lists. Raises InvalidInputError for anything else."""
    try:
        stored = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as JSON: {error}", field="icp") from None
    known = f"an object with lists named {', '.join(_ICP_FIELDS)}"
    if not isinstance(stored, dict) or not set(stored) <= set(_ICP_FIELDS):
        raise InvalidInputError(f"{path} must hold {known}", field="icp")
    lists: dict[str, tuple[str, ...]] = {}
    for name, value in stored.items():
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise InvalidInputError(f"{name} in {path} must be a list of texts", field="icp")
        lists[name] = tuple(value)
    return Icp(**lists, confirmed=True)


Scored = tuple[ImportedLead, AlsScore]


def _scored(file: Path, options: ImportOptions, icp: Icp) -> tuple[list[Scored], list[dict[str, Any]]]:
    scored: list[Scored] = []
    left_out: list[dict[str, Any]] = []
    day = today()
    with file.open("rb") as stream:
        for batch in LeadList(stream, options, day).batches():
            scored += [(lead, score_lead(lead.facts, icp, DEFAULT_WEIGHTS, day)) for lead in batch.accepted]
            left_out += [{"row": each.row, "reason": each.reason} for each in batch.left_out]
    return sorted(scored, key=lambda each: (-each[1].total, each[0].row)), left_out


def _json(lead: ImportedLead, score: AlsScore) -> dict[str, Any]:
    return {
        "row": lead.row,
        "name": _name(lead),
        "company": lead.text("company"),
        "email": lead.text("email"),
        "als": score.total,
        "tier": score.tier.value,
        "channels": sorted(channel.value for channel in score.channels),
        "components": {component.value: points for component, points in score.components.items()},
        "explanation": [line.to_json() for line in score.explanation],
    }


def _show(scored: Sequence[Scored], left_out: Sequence[dict[str, Any]]) -> None:
    console = list_console()
    table = Table("ALS", "Tier", "Name", "Company", "Why", box=None)
    for lead, score in scored[:SHOWN]:
        gains = sorted((line for line in score.explanation if line.points > 0 and line.field), key=lambda x: -x.points)
        why = "; ".join(f"{line.reason} (+{line.points})" for line in gains[:3])
        table.add_row(str(score.total), score.tier.value, _name(lead), lead.text("company") or "", why)
    console.print(table)
    if len(scored) > SHOWN:
        console.print(f"and {len(scored) - SHOWN} more; --json shows all, with a reason for every point")
    console.print(f"{len(scored):,} scored, {len(left_out):,} rows left out")
    for each in left_out[:SHOWN]:
        console.print(f"  row {each['row']}: {each['reason']}", soft_wrap=True)


def _name(lead: ImportedLead) -> str:
    return " ".join(part for part in (lead.text("first_name"), lead.text("last_name")) if part)
