"""The declarative base: naming, shared columns, and the database's enums as Python enums.

Defaults of time and id stand in the database (`app.now()`, `app.uuid_v7()`); our own code brings its ids along.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Enum, FetchedValue, MetaData, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from agency_os.kit.ids import new_id

NOW = text("app.now()")


class Base(DeclarativeBase):
    """Base of all tables; every timestamp is UTC, every text is `text`."""

    metadata = MetaData()
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        uuid.UUID: Uuid(),
        dict[str, Any]: JSONB(),
        list[dict[str, Any]]: JSONB(),
    }


class IdMixin:
    """A UUIDv7 key, made in Python so that related rows can be written in one batch."""

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=new_id, server_default=text("app.uuid_v7()"), sort_order=-10
    )


class CreatedMixin:
    """When the row was written, by the business clock."""

    created_at: Mapped[datetime] = mapped_column(server_default=NOW, sort_order=90)


class TimestampsMixin(CreatedMixin):
    """When the row was written and last changed, by the business clock; a trigger keeps `updated_at`."""

    updated_at: Mapped[datetime] = mapped_column(server_default=NOW, server_onupdate=FetchedValue(), sort_order=91)


class SoftDeleteMixin:
    """Rows are never deleted (decision 10): `deleted_at` takes them out of every list."""

    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=92)


def pg_enum(name: str, *values: str) -> Enum:
    """A PostgreSQL enum made by a migration; Python sees its values as text."""
    return Enum(*values, name=name, create_type=False)


TIER = pg_enum("tier_type", "ignition", "velocity", "dominance")
SUBSCRIPTION_STATUS = pg_enum("subscription_status", "trialing", "active", "past_due", "cancelled", "paused")
MEMBERSHIP_ROLE = pg_enum("membership_role", "owner", "admin", "member", "viewer")
PERMISSION_MODE = pg_enum("permission_mode", "autopilot", "co_pilot", "manual")
CAMPAIGN_STATUS = pg_enum("campaign_status", "draft", "active", "paused", "completed")
LEAD_STATUS = pg_enum("lead_status", "new", "enriched", "scored", "in_sequence", "converted", "unsubscribed", "bounced")
CHANNEL = pg_enum("channel_type", "email", "sms", "linkedin", "voice", "mail")
INTENT = pg_enum(
    "intent_type",
    "meeting_request",
    "interested",
    "question",
    "not_interested",
    "unsubscribe",
    "out_of_office",
    "auto_reply",
)
RESOURCE_KIND = pg_enum("resource_kind", "domain", "mailbox", "seat", "number")
IMPORT_STATE = pg_enum("import_state", "uploaded", "queued", "running", "finished", "failed")
CONSENT_BASIS = pg_enum("consent_basis", "express", "inferred")
TOUCH_KIND = pg_enum("touch_kind", "sequence", "answer", "task")
TOUCH_STATE = pg_enum(
    "touch_state",
    "planned",
    "awaiting_approval",
    "ready",
    "claimed",
    "sending",
    "sent",
    "failed",
    "unknown",
    "skipped",
    "cancelled",
)
