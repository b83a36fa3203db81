"""Channel access by ALS tier and the limits of resources (blueprint Parts 1B and 6, design decision 7)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from agency_os.domain.als import AlsTier
from agency_os.domain.channels import (
    CHANNELS_BY_TIER,
    LINKEDIN_INVITATION_LIMIT,
    LINKEDIN_INVITATION_WINDOW,
    RESOURCE_LIMITS,
    Channel,
    ResourceKind,
)


@pytest.mark.parametrize(
    ("channel", "tiers"),
    [
        (Channel.EMAIL, {AlsTier.COLD, AlsTier.COOL, AlsTier.WARM, AlsTier.HOT}),
        (Channel.LINKEDIN, {AlsTier.COOL, AlsTier.WARM, AlsTier.HOT}),
        (Channel.VOICE, {AlsTier.WARM, AlsTier.HOT}),
        (Channel.SMS, {AlsTier.HOT}),
        (Channel.MAIL, {AlsTier.HOT}),
    ],
)
def test_a_channel_is_open_to_its_published_tiers(channel: Channel, tiers: set[AlsTier]) -> None:
    assert {tier for tier, channels in CHANNELS_BY_TIER.items() if channel in channels} == tiers


def test_a_dead_lead_has_no_channel() -> None:
    assert CHANNELS_BY_TIER[AlsTier.DEAD] == frozenset()


def test_every_tier_is_in_the_table() -> None:
    assert set(CHANNELS_BY_TIER) == set(AlsTier)


def test_a_better_tier_never_closes_a_channel() -> None:
    assert all(CHANNELS_BY_TIER[worse] < CHANNELS_BY_TIER[better] for better, worse in pairwise(AlsTier))


def test_channels_are_spelled_as_in_the_database() -> None:
    assert [channel.value for channel in Channel] == ["email", "sms", "linkedin", "voice", "mail"]


@pytest.mark.parametrize(
    ("channel", "kind", "per_day"),
    [
        (Channel.LINKEDIN, ResourceKind.SEAT, 17),
        (Channel.EMAIL, ResourceKind.DOMAIN, 50),
        (Channel.SMS, ResourceKind.NUMBER, 100),
    ],
)
def test_a_resource_has_its_published_daily_limit(channel: Channel, kind: ResourceKind, per_day: int) -> None:
    limit = RESOURCE_LIMITS[channel]
    assert limit.channel is channel
    assert (limit.kind, limit.per_day) == (kind, per_day)


def test_no_other_channel_has_a_limit_of_its_own() -> None:
    assert set(RESOURCE_LIMITS) == {Channel.LINKEDIN, Channel.EMAIL, Channel.SMS}


def test_a_seat_sends_100_invitations_in_seven_days() -> None:
    assert (100, timedelta(days=7)) == (LINKEDIN_INVITATION_LIMIT, LINKEDIN_INVITATION_WINDOW)
