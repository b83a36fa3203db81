"""The audit trail: sealed, verified from its own rows, and read page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, exists, select, text

from agency_os.models import AuditLog, AuditSealed, AuditValue
from agency_os.repositories.base import Repository, TenantRepository

LOOK_BACK: Final = timedelta(minutes=10)
"""How far back a usual pass looks for entries that wait, in wall time; a transaction that lasts longer is found by the
pass over everything."""
MOST: Final = 20_000
"""Entries of one pass."""

_SEAL = text("SELECT app.seal_audit(CAST(:look_back AS interval), :most)")
# Recomputed from the entries themselves: of the stored seals only what is compared is believed.
_VERIFY = text("""
    WITH members AS (
        SELECT m.seal_id, coalesce(l.client_id, :nil) AS chain, count(*)::integer AS entries,
            string_agg(app.audit_entry_hash(l), '' ORDER BY l.id) AS content
        FROM audit_sealed AS m JOIN audit_logs AS l ON l.id = m.audit_id
        WHERE CAST(:chain AS uuid) IS NULL OR coalesce(l.client_id, :nil) = :chain
        GROUP BY 1, 2
    ),
    links AS (
        SELECT s.chain, s.sequence, s.hash, s.entries, s.previous_hash, s.sealed_at,
            lag(s.hash, 1, '') OVER w AS hash_before, row_number() OVER w AS place,
            coalesce(m.entries, 0) AS found, coalesce(m.content, '') AS content
        FROM audit_seals AS s LEFT JOIN members AS m ON m.seal_id = s.id AND m.chain = s.chain
        WHERE CAST(:chain AS uuid) IS NULL OR s.chain = :chain
        WINDOW w AS (PARTITION BY s.chain ORDER BY s.sequence)
    ),
    judged AS (
        SELECT chain, sequence, hash, entries, CASE
            WHEN sequence <> place THEN 'a seal before it is missing'
            WHEN previous_hash <> hash_before THEN 'it does not follow from the seal before it'
            WHEN found <> entries THEN 'it covers ' || entries || ' entries, and ' || found || ' are there'
            WHEN app.audit_seal_hash(previous_hash, sequence, entries, sealed_at, content) <> hash
                THEN 'it was changed, or an entry under it was changed or exchanged'
        END AS fault
        FROM links
    )
    SELECT chain, count(*) AS seals, sum(entries) AS entries,
        (array_agg(hash ORDER BY sequence DESC))[1] AS head,
        (array_agg(sequence ORDER BY sequence) FILTER (WHERE fault IS NOT NULL))[1] AS broken_at,
        (array_agg(fault ORDER BY sequence) FILTER (WHERE fault IS NOT NULL))[1] AS fault
    FROM judged GROUP BY chain ORDER BY chain
""")
# Emptied values, also those emptied to JSON's null, are an erasure's.
_VALUES = text("""
    SELECT coalesce(l.client_id, :nil) AS chain, count(*) AS wrong, (array_agg(l.id ORDER BY l.id))[1] AS first
    FROM audit_logs AS l JOIN audit_values AS v ON v.audit_id = l.id
    WHERE (CAST(:chain AS uuid) IS NULL OR coalesce(l.client_id, :nil) = :chain)
        AND (v.client_id IS DISTINCT FROM l.client_id OR v.values <> 'null' AND l.digests IS DISTINCT FROM (
            SELECT jsonb_object_agg(f.key, encode(sha256(v.salt || convert_to(f.value::text, 'UTF8')), 'hex'))
            FROM jsonb_each(CASE jsonb_typeof(v.values) WHEN 'object' THEN v.values END) AS f
        ))
    GROUP BY 1
