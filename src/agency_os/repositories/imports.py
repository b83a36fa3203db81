"""Imported lists: rows become leads, companies and consents by batches, each row keeps what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text

from agency_os.domain.facts import LeadFacts
from agency_os.domain.lead_import import ImportedLead, LeftOut
from agency_os.exceptions import InvalidInputError
from agency_os.kit.ids import new_id, new_ids
from agency_os.models import Consent, Import, ImportRow
from agency_os.repositories.base import Repository
from agency_os.repositories.lead_facts import email_status, field_sources

_EXISTING = text("""
    SELECT lower(email) AS key FROM leads
    WHERE client_id = :client_id AND deleted_at IS NULL AND lower(email) = ANY (:emails)
    UNION ALL
    SELECT lower(linkedin_url) FROM leads
    WHERE client_id = :client_id AND deleted_at IS NULL AND lower(linkedin_url) = ANY (:profiles)
""")
_KNOWN = text("""
    SELECT
        EXISTS (SELECT FROM clients WHERE id = :client_id AND deleted_at IS NULL) AS client,
        CAST(:campaign_id AS uuid) IS NULL OR EXISTS (
            SELECT FROM campaigns WHERE client_id = :client_id AND id = :campaign_id AND deleted_at IS NULL
        ) AS campaign
""")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:client_id, 0))")
_NAMED = text("""
    SELECT q.row FROM unnest(
        CAST(:rows AS integer[]), CAST(:firsts AS text[]), CAST(:lasts AS text[]), CAST(:keys AS text[])
    ) AS q (row, first_name, last_name, key)
    WHERE EXISTS (
        SELECT FROM companies AS c JOIN leads AS l ON l.company_id = c.id
        WHERE c.client_id = :client_id AND c.key = q.key AND c.deleted_at IS NULL
            AND l.client_id = :client_id AND l.deleted_at IS NULL
            AND lower(l.first_name) = lower(q.first_name) AND lower(l.last_name) = lower(q.last_name)
    )
""")
_SUPPRESSED = text("""
    SELECT q.hash FROM unnest(CAST(:channels AS text[]), CAST(:hashes AS bytea[])) AS q (channel, hash)
    WHERE EXISTS (
        SELECT FROM global_suppression AS s
        WHERE s.channel = CAST(q.channel AS channel_type) AND s.address_hash = q.hash
    ) OR EXISTS (
        SELECT FROM client_suppression AS s
        WHERE s.client_id = :client_id AND s.channel = CAST(q.channel AS channel_type) AND s.address_hash = q.hash
    )
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
    SELECT key, id FROM companies WHERE client_id = :client_id AND deleted_at IS NULL AND key = ANY (:keys)
""")
_LEADS = text("""
    INSERT INTO leads (
        id, client_id, campaign_id, company_id, import_id, email, email_status, email_is_role, phone, first_name,
        last_name, title, company, linkedin_url, domain, state, organization_industry, organization_employee_count,
        organization_country, organization_founded_year, organization_is_hiring, organization_latest_funding_date,
        employment_start_date, field_sources
    )
    SELECT
        q.id, :client_id, :campaign_id, q.company_id, :import_id, q.email, q.email_status, q.email_is_role, q.phone,
        q.first_name, q.last_name, q.title, q.company, q.linkedin_url, q.domain, q.state, q.industry, q.employees,
        q.country, q.founded, q.hiring, q.funded, q.started, q.sources
    FROM unnest(
        CAST(:id AS uuid[]), CAST(:company_id AS uuid[]), CAST(:email AS text[]), CAST(:email_status AS text[]),
        CAST(:email_is_role AS boolean[]), CAST(:phone AS text[]), CAST(:first_name AS text[]),
        CAST(:last_name AS text[]), CAST(:title AS text[]), CAST(:company AS text[]), CAST(:linkedin_url AS text[]),
        CAST(:domain AS text[]), CAST(:state AS text[]), CAST(:industry AS text[]), CAST(:employees AS integer[]),
        CAST(:country AS text[]), CAST(:founded AS integer[]), CAST(:hiring AS boolean[]), CAST(:funded AS date[]),
        CAST(:started AS date[]), CAST(:sources AS jsonb[])
    ) AS q (
        id, company_id, email, email_status, email_is_role, phone, first_name, last_name, title, company, linkedin_url,
        domain, state, industry, employees, country, founded, hiring, funded, started, sources
    )
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_FINISH = text("""
    UPDATE imports SET
        state = 'finished', finished_at = :now, rows_read = r.read, rows_accepted = r.accepted,
        rows_left_out = r.read - r.accepted
    FROM (SELECT count(*) AS read, count(lead_id) AS accepted FROM import_rows WHERE import_id = :id) AS r
    WHERE imports.id = :id
""")


