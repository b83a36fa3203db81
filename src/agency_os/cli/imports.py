"""`agency-os import`: a lead list into a client, or with --dry-run what would be imported, which needs no service."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from agency_os.cli.list_options import check_file, import_options, list_console, now
from agency_os.config import DatabaseSettings, SecretSettings, given_settings, load_area
from agency_os.domain.calendars import latest_date
from agency_os.domain.lead_import import ImportedLead, ImportOptions, LeadList
from agency_os.exceptions import InvalidInputError, SettingsError
from agency_os.kit.clock import clock_from
from agency_os.kit.http import AiohttpTransport

SHOWN = 20


def command(
    file: Annotated[Path, typer.Argument(help="The list: CSV in any usual encoding and delimiter.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be imported.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    mapping: Annotated[list[str] | None, typer.Option("--map", help="'Column=field', or 'Column=ignore'.")] = None,
    client: Annotated[UUID | None, typer.Option(help="The client's id.")] = None,
    campaign: Annotated[UUID | None, typer.Option(help="The campaign's id.")] = None,
    consent_basis: Annotated[str | None, typer.Option(help="What the file declares: express or inferred.")] = None,
    consent_source: Annotated[str | None, typer.Option(help="Where the addresses were given or published.")] = None,
    consent_relevance: Annotated[str | None, typer.Option(help="Why a message concerns their role.")] = None,
    consent_date: Annotated[str | None, typer.Option(help="When, such as 2026-03-02; today if not given.")] = None,
    declared_by: Annotated[str | None, typer.Option(help="Who vouches for it.")] = None,
) -> None:
    """Import a lead list; every row that is left out is told with its reason."""
    check_file(file)
    if not dry_run and client is None:
        raise InvalidInputError("--client is missing: the client's id (or use --dry-run)", field="client")
    moment = now() if dry_run else asyncio.run(_business_time())
    options = import_options(
        mapping or [],
        day_now=latest_date(moment),
        basis=consent_basis,
        source=consent_source,
        relevance=consent_relevance,
        day=consent_date,
        declared_by=declared_by,
    )
    if client is None or dry_run:
        result = read_list(file, options, latest_date(moment))
    else:
        result = asyncio.run(_import(file, options, client, campaign, moment))
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
    else:
        _show(result, dry_run=dry_run)


def read_list(file: Path, options: ImportOptions, today: date) -> dict[str, Any]:
    """What the file holds: {read, accepted, left_out, mapping, leads}."""
    accepted: list[ImportedLead] = []
    left_out: list[dict[str, Any]] = []
    with file.open("rb") as stream:
        leads = LeadList(stream, options, today)
        for batch in leads.batches():
            accepted += batch.accepted
            left_out += [{"row": each.row, "reason": each.reason} for each in batch.left_out]
    return {
        "read": len(accepted) + len(left_out),
        "accepted": len(accepted),
        "left_out": left_out,
        "mapping": leads.columns.mapping,
        "leads": [_lead(each) for each in accepted],
    }


def _lead(lead: ImportedLead) -> dict[str, Any]:
    known = {name: fact.value for name, fact in lead.facts.known()}
    shown = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in known.items()}
    consent = lead.consent.basis.value if lead.consent is not None else None
    return {"row": lead.row, **shown, "consent": consent, "notes": list(lead.notes)}


def _settings() -> tuple[DatabaseSettings, SecretSettings]:
    """What an import needs; all that is missing is told at once."""
    try:
        database = load_area(DatabaseSettings)
    except SettingsError as error:
        try:
            load_area(SecretSettings)
        except SettingsError as further:
            raise SettingsError(f"{error}\n{further}") from None
        raise
    return database, load_area(SecretSettings)


async def _business_time() -> datetime:
    """The time that the product lives in, by which a consent is recorded: of the machine, or of BUSINESS_CLOCK."""
    transport = AiohttpTransport()
    try:
        return await clock_from(given_settings().get("BUSINESS_CLOCK", "system"), transport).now()
    finally:
        await transport.aclose()


async def _import(
    file: Path, options: ImportOptions, client: UUID, campaign: UUID | None, moment: datetime
) -> dict[str, Any]:
    # Only here, so that a dry run loads no database driver.
    from agency_os.db import Database  # noqa: PLC0415
    from agency_os.kit.tokens import PersonHash  # noqa: PLC0415
    from agency_os.wiring.importing import confirm_migrated, import_leads  # noqa: PLC0415
    from agency_os.wiring.keys import confirm_hashes  # noqa: PLC0415

    database_settings, secrets = _settings()
    database = Database.connect(database_settings.url.get_secret_value())
    hashes = PersonHash(secrets.suppression_key.get_secret_value())
    try:
        await confirm_migrated(database, moment)
        await confirm_hashes(database, hashes, now=moment)
        with file.open("rb") as stream:
            report = await import_leads(
                database,
                hashes,
                client_id=client,
                campaign_id=campaign,
                stream=stream,
                file_name=file.name,
                options=options,
                now=moment,
            )
    finally:
        await database.close()
    left_out = [{"row": row, "reason": reason} for row, reason in report.left_out]
    counts = {"read": report.read, "accepted": report.accepted, "left_out": left_out}
    return {"import_id": str(report.import_id), **counts, "mapping": dict(report.mapping)}


def _show(result: dict[str, Any], *, dry_run: bool) -> None:
    console = list_console()
    verb = "would be accepted" if dry_run else "accepted"
    console.print(f"{result['read']:,} rows read, {result['accepted']:,} {verb}, {len(result['left_out']):,} left out")
    columns = ", ".join(f"{column} → {field}" for column, field in result["mapping"].items())
    console.print(f"Columns: {columns}", soft_wrap=True)
    for each in result["left_out"][:SHOWN]:
        console.print(f"  row {each['row']}: {each['reason']}", soft_wrap=True)
    if len(result["left_out"]) > SHOWN:
        console.print(f"  and {len(result['left_out']) - SHOWN} more; --json shows all")
    if not dry_run:
        return
    table = Table("Row", "Name", "Company", "Email", "Consent", "Notes", box=None)
    for lead in result["leads"][:SHOWN]:
        name = " ".join(part for part in (lead.get("first_name"), lead.get("last_name")) if part)
        cells = (name, lead.get("company") or "", lead.get("email") or "", lead["consent"] or "none")
        table.add_row(str(lead["row"]), *cells, "; ".join(lead["notes"]))
    console.print(table)
    if len(result["leads"]) > SHOWN:
        console.print(f"and {len(result['leads']) - SHOWN} more; --json shows all")
