"""What the tasks of a worker get: the infrastructure and every engine, built once per process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agency_os.db import AsyncSession
from agency_os.domain.enrichment import Lookup
from agency_os.engines.allocator import AllocatorEngine
from agency_os.engines.answers import AnswerEngine
from agency_os.engines.billing import BillingEngine
from agency_os.engines.closer import CloserEngine
from agency_os.engines.content import ContentEngine
from agency_os.engines.email import EmailEngine, EmailLimits
from agency_os.engines.scorer import ScorerEngine
from agency_os.engines.scout import ScoutEngine
from agency_os.integrations import cal_com, postmark, resend, stripe
from agency_os.integrations.apify import ApifyClient
from agency_os.integrations.apify_facts import ApifySource
from agency_os.integrations.apollo import ApolloClient
from agency_os.integrations.apollo_facts import ApolloSource
from agency_os.integrations.clay import ClayClient
from agency_os.integrations.clay_facts import ClaySource
from agency_os.integrations.fact_source import FactSource
from agency_os.integrations.hunter import HunterClient
from agency_os.integrations.hunter_facts import HunterSource
from agency_os.integrations.resend import ResendClient
from agency_os.repositories.inbound_event import ReceivedEvent, SettledEvent
from agency_os.wiring.infrastructure import Infrastructure, connect
from agency_os.wiring.web import build_closer


class EventReader(Protocol):
    """Reads one stored event of a provider and acts on it; what it cannot place waits for a person."""

    async def __call__(self, db: AsyncSession, event: ReceivedEvent, *, now: datetime) -> SettledEvent:
        """How the event ended. Raises what makes it worth another try."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a worker."""

    infra: Infrastructure
    scout: ScoutEngine
    scorer: ScorerEngine
    allocator: AllocatorEngine
    content: ContentEngine
    email: EmailEngine
    closer: CloserEngine
    readers: Mapping[str, EventReader]
    """By the provider of the event."""

    async def aclose(self) -> None:
        """Close every connection."""
        await self.infra.aclose()


def build_services(infra: Infrastructure) -> Services:
    """Put the engines together."""
    closer, clay = build_closer(infra), _clay(infra)
    return Services(
        infra=infra,
        scout=_scout(infra, clay),
        scorer=ScorerEngine(),
        allocator=AllocatorEngine(infra.hashes),
        content=build_content(infra),
        email=_email(infra),
        closer=closer,
        readers=_readers(closer, clay),
    )


def _readers(closer: CloserEngine, clay: ClaySource | None) -> Mapping[str, EventReader]:
    readers: dict[str, EventReader] = dict.fromkeys((resend.NAME, postmark.NAME, cal_com.NAME), closer.read)
    readers[stripe.NAME] = BillingEngine().read
    if clay is not None:
        readers[Lookup.CLAY] = AnswerEngine(clay).read
    return readers


def build_content(infra: Infrastructure) -> ContentEngine:
    """The content engine, with the addresses that stand in every message."""
    settings = infra.settings
    return ContentEngine(infra.tokens, settings.runtime.public_url, settings.mail.reply_domain)


def _clay(infra: Infrastructure) -> ClaySource | None:
    settings = infra.settings.clay
    if settings is None:
        return None
    return ClaySource(ClayClient(connect(infra, settings), settings.credits_per_row), infra.settings.costs.clay)


def _scout(infra: Infrastructure, clay: ClaySource | None) -> ScoutEngine:
    settings, costs = infra.settings, infra.settings.costs
    sources: list[FactSource] = [
        ApolloSource(ApolloClient(connect(infra, settings.apollo)), costs.apollo),
        HunterSource(HunterClient(connect(infra, settings.hunter)), costs.hunter),
    ]
    if settings.apify is not None:
        sources.append(ApifySource(ApifyClient(connect(infra, settings.apify), settings.apify.actor), costs.apify))
    if clay is not None:
        sources.append(clay)
    return ScoutEngine(infra.cache, sources, infra.hashes, infra.wall)


def _email(infra: Infrastructure) -> EmailEngine:
    resend = infra.settings.resend
    limits = EmailLimits(resend.requests_per_second, infra.settings.costs.resend)
    return EmailEngine(ResendClient(connect(infra, resend)), infra.hashes, infra.wall, limits)
