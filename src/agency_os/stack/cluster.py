"""The databases of the stack: the embedded cluster made once, its two databases, and the schema brought up to date.

Promise: what `kill -9` leaves half made is made again, never used; a database of the user's own is prepared like
Supabase only where it is a plain PostgreSQL, and else only migrated.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from agency_os.db.bootstrap import APP_LOGIN, bootstrap, is_bootstrapped, is_ready_for_auth
from agency_os.db.databases import FAILURES, is_plain, make_database, make_tenant
from agency_os.db.migrate import MigrationReport, migrate
from agency_os.exceptions import SettingsError, StackError, UnavailableError
from agency_os.stack.embedded import initdb_command, postgres_binaries
from agency_os.stack.plan import DATABASE, PREFECT_DATABASE, Plan
from agency_os.stack.state import StateFolder


def cluster_exists(state: Path) -> bool:
    """Whether the embedded database of ``state`` has been made."""
    return (state / "postgres" / "PG_VERSION").is_file()


async def make_cluster(plan: Plan, state: StateFolder) -> None:
    """Make the embedded cluster where there is none: beside its place first, so that it appears whole."""
    data = plan.state / "postgres"
    if cluster_exists(plan.state):
        return
    unfinished, password = plan.state / "postgres.new", plan.state / "postgres.password"
    shutil.rmtree(unfinished, ignore_errors=True)
    descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(plan.secrets["postgres"])
    process = await asyncio.create_subprocess_exec(
        *initdb_command(postgres_binaries(), unfinished, password),
        env=dict(plan.base),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        process_group=0,
    )
    state.note_process("initdb", process.pid)
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    finally:
        password.unlink(missing_ok=True)
        state.forget_process("initdb")
    if process.returncode:
        raise StackError(f"initdb could not make the embedded database: {output.decode(errors='replace').strip()}")
    unfinished.rename(data)


async def make_databases(plan: Plan) -> None:
    """The product's database, and Prefect's, whose state is never trusted for correctness (design section 9)."""
    server = plan.superuser_dsn("postgres")
    if plan.embedded.prefect:
        await make_tenant(server, PREFECT_DATABASE, plan.secrets["prefect"])
    if plan.embedded.database:
        await make_database(server, DATABASE)


async def prepare_schema(plan: Plan) -> MigrationReport:
    """Bring the product's database up to date, and keep the data.

    Raises:
        MigrationError: the database is half migrated or of a newer version.
        SettingsError: it is Supabase's, and SUPABASE_URL is not given.
        UnavailableError: it does not let us in, or cannot be prepared.
    """
    if plan.embedded.database:
        await _bootstrap(plan, plan.secrets["application"])
    elif await _is_to_be_prepared(plan):
        application = urlsplit(plan.settings.database.url.get_secret_value())
        if unquote(application.username or "") != APP_LOGIN or not application.password:
            raise UnavailableError(
                f"the database behind DATABASE_URL is a plain PostgreSQL: let DATABASE_URL log in as {APP_LOGIN} with "
                "a password, and this login will be made"
            )
        await _bootstrap(plan, unquote(application.password))
    return await migrate_database(plan.owner_dsn)


async def _is_to_be_prepared(plan: Plan) -> bool:
    """Whether a database of the user's own lacks what Supabase brings along, or what our auth server needs in it."""
    if await is_plain(plan.owner_dsn):
        return True
    if not plan.embedded.auth:
        return False
    if not await is_bootstrapped(plan.owner_dsn):
        raise SettingsError(
            "SUPABASE_URL is missing: the database behind MIGRATION_DATABASE_URL has users of Supabase's own, and they "
            "log in there: expected https://PROJECT.supabase.co (Supabase: Project settings > Data API)"
        )
    return not await is_ready_for_auth(plan.auth_dsn)


async def migrate_database(owner_dsn: str) -> MigrationReport:
    """Apply what is missing. Raises MigrationError, and UnavailableError when the database does not let us in."""
    try:
        return await migrate(owner_dsn)
    except FAILURES as error:
        raise UnavailableError(
            f"the database behind MIGRATION_DATABASE_URL cannot be used: {error or type(error).__name__}"
        ) from error


async def _bootstrap(plan: Plan, password: str) -> None:
    auth_password = plan.secrets["auth"] if plan.embedded.auth else None
    try:
        await bootstrap(plan.owner_dsn, app_password=password, auth_password=auth_password)
    except FAILURES as error:
        raise UnavailableError(
            f"the database cannot be prepared with MIGRATION_DATABASE_URL, whose login must be a superuser: {error}"
        ) from error
