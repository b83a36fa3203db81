"""Leads on their way from new to enriched: claimed with their credit, recorded in one statement.

A lead is due while it is new and was never tried, or not within 90 days of business time. The claim takes the credit
under a lock on the client; nothing else is held while providers are asked, so the record checks that the lead is as
it was read.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from agency_os.domain.credits import CreditBalance, current, next_reset, period_start, take
from agency_os.domain.enrichment import CACHE_TTL
from agency_os.domain.facts import LeadFacts
from agency_os.domain.subscription import Ability, SubscriptionStatus, allows
from agency_os.domain.tiers import Tier
from agency_os.exceptions import ConflictError
from agency_os.kit.ids import new_ids
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.base import Repository
from agency_os.repositories.lead_facts import COLUMNS, facts_to_columns, read_facts
from agency_os.repositories.suppression import SuppressionRepository, addresses_of

_DUE: Final = """
    status = 'new' AND deleted_at IS NULL AND (enriched_at IS NULL OR enriched_at <= CAST(:stale AS timestamptz))
"""
_CLIENTS = text(f"""
    SELECT l.client_id
    FROM (SELECT client_id, min(updated_at) AS since FROM leads WHERE {_DUE} GROUP BY client_id) AS l
    JOIN clients AS c ON c.id = l.client_id AND c.deleted_at IS NULL AND c.stopped_at IS NULL
    WHERE c.subscription_status = ANY (CAST(:statuses AS subscription_status[]))
    ORDER BY l.since, l.client_id
""")  # noqa: S608 - a condition of our own
_CLIENT = text("""
    SELECT tier, subscription_status, cancelled_at, stopped_at, credits_remaining, credits_reset_at, created_at
    FROM clients WHERE id = :client_id AND deleted_at IS NULL FOR NO KEY UPDATE
""")
_LEADS = text(f"""
    SELECT id, company_id, credit_period, updated_at, {", ".join(COLUMNS)} FROM leads
    WHERE client_id = :client_id AND {_DUE} AND (CAST(:credits AS boolean) OR credit_period = :period)
    ORDER BY updated_at, id LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
""").columns(field_sources=JSONB)  # noqa: S608 - names and a condition of our own
_TAKE_CREDITS = text("""
    UPDATE clients SET credits_remaining = :remaining, credits_reset_at = :reset_at
    WHERE id = :client_id AND (credits_remaining, credits_reset_at) IS DISTINCT FROM (:remaining, :reset_at)
""")
_CHARGE = text("""
    UPDATE leads SET credit_period = :period WHERE id = ANY (:ids) RETURNING id, updated_at
""")
_WITHOUT_CREDIT = text(f"""
    UPDATE leads SET status_reason = :reason WHERE id IN (
        SELECT id FROM leads
        WHERE client_id = :client_id AND {_DUE} AND credit_period IS DISTINCT FROM :period
            AND status_reason IS DISTINCT FROM :reason
        ORDER BY updated_at, id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ) RETURNING id
""")  # noqa: S608 - a condition of our own
_LEFT = text(f"""
    SELECT count(*) FILTER (WHERE credit_period = :period) AS paid, count(*) AS due
    FROM leads WHERE client_id = :client_id AND {_DUE} AND NOT id = ANY (CAST(:put_off AS uuid[]))
""")  # noqa: S608 - a condition of our own
_CREDITS = text("SELECT credits_remaining FROM clients WHERE id = :client_id")
_LOCK = text("""
    SELECT id, updated_at FROM leads
    WHERE client_id = :client_id AND id = ANY (:ids) AND status = 'new' AND deleted_at IS NULL
    ORDER BY id FOR NO KEY UPDATE
""")
_TAKEN = text("""
    WITH q AS (
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:emails AS text[]), CAST(:profiles AS text[]))
            AS q (id, email, profile)
    )
    SELECT q.id FROM q JOIN leads AS l ON lower(l.email) = q.email
    WHERE l.client_id = :client_id AND l.deleted_at IS NULL AND l.id <> q.id
    UNION
    SELECT q.id FROM q JOIN leads AS l ON lower(l.linkedin_url) = q.profile
    WHERE l.client_id = :client_id AND l.deleted_at IS NULL AND l.id <> q.id
""")
_COMPANIES = text("""
    INSERT INTO companies (id, client_id, key, name, domain)
    SELECT q.id, :client_id, q.key, q.name, q.domain
    FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:names AS text[]), CAST(:domains AS text[]))
        AS q (id, key, name, domain)
    ORDER BY q.key
    ON CONFLICT (client_id, key) WHERE deleted_at IS NULL DO NOTHING
