"""Clients: made with a full pool of credits, and the campaigns, steps and senders that are set up for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, update

from agency_os.domain.credits import next_reset, pool_of
from agency_os.domain.tiers import Tier
from agency_os.exceptions import NotFoundError
from agency_os.kit.ids import new_id, new_ids
from agency_os.models import Campaign, Client, Resource, SequenceStep
from agency_os.repositories.base import Repository

_BY_NAME = text("""
    SELECT c.id AS client_id, g.id AS campaign_id FROM clients AS c JOIN campaigns AS g ON g.client_id = c.id
    WHERE c.name = :name AND c.deleted_at IS NULL AND g.deleted_at IS NULL ORDER BY c.created_at, g.created_at LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class SetUp:
    """A client and its campaign."""

    client_id: UUID
    campaign_id: UUID


class ClientRepository(Repository):
    """Clients: as the caller's row-level security shows them, and for the service to set up."""

    async def live(self, client_id: UUID, *, lock: bool = False) -> Client:
        """One client, locked where it is to be changed. Raises NotFoundError."""
        query = select(Client).where(Client.id == client_id, Client.deleted_at.is_(None))
        query = query.execution_options(populate_existing=True)
        client: Client | None = await self.db.scalar(query.with_for_update(key_share=True) if lock else query)
        if client is None:
            raise NotFoundError(f"there is no client {client_id}")
        return client

    async def page(self, *, after: UUID | None, limit: int) -> list[Client]:
        """The caller's clients, newest first; for a transaction as ``authenticated``, which sees no others."""
        query = select(Client).where(Client.deleted_at.is_(None)).order_by(Client.id.desc()).limit(limit)
        return list(await self.db.scalars(query.where(Client.id < after) if after is not None else query))

    async def change(self, client_id: UUID, fields: Mapping[str, Any]) -> None:
        """Set columns of a live client."""
        query = update(Client).where(Client.id == client_id, Client.deleted_at.is_(None))
        await self.db.execute(query.values(**fields).execution_options(synchronize_session=False))

    async def find(self, name: str) -> SetUp | None:
        """The first live client of that name with its first campaign."""
        row = (await self.db.execute(_BY_NAME, {"name": name})).one_or_none()
        return SetUp(row.client_id, row.campaign_id) if row is not None else None

    async def create(self, *, tier: Tier, now: datetime, **fields: Any) -> UUID:
        """A trialing client with its tier's pool (decision 27); ``fields`` are columns of ``clients``."""
        client_id = new_id()
        credits = {"credits_remaining": pool_of(tier), "credits_reset_at": next_reset(now, now)}
        await self.db.execute(insert(Client).values(id=client_id, tier=tier.value, **credits, **fields))
        return client_id

    async def create_campaign(self, client_id: UUID, *, steps: Sequence[Mapping[str, Any]], **fields: Any) -> UUID:
        """A campaign with its ``steps`` (columns of ``sequence_steps``); ``fields`` are columns of ``campaigns``."""
        campaign_id = new_id()
        await self.db.execute(insert(Campaign).values(id=campaign_id, client_id=client_id, **fields))
        ids = new_ids(len(steps))
        rows = [
            {"id": i, "client_id": client_id, "campaign_id": campaign_id, **step}
            for i, step in zip(ids, steps, strict=True)
        ]
        await self.insert_many(SequenceStep, rows)
        return campaign_id

    async def create_senders(self, client_id: UUID, senders: Sequence[Mapping[str, Any]]) -> None:
        """Senders (columns of ``resources``) of the client."""
        ids = new_ids(len(senders))
        rows = [{"id": i, "client_id": client_id, **sender} for i, sender in zip(ids, senders, strict=True)]
        await self.insert_many(Resource, rows)
