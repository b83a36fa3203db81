"""A touch that nothing speaks against, and what it takes to change one thing about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from agency_os.domain.calendars import place_of
from agency_os.domain.channels import Channel
from agency_os.domain.guards import (
    CampaignFacts,
    ClientFacts,
    GuardContext,
    LeadFacts,
    ResourceFacts,
    TouchFacts,
    Verdict,
    decide,
)
from agency_os.domain.lifecycle import CampaignStatus, LeadStatus, PermissionMode
from agency_os.domain.states import State
from agency_os.domain.subscription import SubscriptionStatus
from agency_os.domain.touch import TouchKind

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # Monday, 11:00 in Sydney
CLIENT, CAMPAIGN, COMPANY, SENDER, LEAD, TOUCH = (UUID(int=n) for n in range(1, 7))
SYDNEY = place_of(State.NSW)


def touch(**changes: Any) -> TouchFacts:
    values: dict[str, Any] = {
        "id": TOUCH,
        "client_id": CLIENT,
        "campaign_id": CAMPAIGN,
        "lead_id": LEAD,
        "company_id": COMPANY,
        "resource_id": SENDER,
        "kind": TouchKind.SEQUENCE,
        "channel": Channel.EMAIL,
        "recipient": "pat@acme.example",
        "person": b"pat",
        "payload_hash": "frozen",
        "approved_hash": None,
    }
    return TouchFacts(**{**values, **changes})


def touches(count: int, **changes: Any) -> list[TouchFacts]:
    """That many touches of as many leads, with ids from 100 and 1000 on."""
    return [
        touch(id=UUID(int=1000 + n), lead_id=UUID(int=100 + n), person=str(n).encode(), **changes) for n in range(count)
    ]


def client(**changes: Any) -> ClientFacts:
    return replace(ClientFacts(SubscriptionStatus.ACTIVE, None, stopped=False, deleted=False), **changes)


def campaign(**changes: Any) -> CampaignFacts:
    return replace(CampaignFacts(CampaignStatus.ACTIVE, PermissionMode.AUTOPILOT, deleted=False), **changes)


def lead(**changes: Any) -> LeadFacts:
    values: dict[str, Any] = {
        "status": LeadStatus.IN_SEQUENCE,
        "address": "pat@acme.example",
        "place": SYDNEY,
        "dead": False,
        "deleted": False,
        "replied": False,
        "meeting": False,
        "consent_since": datetime(2026, 11, 1, tzinfo=UTC),
        "last_contact": None,
        "current_campaign_id": CAMPAIGN,
    }
    return LeadFacts(**{**values, **changes})


def sender(**changes: Any) -> ResourceFacts:
    values: dict[str, Any] = {
        "limit": 50,
        "zone": SYDNEY.zones[0],
        "today": date(2026, 11, 23),
        "used": 0,
        "paused": False,
        "deleted": False,
    }
    return ResourceFacts(**{**values, **changes})


def context(**changes: Any) -> GuardContext:
    values: dict[str, Any] = {
        "now": NOW,
        "platform_stopped": False,
        "clients": {CLIENT: client()},
        "campaigns": {CAMPAIGN: campaign()},
        "leads": {LEAD: lead()} | {UUID(int=100 + n): lead() for n in range(200)},
        "resources": {SENDER: sender()},
        "lead_holds": {},
        "company_holds": {},
        "suppressed": frozenset(),
    }
    return GuardContext(**{**values, **changes})


def with_lead(**changes: Any) -> GuardContext:
    return context(leads={LEAD: lead(**changes)})


def with_campaign(**changes: Any) -> GuardContext:
    return context(campaigns={CAMPAIGN: campaign(**changes)})


def with_client(**changes: Any) -> GuardContext:
    return context(clients={CLIENT: client(**changes)})


def with_sender(**changes: Any) -> GuardContext:
    return context(resources={SENDER: sender(**changes)})


def verdict(case: TouchFacts, facts: GuardContext) -> Verdict | None:
    """What is decided of one touch alone."""
    return decide([case], facts)[case.id]
