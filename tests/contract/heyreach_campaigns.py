"""Campaigns in the sandbox's HeyReach: leads, virtual time, and what it told and accepted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from agency_os.integrations.heyreach import HeyReachClient
from agency_os.integrations.heyreach_types import LinkedInAction, NewCampaign, NewLead, one_step
from tests.contract.conftest import HOST, Wire
from tests.factories.sandbox import SECRETS

BASE = f"{HOST}/heyreach/api/public"
SEAT = 1001
FALLBACK = "Hello, glad to connect."
PAYLOAD = {"$ref": "#/components/schemas/WebhookPayload"}
HTTP_OK = 200


def people(amount: int, start: int = 0) -> list[NewLead]:
    """Leads who each carry their own text and touch."""
    return [
        NewLead(
            f"https://www.linkedin.com/in/person-{n}", SEAT, f"P{n}", "Lee", "Company Pty Ltd", "Owner",
            f"p{n}@company.example", {"agency_text": f"Hello P{n}.", "agency_subject": "A question", "touch": f"t-{n}"},
        )
        for n in range(start, start + amount)
    ]  # fmt: skip


async def campaign(client: HeyReachClient, action: LinkedInAction = LinkedInAction.INVITE) -> int:
    """A campaign of one step in DRAFT."""
    people_list = await client.create_list("People")
    made = NewCampaign(f"{action} of seat", people_list.id, (SEAT,), one_step(action, fallback=FALLBACK))
    return (await client.create_campaign(made)).id


async def running(
    client: HeyReachClient, leads: Sequence[NewLead], action: LinkedInAction = LinkedInAction.INVITE
) -> int:
    """A campaign that runs with these leads."""
    number = await campaign(client, action)
    await client.add_leads(number, leads)
    await client.start_campaign(number)
    return number


async def live(wire: Wire, **span: float) -> None:
    """Let virtual time pass."""
    await wire.sandbox.control.advance(wire.sandbox.clock.now + timedelta(**span))


def told(wire: Wire) -> list[dict[str, Any]]:
    """The webhooks due by now, oldest first, each with its ``kind``."""
    rows = wire.sandbox.store.all(
        "SELECT * FROM outbox WHERE provider = 'heyreach' AND due <= ? ORDER BY due, n",
        (wire.sandbox.store.get_meta("clock"),),
    )
    assert {row["address"] for row in rows} <= {f"/webhooks/heyreach/{SECRETS.heyreach_secret}"}
    return [json.loads(row["body"]) for row in rows]


def kinds(wire: Wire) -> set[str]:
    return {body["event_type"] for body in told(wire)}


def accepted(wire: Wire) -> list[tuple[str | None, str | None, Decimal]]:
    """Recipient, touch and units of every acceptance."""
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'heyreach' AND accepted = 1 ORDER BY seq")
    return [(row["recipient"], row["touch"], Decimal(row["units"])) for row in rows]
