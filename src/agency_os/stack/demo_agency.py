"""The sample agency of the demo: fictional, with three sending domains and a campaign of four emails.

Set up once in a database; a second run finds it. Everything is as a person would have filled it in.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from agency_os.db import AsyncSession
from agency_os.domain.channels import RESOURCE_LIMITS, Channel
from agency_os.domain.tiers import Tier
from agency_os.repositories.client import ClientRepository, SetUp

AGENCY: Final = "Harbour & Vine Marketing"
SENDER: Final = "Ann Carter"
DOMAINS: Final = ("harbourvine.example", "harbourvine-growth.example", "hello-harbourvine.example")

STEPS: Final[tuple[dict[str, Any], ...]] = (
    {
        "step": 1,
        "channel": "email",
        "day_offset": 0,
        "subject_template": "{{ company | default('Your business') }}: more enquiries from the same budget?",
        "body_template": """\
Hi {{ first_name | default("there") }},

I run {{ agency }}. We help {{ industry | default("local") }} businesses in {{ state | default("Australia") }} get more
enquiries from Google and their website without raising the ad spend.

If {{ company | default("your team") }} would like to see where enquiries are being lost, I can show you in 20 minutes.
Here is my calendar:

{{ booking_link }}

{{ sender_first_name }}
""",
    },
    {
        "step": 2,
        "channel": "email",
        "day_offset": 3,
        "subject_template": None,
        "body_template": """\
Hi {{ first_name | default("there") }},

One thing we see often: good reviews and word of mouth, but a website that does not turn visitors into bookings. A few
changes to the landing page usually pay for themselves within a quarter.

Happy to walk you through it: {{ booking_link }}

{{ sender_first_name }}
""",
    },
    {
        "step": 3,
        "channel": "email",
        "day_offset": 7,
        "subject_template": None,
        "body_template": """\
Hi {{ first_name | default("there") }},

You are busy, so here is the short version: we take the follow-up and the reporting off your hands, and you see the cost
per lead every week.

If that saves {{ company | default("you") }} some hours, pick a time: {{ booking_link }}

{{ sender_first_name }}
""",
    },
    {
        "step": 4,
        "channel": "email",
        "day_offset": 12,
        "subject_template": None,
        "body_template": """\
Hi {{ first_name | default("there") }},

This is my last note. If being found in search, or wasted ad spend, comes up later in the year, my calendar stays open:

{{ booking_link }}

All the best,
{{ sender_first_name }}
""",
    },
)


async def set_up(db: AsyncSession, *, booking_url: str, now: datetime) -> SetUp:
    """The agency, made where it does not exist yet. ``booking_url`` is its booking page."""
    clients = ClientRepository(db)
    known = await clients.find(AGENCY)
    if known is not None:
        return known
    client_id = await clients.create(
        tier=Tier.IGNITION,
        now=now,
        name=AGENCY,
        sender_name=SENDER,
        abn="51 824 753 556",
        postal_address="Level 2, 14 Example Street, Sydney NSW 2000",
        booking_url=booking_url,
        website_url="https://harbourvine.example",
        default_offer="a 20-minute look at where enquiries are lost",
        value_proposition="more enquiries without raising the ad spend",
        default_permission_mode="autopilot",
        icp_industries=["dental", "legal", "construction", "accounting", "health", "fitness", "real estate"],
        icp_company_sizes=["5-50"],
        icp_locations=["Australia"],
        icp_confirmed_at=now,
    )
    campaign_id = await clients.create_campaign(
        client_id, steps=STEPS, name="Local businesses", status="active", activated_at=now
    )
    await clients.create_senders(client_id, [_sender(domain) for domain in DOMAINS])
    return SetUp(client_id, campaign_id)


def _sender(domain: str) -> dict[str, Any]:
    limit = RESOURCE_LIMITS[Channel.EMAIL]
    return {
        "kind": limit.kind.value,
        "channel": limit.channel.value,
        "provider": "resend",
        "address": domain,
        "sender_email": f"ann@{domain}",
        "sender_name": SENDER,
        "daily_limit": limit.per_day,
    }