""")
_COMPANY_IDS = text("""
    SELECT id, key FROM companies WHERE client_id = :client_id AND key = ANY (:keys) AND deleted_at IS NULL
""")
_RECORD = text("""
    UPDATE leads AS l SET
        email = q.email, email_status = q.email_status, email_is_role = q.email_is_role,
        personal_email_known = q.personal_email_known, phone = q.phone, first_name = q.first_name,
        last_name = q.last_name, title = q.title, company = q.company, domain = q.domain,
        linkedin_url = q.linkedin_url, state = q.state, time_zone = coalesce(l.time_zone, q.time_zone),
        employment_start_date = q.employment_start_date, organization_industry = q.organization_industry,
        organization_employee_count = q.organization_employee_count, organization_country = q.organization_country,
        organization_founded_year = q.organization_founded_year, organization_is_hiring = q.organization_is_hiring,
        organization_latest_funding_date = q.organization_latest_funding_date, field_sources = q.field_sources,
        company_id = coalesce(l.company_id, q.company_id), enriched_at = :now, enrichment_source = q.source,
        enrichment_confidence = q.confidence, status_reason = q.reason,
        status = CASE WHEN q.reason IS NULL THEN 'enriched'::lead_status ELSE l.status END
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS q (
        id uuid, email text, email_status text, email_is_role boolean, personal_email_known boolean, phone text,
        first_name text, last_name text, title text, company text, domain text, linkedin_url text, state text,
        time_zone text, employment_start_date date, organization_industry text, organization_employee_count integer,
        organization_country text, organization_founded_year integer, organization_is_hiring boolean,
        organization_latest_funding_date date, field_sources jsonb, company_id uuid, source text,
        confidence double precision, reason text
    )
    WHERE l.id = q.id AND l.client_id = :client_id AND l.status = 'new'
""")
_PUT_OFF = text("""
    UPDATE leads AS l SET status_reason = q.reason
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS q (id, reason)
    WHERE l.id = q.id AND l.client_id = :client_id AND l.status = 'new'
""")


@dataclass(frozen=True, slots=True)
class DueLead:
    """A lead claimed for enrichment, as it was read at ``seen_at``."""

    id: UUID
    facts: LeadFacts
    seen_at: datetime
    has_company: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Leads with their credit taken, and how many others were told that no credit is left. ``period`` is the first
    day of the client's billing month."""

    leads: tuple[DueLead, ...]
    without_credit: int
    period: date


@dataclass(frozen=True, slots=True)
class EnrichedLead:
    """What is recorded of a lead: ``reason`` None makes it enriched, else it stays new with the reason.

    ``company_key`` names the company it belongs to where it has none yet.
    """

    id: UUID
    facts: LeadFacts
    confidence: float
    reason: str | None
    company_key: str | None


