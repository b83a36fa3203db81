"""The email engine after the claim: what may be repeated, and who may make the call (invariants 3 to 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from agency_os.config import load_settings
from agency_os.engines.base import Delivery, Open, Refused
from agency_os.engines.email import EmailEngine, EmailLimits
from agency_os.exceptions import ProviderLimitError, ProviderRefusedError, ProviderUnknownError
from agency_os.integrations.mail_transport import OutgoingEmail, SendResult, SentEmail
from agency_os.orchestration.tasks import outreach_tasks
from agency_os.repositories.touch_delivery import Sending
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.services import Services, build_services
from tests.conftest import DatabaseUrls
from tests.factories.api import api_env
from tests.factories.outreach import MONDAY_NOON, Outreach
from tests.factories.sending import agency_with, claim, start, states, take_over

FAR = datetime(2100, 1, 1, tzinfo=UTC)
"""A wall time after every lease."""


@pytest.fixture
async def services(database_urls: DatabaseUrls, redis_url: str) -> AsyncIterator[Services]:
    services = build_services(build_infrastructure(load_settings(api_env(database_urls.app_dsn, redis_url))))
    yield services
    await services.aclose()


async def change(services: Services, statement: str, **values: Any) -> None:
    async with services.infra.database.transaction(now=MONDAY_NOON) as db:
        await db.execute(text(statement), values)


async def begun(services: Services, leads: int = 2) -> tuple[Outreach, Sending]:
    database = services.infra.database
    agency = await agency_with(database, leads)
    sending = await start(database, await claim(database, agency))
    assert sending is not None
    return agency, sending


async def may_repeat(services: Services, sending: Sending, now: datetime = MONDAY_NOON) -> bool:
    async with services.infra.database.transaction(now=now) as db:
        return await services.email.may_repeat(db, sending, now=now)


STOPS = {
    "platform": "INSERT INTO platform_settings (key, value) VALUES ('stopped', 'true')",
    "client": "UPDATE clients SET stopped_at = app.now()",
    "subscription": "UPDATE clients SET subscription_status = 'past_due'",
    "campaign": "UPDATE campaigns SET status = 'paused'",
    "sender": "UPDATE resources SET paused_at = app.now()",
    "hold": "INSERT INTO holds (client_id, lead_id, reason) SELECT client_id, id, 'x' FROM leads LIMIT 1",
    "hold of the company": "INSERT INTO holds (client_id, company_id, reason)"
    " SELECT client_id, company_id, 'x' FROM leads LIMIT 1",
    "consent withdrawn": "UPDATE consents SET withdrawn_at = app.now() WHERE lead_id = (SELECT min(id) FROM leads)",
    "reply": "UPDATE leads SET last_reply_at = app.now() WHERE id = (SELECT min(id) FROM leads)",
    "meeting": "UPDATE leads SET meeting_booked_at = app.now() WHERE id = (SELECT min(id) FROM leads)",
    "another address": "UPDATE leads SET email = 'other@company0.example' WHERE email = 'person0@company0.example'",
    "unsubscribed": "UPDATE leads SET status = 'unsubscribed' WHERE id = (SELECT min(id) FROM leads)",
}
NO_STOPS = {
    "nothing": "SELECT 1",
    "limit reached": "UPDATE resources SET daily_limit = 1",
    "approval wanted from now on": "UPDATE campaigns SET permission_mode = 'manual'",
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS.keys())
async def test_after_a_stop_nothing_is_repeated_not_even_under_its_key(services: Services, stop: str) -> None:
    _, sending = await begun(services)
    await change(services, stop.replace("min(id)", "(array_agg(id ORDER BY id))[1]"))
    assert not await may_repeat(services, sending)


@pytest.mark.parametrize("change_of_mind", NO_STOPS.values(), ids=NO_STOPS.keys())
async def test_what_was_claimed_lawfully_may_be_repeated(services: Services, change_of_mind: str) -> None:
    _, sending = await begun(services)
    await change(services, change_of_mind)
    assert await may_repeat(services, sending)


async def test_a_key_serves_until_an_hour_before_its_window_ends(services: Services) -> None:
    _, sending = await begun(services)
    last = MONDAY_NOON + timedelta(hours=23)
    assert await may_repeat(services, sending, last - timedelta(seconds=1))
    assert not await may_repeat(services, sending, last)


class SlowProvider(EmailEngine):
    """Answers so late that every lease is over and another settler has taken over what is left."""

    services: Services
    refuses_batches = False
    delivered: list[str]

    async def deliver(self, sending: Sending) -> Delivery:
        """Notes the call."""
        if self.refuses_batches and sending.batch_id is not None:
            return Refused("one of them is malformed", heals=False, split=True)
        self.delivered.append(sending.key)
        await take_over(self.services.infra.database, FAR)
        return Open("no answer")


def with_slow_provider(services: Services) -> tuple[Services, SlowProvider]:
    engine = SlowProvider.__new__(SlowProvider)
    engine.__dict__.update(services.email.__dict__)
    engine.services, engine.delivered = services, []
    return replace(services, email=engine), engine


async def test_a_settler_makes_no_call_for_what_was_taken_over_while_it_was_busy(services: Services) -> None:
    database = services.infra.database
    agency = await agency_with(database, 3)
    for touch in await claim(database, agency):
        await start(database, [touch])
    await change(services, "UPDATE touches SET lease_until = '2000-01-01'")
    slow, engine = with_slow_provider(services)
    await outreach_tasks.settle(slow, MONDAY_NOON)
    assert len(engine.delivered) == 1


async def test_singles_of_a_refused_batch_are_not_sent_once_another_has_taken_them_over(services: Services) -> None:
    agency = await agency_with(services.infra.database, 3)
    slow, engine = with_slow_provider(services)
    engine.refuses_batches = True
    await outreach_tasks.send_client(slow, agency.client_id, MONDAY_NOON)
    assert len(engine.delivered) == 1


class Resend:
    """A mail provider that answers from a script: calls that send, and its list of what it accepted."""

    def __init__(self, *answers: Exception | None, listed: Sequence[SentEmail] = ()) -> None:
        self.answers = list(answers)
        self.listed = list(listed)
        self.keys: list[str] = []

    name = "resend"
    key_window = timedelta(hours=24)
    batch_limit = 100

    async def send(self, email: OutgoingEmail, *, key: str) -> SendResult:
        return await self.send_batch([email], key=key)

    async def send_batch(self, emails: Sequence[OutgoingEmail], *, key: str) -> SendResult:
        self.keys.append(key)
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        return SendResult(tuple(f"id-{number}" for number in range(len(emails))), Decimal(len(emails)))

    async def message_id(self, provider_id: str) -> str | None:  # noqa: ARG002 - see MailTransport
        return None

    async def list_recent(self, limit: int = 100, after: str | None = None) -> list[SentEmail]:  # noqa: ARG002
        return self.listed if after is None else []


LOST = ProviderUnknownError("no answer", provider="resend", operation="send")
REFUSED = ProviderRefusedError("refused", provider="resend", operation="send", http_status=422)
TOO_FAST = ProviderLimitError("too fast", provider="resend", operation="send", http_status=429)


async def lived_through(services: Services, provider: Resend, leads: int) -> dict[str, int]:
    """Sent once, settled once, then sent again whatever is ready; how many touches stand in which state."""
    engine = EmailEngine(provider, services.infra.hashes, services.infra.wall, EmailLimits(100, Decimal("0.001")))
    parts = replace(services, email=engine)
    agency = await agency_with(services.infra.database, leads)
    await outreach_tasks.send_client(parts, agency.client_id, MONDAY_NOON)
    await outreach_tasks.settle(parts, MONDAY_NOON + timedelta(hours=1))
    await outreach_tasks.send_client(parts, agency.client_id, MONDAY_NOON + timedelta(hours=2))
    return await states(services.infra.database)


@pytest.mark.parametrize("leads", [1, 3])
async def test_a_refusal_of_a_repeat_never_lets_a_message_go_under_another_key(services: Services, leads: int) -> None:
    """The first call was lost and may have been accepted; that a repeat is refused says nothing of it (invariant 2)."""
    provider = Resend(LOST, REFUSED)
    assert await lived_through(services, provider, leads) == {"unknown": leads}
    assert len(set(provider.keys)) == 1


async def test_a_refused_repeat_that_the_provider_lists_was_sent(services: Services) -> None:
    subject = "A question about your clinic"
    listed = SentEmail("id-9", ("person0@company0.example",), subject, MONDAY_NOON, None, "sent")
    assert await lived_through(services, Resend(LOST, REFUSED, listed=[listed]), 1) == {"sent": 1}


async def test_a_repeat_that_comes_too_fast_is_repeated_later(services: Services) -> None:
    provider = Resend(LOST, TOO_FAST)
    assert await lived_through(services, provider, 1) == {"sending": 1}
    assert len(set(provider.keys)) == 1
