"""One agency ready to send: a client, a campaign, sending domains, leads with consent, and touches."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from agency_os.db import AsyncSession
from agency_os.domain.touch import payload_hash
from agency_os.kit.ids import new_id, new_ids
from agency_os.models import Campaign, Client, Company, Consent, Lead, Resource, SequenceStep, Touch

MONDAY_NOON = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""Monday 23 November 2026, 13:00 in Sydney and 10:00 in Perth: inside every sending window of Australia."""

BEFORE = MONDAY_NOON - timedelta(days=7)

PERSON_KEY = b"k" * 32


@dataclass
class Outreach:
    """Ids of what was made."""

    client_id: UUID
    campaign_id: UUID
    resource_ids: list[UUID]
    step_ids: list[UUID]
    lead_ids: list[UUID] = field(default_factory=list)
    company_ids: list[UUID] = field(default_factory=list)
    touch_ids: list[UUID] = field(default_factory=list)


def frozen_email(touch_id: UUID, to: str, sender: str) -> dict[str, Any]:
    """A frozen message as the freeze stores it."""
    return {
        "sender": f"Ann Example <{sender}>",
        "to": to,
        "subject": "A question about your clinic",
        "text": f"Hello, this is about touch {touch_id}.",
        "html": f"<p>Hello, this is about touch {touch_id}.</p>",
        "reply_to": f"reply+{touch_id}@reply.example",
        "headers": {
            "List-Unsubscribe": "<http://127.0.0.1/u/x>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "tags": {"touch": str(touch_id)},
    }


async def make_agency(db: AsyncSession, *, domains: int = 1, daily_limit: int = 50, **client: Any) -> Outreach:
    """A trialing client with an active autopilot campaign of four email steps and ``domains`` sending domains."""
    client_id, campaign_id = new_id(), new_id()
    await db.execute(
        insert(Client).values(
            id=client_id,
            name="Harbour Marketing",
            sender_name="Ann Example",
            abn="51 824 753 556",
            postal_address="1 Example Street, Sydney NSW 2000",
            booking_url="http://127.0.0.1/cal/book/harbour",
            **client,
        )
    )
    await db.execute(
        insert(Campaign).values(
            id=campaign_id,
            client_id=client_id,
            name="Clinics",
            status="active",
            permission_mode="autopilot",
            activated_at=BEFORE,
        )
    )
    steps = [
        {
            "id": new_id(),
            "client_id": client_id,
            "campaign_id": campaign_id,
            "step": number,
            "channel": "email",
            "day_offset": offset,
            "subject_template": "Hello",
            "body_template": "Hello {{ first_name }}",
        }
        for number, offset in ((1, 0), (2, 3), (3, 7), (4, 12))
    ]
    await db.execute(insert(SequenceStep), steps)
    resources = [
        {
            "id": new_id(),
            "client_id": client_id,
            "kind": "domain",
            "channel": "email",
            "provider": "resend",
            "address": f"mail{n}-{client_id.hex[-8:]}.example",
            "sender_email": f"ann@mail{n}-{client_id.hex[-8:]}.example",
            "sender_name": "Ann Example",
            "daily_limit": daily_limit,
        }
        for n in range(domains)
    ]
    await db.execute(insert(Resource), resources)
    return Outreach(
        client_id, campaign_id, [UUID(str(r["id"])) for r in resources], [UUID(str(s["id"])) for s in steps]
    )


async def add_leads(db: AsyncSession, agency: Outreach, count: int, *, consent: bool = True, **lead: Any) -> list[UUID]:
    """``count`` leads in sequence in Sydney, each with a company and, unless told otherwise, a consent a week old."""
    first = len(agency.lead_ids)
    ids, companies = new_ids(count), new_ids(count)
    await db.execute(
        insert(Company),
        [
            {
                "id": c,
                "client_id": agency.client_id,
                "key": f"company{first + n}.example",
                "name": f"Company {first + n}",
                "domain": f"company{first + n}.example",
            }
            for n, c in enumerate(companies)
        ],
    )
    rows = [
        {
            "id": i,
            "client_id": agency.client_id,
            "campaign_id": agency.campaign_id,
            "company_id": companies[n],
            "email": f"person{first + n}@company{first + n}.example",
            "first_name": "Pat",
            "last_name": f"Number{first + n}",
            "company": f"Company {first + n}",
            "domain": f"company{first + n}.example",
            "state": "NSW",
            "status": "in_sequence",
            "als_score": 70,
            "als_tier": "warm",
            **lead,
        }
        for n, i in enumerate(ids)
    ]
    await db.execute(insert(Lead), rows)
    if consent:
        await db.execute(
            insert(Consent),
            [
                {
                    "client_id": agency.client_id,
                    "lead_id": i,
                    "basis": "inferred",
                    "source": "https://company.example/team",
                    "evidence": "published work address of the owner",
                    "declared_by": "Ann Example",
                    "obtained_at": BEFORE,
                    "created_at": BEFORE,
                }
                for i in ids
            ],
        )
    agency.lead_ids += ids
    agency.company_ids += companies
    return ids


async def add_ready_touches(
    db: AsyncSession, agency: Outreach, *, due_at: datetime = BEFORE, step: int = 1
) -> list[UUID]:
    """One ready, frozen email touch per lead of the agency, senders in turn."""
    ids = new_ids(len(agency.lead_ids))
    rows = []
    for n, (touch_id, lead_id) in enumerate(zip(ids, agency.lead_ids, strict=True)):
        resource = agency.resource_ids[n % len(agency.resource_ids)]
        payload = frozen_email(touch_id, f"person{n}@company{n}.example", "ann@mail.example")
        rows.append(
            {
                "id": touch_id,
                "client_id": agency.client_id,
                "campaign_id": agency.campaign_id,
                "lead_id": lead_id,
                "channel": "email",
                "sequence_step_id": agency.step_ids[step - 1],
                "step": step,
                "resource_id": resource,
                "state": "ready",
                "due_at": due_at,
                "payload": payload,
                "payload_hash": payload_hash(payload),
                "frozen_at": due_at,
            }
        )
    await db.execute(insert(Touch), rows)
    agency.touch_ids += ids
    return ids


def as_json(payload: dict[str, Any]) -> str:
    """The canonical text of a payload."""
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