""")
# Entries under no seal, and those said to be under one that is not there or is another chain's.
_OUTSIDE = text("""
    SELECT coalesce(l.client_id, :nil) AS chain, count(*) FILTER (WHERE m.audit_id IS NULL) AS unsealed,
        count(m.audit_id) AS stray, (array_agg(l.id ORDER BY l.id) FILTER (WHERE m.audit_id IS NOT NULL))[1] AS first
    FROM audit_logs AS l
    LEFT JOIN audit_sealed AS m ON m.audit_id = l.id
    LEFT JOIN audit_seals AS s ON s.id = m.seal_id AND s.chain = coalesce(l.client_id, :nil)
    WHERE s.id IS NULL AND (CAST(:chain AS uuid) IS NULL OR coalesce(l.client_id, :nil) = :chain)
    GROUP BY 1
""")
PLATFORM: Final = UUID(int=0)
"""The chain of what belongs to no client."""


@dataclass(frozen=True, slots=True)
class ChainReport:
    """One chain. ``head`` is the last seal's hash (hexadecimal): kept elsewhere, it also proves that no seals were
    taken off the end. ``fault`` is None where the chain holds."""

    chain: UUID
    seals: int
    entries: int
    unsealed: int
    head: str
    fault: str | None


class AuditRepository(Repository):
    """The trail of the platform and of every client."""

    async def seal(self, *, everything: bool = False, most: int = MOST) -> int | None:
        """Seal what waits, at most ``most`` entries; how many were sealed, None while another sealer is at work."""
        sealed: int | None = await self.db.scalar(_SEAL, {"look_back": None if everything else LOOK_BACK, "most": most})
        return sealed

    async def verify(self, client_id: UUID | None = None) -> list[ChainReport]:
        """Every chain, or a client's, recomputed from its entries; for the service."""
        which = {"chain": client_id, "nil": PLATFORM}
        links = {row.chain: row for row in await self.db.execute(_VERIFY, which)}
        values = {row.chain: row for row in await self.db.execute(_VALUES, which)}
        outside = {row.chain: row for row in await self.db.execute(_OUTSIDE, which)}
        return [
            _report(chain, links.get(chain), values.get(chain), outside.get(chain))
            for chain in sorted(links.keys() | values.keys() | outside.keys())
        ]

    async def page(
        self, client_id: UUID, *, after: UUID | None, limit: int, filters: Mapping[str, Any]
    ) -> Sequence[Any]:
        """A client's entries, newest first, those that follow ``after``: with their values, where an erasure has not
        emptied them, and whether they are sealed. ``filters``: columns that must equal, ``since``, ``until``."""
        sealed = exists().where(AuditSealed.audit_id == AuditLog.id).label("is_sealed")
        query: Select[Any] = select(
            AuditLog.id, AuditLog.actor, AuditLog.verb, AuditLog.table_name, AuditLog.row_id, AuditLog.fields,
            AuditLog.created_at, AuditValue.new_values.label("new_values"), sealed,
        ).outerjoin(AuditValue, AuditValue.audit_id == AuditLog.id)  # fmt: skip
        query = TenantRepository(self.db, client_id).newest(query, AuditLog, after, limit)
        for name, value in filters.items():
            if name == "since":
                query = query.where(AuditLog.created_at >= value)
            elif name == "until":
                query = query.where(AuditLog.created_at < value)
            else:
                query = query.where(getattr(AuditLog, name) == value)
        return list(await self.db.execute(query))


def _report(chain: UUID, links: Any, values: Any, outside: Any) -> ChainReport:
    fault = None
    if links is not None and links.fault is not None:
        fault = f"seal {links.broken_at}: {links.fault}"
    elif outside is not None and outside.stray:
        fault = (
            f"entry {outside.first}: the seal that it is said to be under is not there ({outside.stray} such entries)"
        )
    elif values is not None:
        fault = f"entry {values.first}: its values are not those it was written with ({values.wrong} such entries)"
    return ChainReport(
        chain=chain,
        seals=links.seals if links is not None else 0,
        entries=int(links.entries) if links is not None else 0,
        unsealed=outside.unsealed if outside is not None else 0,
        head=links.head.hex() if links is not None else "",
        fault=fault,
    )