class EnrichmentRepository(Repository):
    """Claims and records the leads of one client."""

    async def clients(self, statuses: Sequence[str], now: datetime) -> list[UUID]:
        """Clients in one of ``statuses`` with leads that are due, the longest waiting first."""
        found = await self.db.execute(_CLIENTS, {"statuses": list(statuses), "stale": now - CACHE_TTL})
        return list(found.scalars())

    async def claim(self, client_id: UUID, hashes: PersonHash, *, now: datetime, limit: int) -> Claim | None:
        """Lock the client, fill its pool up if the billing day has come, and take a credit for each due lead that
        has none of this month; None where the subscription does not allow it. Leads beyond the pool get the reason.
        """
        client = (await self.db.execute(_CLIENT, {"client_id": client_id})).one_or_none()
        if client is None or client.stopped_at is not None:
            return None
        status = SubscriptionStatus(client.subscription_status)
        if not allows(status, Ability.ENRICH, now=now, cancelled_at=client.cancelled_at):
            return None
        period = period_start(client.created_at, now)
        reset_at = client.credits_reset_at or next_reset(client.created_at, now)
        balance = current(CreditBalance(client.credits_remaining, reset_at), Tier(client.tier), client.created_at, now)
        due = {"client_id": client_id, "stale": now - CACHE_TTL, "period": period, "limit": limit}
        rows = (await self.db.execute(_LEADS, {**due, "credits": balance.remaining > 0})).mappings().all()
        fresh = [row["id"] for row in rows if row["credit_period"] != period]
        balance, granted = take(balance, len(fresh))
        credits = {"client_id": client_id, "remaining": balance.remaining, "reset_at": balance.reset_at}
        await self.db.execute(_TAKE_CREDITS, credits)
        charged = await self.db.execute(_CHARGE, {"ids": fresh[:granted], "period": period})
        seen = {row["id"]: row["updated_at"] for row in rows} | {row.id: row.updated_at for row in charged}
        refused = set(fresh[granted:])
        leads = await self._due_leads(client_id, hashes, [row for row in rows if row["id"] not in refused], seen)
        marked = 0
        if balance.remaining == 0:
            reason = f"no lead credits left until {balance.reset_at.date().isoformat()}"
            marked = len((await self.db.execute(_WITHOUT_CREDIT, {**due, "reason": reason})).all())
        return Claim(leads, marked, period)

    async def remaining(self, client_id: UUID, put_off: Collection[UUID], *, period: date, now: datetime) -> int:
        """How many leads are due and payable, those of ``put_off`` aside."""
        values = {"client_id": client_id, "stale": now - CACHE_TTL, "period": period, "put_off": list(put_off)}
        row = (await self.db.execute(_LEFT, values)).one()
        credits = await self.db.scalar(_CREDITS, {"client_id": client_id}) or 0
        return int(row.paid + min(row.due - row.paid, credits))

    async def lock_unchanged(self, client_id: UUID, seen: Mapping[UUID, datetime]) -> set[UUID]:
        """Lock the leads and say which are still new and as they were read."""
        rows = await self.db.execute(_LOCK, {"client_id": client_id, "ids": sorted(seen)})
        return {row.id for row in rows if row.updated_at == seen[row.id]}

    async def duplicates(self, client_id: UUID, facts: Mapping[UUID, LeadFacts]) -> set[UUID]:
        """Leads whose email or profile another live lead of the client has already."""
        rows = await self.db.execute(
            _TAKEN,
            {
                "client_id": client_id,
                "ids": list(facts),
                "emails": [each.email.value.lower() if each.email else None for each in facts.values()],
                "profiles": [each.linkedin_url.value.lower() if each.linkedin_url else None for each in facts.values()],
            },
        )
        return set(rows.scalars())

    async def record(self, client_id: UUID, leads: Sequence[EnrichedLead], now: datetime) -> None:
        """Write what was found. Raises ConflictError when meanwhile another lead got one of the addresses."""
        if not leads:
            return
        companies = await self._companies(client_id, leads)
        rows = [_row(lead, companies.get(lead.company_key or "")) for lead in leads]
        values = {"client_id": client_id, "now": now, "rows": json.dumps(rows, ensure_ascii=False, default=str)}
        try:
            await self.db.execute(_RECORD, values)
        except IntegrityError as error:
            raise ConflictError("another lead of the client got one of these addresses at the same time") from error

    async def put_off(self, client_id: UUID, reasons: Mapping[UUID, str]) -> None:
        """Say why leads still wait; they stay due, behind the others."""
        if reasons:
            values = {"ids": list(reasons), "reasons": list(reasons.values())}
            await self.db.execute(_PUT_OFF, {"client_id": client_id, **values})

    async def _due_leads(
        self, client_id: UUID, hashes: PersonHash, rows: Sequence[RowMapping], seen: Mapping[UUID, datetime]
    ) -> tuple[DueLead, ...]:
        addresses = {row["id"]: addresses_of(row) for row in rows}
        reasons = await SuppressionRepository(self.db, hashes).reasons(client_id, addresses)
        return tuple(
            DueLead(
                row["id"],
                read_facts(row, [reason for each in reasons.get(row["id"], {}).values() for reason in each]),
                seen[row["id"]],
                row["company_id"] is not None,
            )
            for row in rows
        )

    async def _companies(self, client_id: UUID, leads: Sequence[EnrichedLead]) -> dict[str, UUID]:
        """The companies that leads belong to, by key; made where they are missing."""
        wanted = {lead.company_key: lead.facts for lead in leads if lead.company_key is not None}
        if not wanted:
            return {}
        await self.db.execute(
            _COMPANIES,
            {
                "client_id": client_id,
                "ids": new_ids(len(wanted)),
                "keys": list(wanted),
                "names": [facts.company.value if facts.company else None for facts in wanted.values()],
                "domains": [facts.domain.value if facts.domain else None for facts in wanted.values()],
            },
        )
        found = await self.db.execute(_COMPANY_IDS, {"client_id": client_id, "keys": list(wanted)})
        return {row.key: row.id for row in found}


def _row(lead: EnrichedLead, company_id: UUID | None) -> dict[str, Any]:
    columns = facts_to_columns(lead.facts)
    return {
        **columns,
        "id": lead.id,
        "company_id": company_id,
        "source": "+".join(dict.fromkeys(entry["source"] for entry in columns["field_sources"].values())) or None,
        "confidence": lead.confidence,
        "reason": lead.reason,
    }
