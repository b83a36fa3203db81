"""`agency-os migrate`: brings the database behind MIGRATION_DATABASE_URL up to date; needs no other setting."""

from __future__ import annotations

import asyncio

import typer

from agency_os.config import load_migration_settings
from agency_os.stack.cluster import migrate_database


def command() -> None:
    """Apply the migrations that the database lacks."""
    settings = load_migration_settings()
    report = asyncio.run(migrate_database(settings.migration_url.get_secret_value()))
    for version in report.applied:
        typer.echo(f"applied {version}")
    typer.echo(f"the database is up to date: {len(report.applied)} migrations applied, {report.before} were before")