@dataclass(frozen=True, slots=True)
class CompanyKey:
    """How a client knows a company: its registrable domain, else its normalised name (DESIGN section 5)."""

    key: str
    name: str | None
    domain: str | None


class ImportRepository(Repository):
    """One client's imports."""

    def __init__(self, db: Any, client_id: UUID) -> None:
        super().__init__(db)
        self._client_id = client_id

    async def open(self, *, campaign_id: UUID | None, file_name: str, mapping: Mapping[str, str]) -> UUID:
        """Begin an import. Raises InvalidInputError where there is no such client, or no such campaign of it."""
        ids = {"client_id": self._client_id, "campaign_id": campaign_id}
        known = (await self.db.execute(_KNOWN, ids)).one()
        if not known.client:
            raise InvalidInputError(f"there is no client {self._client_id}: give the id of a client", field="client")
        if not known.campaign:
            raise InvalidInputError(f"the client has no campaign {campaign_id}: give one of its own", field="campaign")
        import_id = new_id()
        values = {"campaign_id": campaign_id, "file_name": file_name, "mapping": dict(mapping)}
        await self.db.execute(insert(Import).values(id=import_id, client_id=self._client_id, **values))
        return import_id

    async def finish(self, import_id: UUID, now: datetime) -> None:
        """The import is over; its counts are those of its rows, and add up."""
        await self.db.execute(_FINISH, {"id": import_id, "now": now})

    async def existing(self, emails: Sequence[str], profiles: Sequence[str]) -> frozenset[str]:
        """Those of the addresses and profiles that a live lead of the client has."""
        values = {"client_id": self._client_id, "emails": list(emails), "profiles": list(profiles)}
        return frozenset((await self.db.execute(_EXISTING, values)).scalars())

    async def wait_for_turn(self) -> None:
        """One batch of a client at a time, until the transaction ends: two runs of a list take nobody twice, and
        never wait for each other in a circle."""
        await self.db.execute(_ALONE, {"client_id": f"import:{self._client_id}"})

    async def existing_names(self, named: Mapping[int, tuple[str, str, str]]) -> frozenset[int]:
        """Those rows whose first name, last name and company key a live lead of the client has."""
        firsts, lasts, keys = zip(*named.values(), strict=True) if named else ((), (), ())
        values = {"rows": list(named), "firsts": list(firsts), "lasts": list(lasts), "keys": list(keys)}
        return frozenset((await self.db.execute(_NAMED, {"client_id": self._client_id, **values})).scalars())

    async def suppressed(self, hashes: Sequence[tuple[str, bytes]]) -> frozenset[bytes]:
        """Those of the person hashes (channel, hash) that are suppressed for the client or everywhere."""
        values = {"channels": [channel for channel, _ in hashes], "hashes": [digest for _, digest in hashes]}
        return frozenset((await self.db.execute(_SUPPRESSED, {"client_id": self._client_id, **values})).scalars())

    async def store(
        self,
        import_id: UUID | None,
        campaign_id: UUID | None,
        leads: Sequence[ImportedLead],
        companies: Sequence[CompanyKey | None],
    ) -> dict[int, UUID]:
        """Insert accepted leads with companies and consents; ``import_id`` None for what is entered one by one.

        Returns row → lead; a missing row was a duplicate.
        """
        if not leads:
            return {}
        company_ids = await self._companies({each.key: each for each in companies if each is not None})
        ids = new_ids(len(leads))
        columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        for lead, company in zip(leads, companies, strict=True):
            for name, read in _COLUMNS.items():
                columns[name].append(read(lead.facts))
            columns.setdefault("company_id", []).append(company_ids[company.key] if company is not None else None)
        values = {"client_id": self._client_id, "campaign_id": campaign_id, "import_id": import_id, "id": ids}
        stored = set((await self.db.execute(_LEADS, {**values, **columns})).scalars())
        by_row = {lead.row: i for lead, i in zip(leads, ids, strict=True) if i in stored}
        await self.insert_many(
            Consent, [_consent(self._client_id, lead, by_row) for lead in leads if _has(lead, by_row)]
        )
        return by_row

    async def note_rows(
        self, import_id: UUID, accepted: Sequence[tuple[ImportedLead, UUID]], left_out: Sequence[LeftOut]
    ) -> None:
        """Keep of every row what became of it."""
        rows = [_row(self._client_id, import_id, lead.row, lead.raw, lead_id, None) for lead, lead_id in accepted]
        rows += [_row(self._client_id, import_id, each.row, each.raw, None, each.reason) for each in left_out]
        await self.insert_many(ImportRow, rows)

    async def _companies(self, wanted: Mapping[str, CompanyKey]) -> dict[str, UUID]:
        if not wanted:
            return {}
        found = list(wanted.values())
        values = {
            "ids": new_ids(len(found)),
            "keys": [each.key for each in found],
            "names": [each.name for each in found],
            "domains": [each.domain for each in found],
        }
        await self.db.execute(_COMPANIES, {"client_id": self._client_id, **values})
        rows = await self.db.execute(_COMPANY_IDS, {"client_id": self._client_id, "keys": list(wanted)})
        return {row.key: row.id for row in rows}


