"""Meetings as the booking provider tells them: the newest event of a booking decides, in whatever order they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from agency_os.kit.ids import new_id
from agency_os.models import Meeting
from agency_os.repositories.base import Repository, TenantRepository

_UPSERT = text("""
    INSERT INTO meetings AS m (id, client_id, lead_id, campaign_id, touch_id, provider, provider_uid, status, title,
        starts_at, ends_at, attendee_email, provider_updated_at)
    VALUES (:id, :client_id, :lead_id, :campaign_id, :touch_id, :provider, :uid, :status, :title, :starts_at, :ends_at,
        :attendee, :at)
    ON CONFLICT (provider, provider_uid) DO UPDATE SET
        status = CASE WHEN excluded.provider_updated_at >= m.provider_updated_at THEN excluded.status ELSE m.status END,
        title = coalesce(m.title, excluded.title),
        starts_at = coalesce(m.starts_at, excluded.starts_at),
        ends_at = coalesce(m.ends_at, excluded.ends_at),
        attendee_email = coalesce(m.attendee_email, excluded.attendee_email),
        provider_updated_at = greatest(m.provider_updated_at, excluded.provider_updated_at)
    WHERE m.client_id = excluded.client_id
    RETURNING m.id
""")
_BY_UID = text("""
    SELECT client_id, lead_id, campaign_id, touch_id FROM meetings WHERE provider = :provider AND provider_uid = :uid
""")


@dataclass(frozen=True, slots=True)
class MeetingUpdate:
    """One event of a booking; ``at`` is when the provider says it happened (aware UTC)."""

    client_id: UUID
    lead_id: UUID
    campaign_id: UUID | None
    touch_id: UUID | None
    provider: str
    uid: str
    status: str
    title: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    attendee: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class MeetingOwner:
    """Whom a known booking belongs to."""

    client_id: UUID
    lead_id: UUID
    campaign_id: UUID | None
    touch_id: UUID | None


class MeetingRepository(Repository):
    """Meetings over all tenants: a booking names none until its token is read."""

    async def upsert(self, update: MeetingUpdate) -> None:
        """Apply one event."""
        values = {name: getattr(update, name) for name in MeetingUpdate.__slots__}
        await self.db.execute(_UPSERT, {"id": new_id(), **values})

    async def owner(self, provider: str, uid: str) -> MeetingOwner | None:
        """Whom the booking ``uid`` belongs to, None when it is not known yet."""
        row = (await self.db.execute(_BY_UID, {"provider": provider, "uid": uid})).one_or_none()
        return MeetingOwner(*row) if row is not None else None


class MeetingListRepository(TenantRepository):
    """One client's meetings, as its people read them."""

    async def page(
        self,
        *,
        after: UUID | None,
        limit: int,
        filters: Mapping[str, Any],
        starts: tuple[datetime | None, datetime | None] = (None, None),
    ) -> Sequence[Meeting]:
        """Newest first, those that follow ``after``; ``filters`` are columns that must equal, ``starts`` the earliest
        and the first moment too late at which they begin."""
        query = self.newest(select(Meeting), Meeting, after, limit)
        for name, value in filters.items():
            query = query.where(getattr(Meeting, name) == value)
        earliest, too_late = starts
        query = query.where(Meeting.starts_at >= earliest) if earliest is not None else query
        query = query.where(Meeting.starts_at < too_late) if too_late is not None else query
        return (await self.db.scalars(query)).all()

    async def view(self, meeting_id: UUID) -> Meeting:
        """One meeting. Raises NotFoundError."""
        return await self.get(Meeting, meeting_id)
