"""Whom an event from outside concerns: matched by touch, by provider id, by Message-ID, or by the address alone.

The signed token comes first (decision 14). An address alone is enough only where exactly one client knows it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from agency_os.repositories.base import Repository

_COLUMNS = """
    t.id AS touch_id, t.client_id, t.lead_id, t.campaign_id, t.resource_id, t.state, l.company_id, l.email,
    l.first_name, l.state AS lead_state, l.time_zone, l.status AS lead_status
"""
_BY_TOUCH = text(f"""
    SELECT {_COLUMNS} FROM touches AS t JOIN leads AS l ON l.id = t.lead_id WHERE t.id = ANY (:ids)
""")  # noqa: S608  # columns are literals
_BY_PROVIDER_ID = text(f"""
    SELECT t.provider_message_id AS provider_id, {_COLUMNS}
    FROM touches AS t JOIN leads AS l ON l.id = t.lead_id
    WHERE t.provider = :provider AND t.provider_message_id = ANY (:ids)
""")  # noqa: S608
_BY_MESSAGE_ID = text(f"""
    SELECT {_COLUMNS} FROM touches AS t JOIN leads AS l ON l.id = t.lead_id
    WHERE t.rfc_message_id = ANY (:ids)
    ORDER BY array_position(CAST(:ids AS text[]), t.rfc_message_id) LIMIT 1
""")  # noqa: S608
_BY_ADDRESS = text(f"""
    SELECT {_COLUMNS} FROM leads AS l
    JOIN LATERAL (
        SELECT x.* FROM touches AS x WHERE x.lead_id = l.id AND x.state IN ('sent', 'sending', 'unknown')
        ORDER BY x.sent_at DESC NULLS LAST, x.id DESC LIMIT 1
    ) AS t ON true
    WHERE lower(l.email) = :email AND l.deleted_at IS NULL
    LIMIT 2
""")  # noqa: S608
_LEADS_WITH_ADDRESS = text("""
    SELECT id FROM leads
    WHERE lower(email) = :email AND deleted_at IS NULL
        AND (CAST(:client_id AS uuid) IS NULL OR client_id = :client_id)
    ORDER BY id
""")
_SENDERS = text("""
    SELECT lower(r.address) AS address FROM resources AS r
    WHERE r.client_id = :client_id AND r.channel = 'email' AND r.deleted_at IS NULL
    UNION SELECT lower(r.sender_email) FROM resources AS r
    WHERE r.client_id = :client_id AND r.channel = 'email' AND r.sender_email IS NOT NULL
""")
_CLIENT_NAME = text("SELECT name FROM clients WHERE id = :client_id")


@dataclass(frozen=True, slots=True)
class Thread:
    """A message of ours and the lead it went to."""

    touch_id: UUID
    client_id: UUID
    lead_id: UUID
    campaign_id: UUID
    resource_id: UUID | None
    state: str
    company_id: UUID | None
    email: str | None
    first_name: str | None
    lead_state: str | None
    time_zone: str | None
    lead_status: str


class ThreadRepository(Repository):
    """Matching over all tenants: the tenant is what is looked for."""

    async def by_touch(self, touch_ids: Collection[UUID]) -> dict[UUID, Thread]:
        """The threads of these touches."""
        found = await self.db.execute(_BY_TOUCH, {"ids": list(touch_ids)})
        return {row.touch_id: Thread(*row) for row in found}

    async def by_provider_id(self, provider: str, provider_ids: Collection[str]) -> dict[str, Thread]:
        """The threads of messages that a provider knows under these ids."""
        found = await self.db.execute(_BY_PROVIDER_ID, {"provider": provider, "ids": list(provider_ids)})
        return {row.provider_id: Thread(*row[1:]) for row in found}

    async def by_message_id(self, message_ids: Sequence[str]) -> Thread | None:
        """The thread of the first of these RFC 5322 Message-IDs that is ours."""
        row = (await self.db.execute(_BY_MESSAGE_ID, {"ids": list(message_ids)})).one_or_none()
        return Thread(*row) if row is not None else None

    async def by_address(self, email: str) -> Thread | None:
        """The last thread with this address, where one client alone has written to it."""
        rows = (await self.db.execute(_BY_ADDRESS, {"email": email})).all()
        return Thread(*rows[0]) if len(rows) == 1 else None

    async def leads_with(self, email: str, client_id: UUID | None = None) -> list[UUID]:
        """Every live lead with this address (lower case), of one client or of any."""
        values = {"email": email, "client_id": client_id}
        return list((await self.db.execute(_LEADS_WITH_ADDRESS, values)).scalars())

    async def own_senders(self, client_id: UUID) -> frozenset[str]:
        """The domains and addresses that a client sends email from, lower case."""
        return frozenset((await self.db.execute(_SENDERS, {"client_id": client_id})).scalars())

    async def client_name(self, client_id: UUID) -> str:
        """The agency's name, as a recipient knows it."""
        return str(await self.db.scalar(_CLIENT_NAME, {"client_id": client_id}))


def first(threads: Mapping[UUID, Thread]) -> Thread | None:
    """The only thread of a look-up by one touch."""
    return next(iter(threads.values()), None)