def _value(name: str) -> Any:
    def read(facts: LeadFacts) -> Any:
        fact = facts.get(name)
        return fact.value if fact is not None else None

    return read


_COLUMNS: dict[str, Any] = {
    **{name: _value(name) for name in ("email", "phone", "first_name", "last_name", "title", "company")},
    **{name: _value(name) for name in ("linkedin_url", "domain", "state")},
    "email_status": email_status,
    "email_is_role": lambda facts: facts.personal_email is not None and not facts.personal_email.value,
    "industry": _value("organization_industry"),
    "employees": _value("organization_employee_count"),
    "country": _value("organization_country"),
    "founded": _value("organization_founded_year"),
    "hiring": _value("organization_is_hiring"),
    "funded": _value("organization_latest_funding_date"),
    "started": _value("employment_start_date"),
    "sources": lambda facts: json.dumps(field_sources(facts)),
}


def _has(lead: ImportedLead, by_row: Mapping[int, UUID]) -> bool:
    return lead.consent is not None and lead.row in by_row


def _consent(client_id: UUID, lead: ImportedLead, by_row: Mapping[int, UUID]) -> dict[str, Any]:
    declared = lead.consent
    assert declared is not None  # noqa: S101  # asked for by _has
    return {
        "client_id": client_id,
        "lead_id": by_row[lead.row],
        "basis": declared.basis.value,
        "source": declared.source,
        "evidence": declared.relevance,
        "declared_by": declared.declared_by,
        "obtained_at": datetime.combine(declared.obtained_on, time(0), UTC),
    }


def _row(
    client_id: UUID, import_id: UUID, number: int, raw: Mapping[str, str], lead_id: UUID | None, reason: str | None
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "client_id": client_id,
        "import_id": import_id,
        "row_number": number,
        "lead_id": lead_id,
        "reason": reason,
        "raw": dict(raw),
    }
