"""A client's touches, as its people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, select

from agency_os.exceptions import NotFoundError
from agency_os.models import Touch
from agency_os.repositories.base import TenantRepository

_ITEM: Final = (
    Touch.id,
    Touch.lead_id,
    Touch.campaign_id,
    Touch.kind,
    Touch.channel,
    Touch.step,
    Touch.state,
    Touch.reason,
    Touch.due_at,
    Touch.sent_at,
    Touch.payload["subject"].astext.label("subject"),
    Touch.provider,
    Touch.provider_message_id,
    Touch.created_at,
)
_WORDS: Final = (
    Touch.payload["to"].astext.label("recipient"),
    Touch.payload["sender"].astext.label("sender"),
    Touch.payload["text"].astext.label("text"),
    Touch.frozen_at,
)


class TouchListRepository(TenantRepository):
    """One client's touches."""

    async def page(self, *, after: UUID | None, limit: int, filters: Mapping[str, Any]) -> Sequence[Any]:
        """Newest first, those that follow ``after``; ``filters`` are columns that must equal."""
        query: Select[Any] = self.newest(select(*_ITEM), Touch, after, limit)
        for name, value in filters.items():
            query = query.where(getattr(Touch, name) == value)
        return list(await self.db.execute(query))

    async def view(self, touch_id: UUID) -> Any:
        """One touch with its words. Raises NotFoundError."""
        query = select(*_ITEM, *_WORDS).where(Touch.client_id == self.client_id, Touch.id == touch_id)
        row = (await self.db.execute(query)).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no touch {touch_id}")
        return row
