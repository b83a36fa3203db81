"""What may follow what: the life of a lead and of a campaign, and how much a person must approve.

The states are the blueprint's enums (Part 5, migration 001). A step that is not in the tables raises ConflictError;
staying where one is is always allowed, so that a repeated event is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agency_os.exceptions import ConflictError


class LeadStatus(StrEnum):
    """Where a lead stands; the values are those of the database's ``lead_status``."""

    NEW = "new"
    ENRICHED = "enriched"
    SCORED = "scored"
    IN_SEQUENCE = "in_sequence"
    CONVERTED = "converted"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"


class CampaignStatus(StrEnum):
    """Where a campaign stands; the values are those of the database's ``campaign_status``."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"


class PermissionMode(StrEnum):
    """How far a campaign acts alone: freely, after approval of each message, or only preparing tasks for a person."""

    AUTOPILOT = "autopilot"
    CO_PILOT = "co_pilot"
    MANUAL = "manual"


_STOPS = frozenset({LeadStatus.UNSUBSCRIBED, LeadStatus.BOUNCED})

LEAD_TRANSITIONS: Final[Mapping[LeadStatus, frozenset[LeadStatus]]] = MappingProxyType(
    {
        LeadStatus.NEW: _STOPS | {LeadStatus.ENRICHED},
        LeadStatus.ENRICHED: _STOPS | {LeadStatus.SCORED},
        LeadStatus.SCORED: _STOPS | {LeadStatus.IN_SEQUENCE, LeadStatus.CONVERTED},
        # back to scored: the campaign ended or the lead was taken out of it
        LeadStatus.IN_SEQUENCE: _STOPS | {LeadStatus.SCORED, LeadStatus.CONVERTED},
        LeadStatus.CONVERTED: _STOPS,
        # a dead address heals when another one is found; a person may still say no by another way, or book
        LeadStatus.BOUNCED: frozenset({LeadStatus.ENRICHED, LeadStatus.CONVERTED, LeadStatus.UNSUBSCRIBED}),
        LeadStatus.UNSUBSCRIBED: frozenset(),
    }
)
"""An opt-out is final: nothing leads out of ``unsubscribed``."""

CAMPAIGN_TRANSITIONS: Final[Mapping[CampaignStatus, frozenset[CampaignStatus]]] = MappingProxyType(
    {
        CampaignStatus.DRAFT: frozenset({CampaignStatus.ACTIVE}),
        CampaignStatus.ACTIVE: frozenset({CampaignStatus.PAUSED, CampaignStatus.COMPLETED}),
        CampaignStatus.PAUSED: frozenset({CampaignStatus.ACTIVE, CampaignStatus.COMPLETED}),
        CampaignStatus.COMPLETED: frozenset(),
    }
)

CONTACTABLE: Final = frozenset({LeadStatus.IN_SEQUENCE})
"""Lead statuses in which a sequence touch may go out; an answer to a person's own message is not bound by it."""


def lead_may_become(current: LeadStatus, target: LeadStatus) -> bool:
    """Whether a lead in ``current`` may be put into ``target``."""
    return current is target or target in LEAD_TRANSITIONS[current]


def move_lead(current: LeadStatus, target: LeadStatus) -> LeadStatus:
    """``target``; raises ConflictError where the step is forbidden."""
    if not lead_may_become(current, target):
        raise ConflictError(f"a lead that is {current} cannot become {target}{_allowed(LEAD_TRANSITIONS[current])}")
    return target


def campaign_may_become(current: CampaignStatus, target: CampaignStatus) -> bool:
    """Whether a campaign in ``current`` may be put into ``target``."""
    return current is target or target in CAMPAIGN_TRANSITIONS[current]


def move_campaign(current: CampaignStatus, target: CampaignStatus) -> CampaignStatus:
    """``target``; raises ConflictError where the step is forbidden."""
    if not campaign_may_become(current, target):
        allowed = _allowed(CAMPAIGN_TRANSITIONS[current])
        raise ConflictError(f"a campaign that is {current} cannot become {target}{allowed}")
    return target


def _allowed(targets: frozenset[LeadStatus] | frozenset[CampaignStatus]) -> str:
    if not targets:
        return ": that state is final"
    return f"; from there it can become {', '.join(sorted(targets))}"
