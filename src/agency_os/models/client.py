"""Tenants and platform-wide facts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from agency_os.models.base import (
    NOW,
    PERMISSION_MODE,
    SUBSCRIPTION_STATUS,
    TIER,
    Base,
    IdMixin,
    SoftDeleteMixin,
    TimestampsMixin,
)


class Client(IdMixin, TimestampsMixin, SoftDeleteMixin, Base):
    """A tenant: one marketing agency, with its plan, identity and ideal customer profile."""

    __tablename__ = "clients"
    __table_args__ = (
        Index("idx_clients_subscription", "subscription_status"),
        Index(
            "idx_clients_stripe_customer",
            "stripe_customer_id",
            postgresql_where=text("stripe_customer_id IS NOT NULL"),
        ),
        Index(
            "idx_clients_stripe_subscription",
            "stripe_subscription_id",
            postgresql_where=text("stripe_subscription_id IS NOT NULL"),
        ),
    )

    name: Mapped[str]
    tier: Mapped[str] = mapped_column(TIER, server_default=text("'ignition'"))
    subscription_status: Mapped[str] = mapped_column(SUBSCRIPTION_STATUS, server_default=text("'trialing'"))
    credits_remaining: Mapped[int] = mapped_column(server_default=text("1250"))
    credits_reset_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    default_permission_mode: Mapped[str] = mapped_column(PERMISSION_MODE, server_default=text("'co_pilot'"))
    stripe_customer_id: Mapped[str | None]
    stripe_subscription_id: Mapped[str | None]
    sender_name: Mapped[str | None]
    abn: Mapped[str | None]
    postal_address: Mapped[str | None]
    booking_url: Mapped[str | None]
    stopped_at: Mapped[datetime | None]
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    website_url: Mapped[str | None]
    company_description: Mapped[str | None]
    services_offered: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    years_in_business: Mapped[int | None]
    team_size: Mapped[int | None]
    value_proposition: Mapped[str | None]
    default_offer: Mapped[str | None]
    icp_industries: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    icp_company_sizes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    icp_revenue_range: Mapped[str | None]
    icp_locations: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    icp_titles: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    icp_pain_points: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    als_weights: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    icp_extracted_at: Mapped[datetime | None]
    icp_extraction_source: Mapped[str | None]
    icp_confirmed_at: Mapped[datetime | None]
    als_learned_weights: Mapped[dict[str, Any] | None]
    als_weights_updated_at: Mapped[datetime | None]
    conversion_sample_count: Mapped[int] = mapped_column(server_default=text("0"))
    subscription_period_start: Mapped[datetime | None]
    subscription_period_end: Mapped[datetime | None]
    subscription_version: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))


class PlatformSetting(Base):
    """A platform-wide fact: the emergency stop, the check value of the suppression key."""

    __tablename__ = "platform_settings"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)
