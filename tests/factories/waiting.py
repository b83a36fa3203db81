"""Touches that wait to be sent, in a simulated world: people of their own for each call, at one client of their own."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text

from agency_os.db import Database
from tests.factories.outreach import Outreach, add_leads, add_ready_touches, make_agency

_RENAME_LEADS = text("UPDATE leads SET email = :prefix || email WHERE client_id = :client_id")
_RENAME_TOUCHES = text("""
    UPDATE touches
    SET payload = jsonb_set(payload, '{to}', to_jsonb(:prefix || (payload ->> 'to'))) || '{"headers": {}}'
    WHERE client_id = :client_id
""")


async def waiting_touches(
    database: Database, now: datetime, count: int, *, name: str, domains: int = 1, daily_limit: int = 50
) -> Outreach:
    """``count`` ready touches of a new client; ``name`` makes the addresses unlike those of other calls."""
    async with database.transaction(now=now - timedelta(days=7)) as db:
        agency = await make_agency(db, domains=domains, daily_limit=daily_limit)
        await add_leads(db, agency, count)
        await add_ready_touches(db, agency, due_at=now - timedelta(hours=1))
        values = {"prefix": f"{name}.", "client_id": agency.client_id}
        await db.execute(_RENAME_LEADS, values)
        await db.execute(_RENAME_TOUCHES, values)
    return agency
