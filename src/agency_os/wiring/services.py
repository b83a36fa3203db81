"""What the tasks of a worker get: the infrastructure and every engine, built once per process."""

from __future__ import annotations

from dataclasses import dataclass

from agency_os.engines.allocator import AllocatorEngine
from agency_os.engines.closer import CloserEngine
from agency_os.engines.content import ContentEngine
from agency_os.engines.email import EmailEngine, EmailLimits
from agency_os.engines.scorer import ScorerEngine
from agency_os.engines.scout import ScoutEngine
from agency_os.integrations.apollo import ApolloClient
from agency_os.integrations.hunter import HunterClient
from agency_os.integrations.resend import ResendClient
from agency_os.kit.retry import RateLimit
from agency_os.wiring.infrastructure import Infrastructure
from agency_os.wiring.web import build_closer


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

    async def aclose(self) -> None:
        """Close every connection."""
        await self.infra.aclose()


def build_services(infra: Infrastructure) -> Services:
    """Put the engines together."""
    return Services(
        infra=infra,
        scout=_scout(infra),
        scorer=ScorerEngine(),
        allocator=AllocatorEngine(infra.hashes),
        content=build_content(infra),
        email=_email(infra),
        closer=build_closer(infra),
    )


def build_content(infra: Infrastructure) -> ContentEngine:
    """The content engine, with the addresses that stand in every message."""
    settings = infra.settings
    return ContentEngine(infra.tokens, settings.runtime.public_url, settings.mail.reply_domain)


def _scout(infra: Infrastructure) -> ScoutEngine:
    settings, wall = infra.settings, infra.wall
    apollo = ApolloClient(
        infra.transport,
        settings.apollo.base_url,
        settings.apollo.api_key.get_secret_value(),
        RateLimit(settings.apollo.requests_per_second, wall),
        wall,
    )
    hunter = HunterClient(
        infra.transport,
        settings.hunter.base_url,
        settings.hunter.api_key.get_secret_value(),
        RateLimit(settings.hunter.requests_per_second, wall),
        wall,
    )
    return ScoutEngine(
        cache=infra.cache, apollo=apollo, hunter=hunter, hashes=infra.hashes, wall=wall, costs=settings.costs
    )


def _email(infra: Infrastructure) -> EmailEngine:
    resend = infra.settings.resend
    transport = ResendClient(
        infra.transport,
        resend.base_url,
        resend.api_key.get_secret_value(),
        RateLimit(resend.requests_per_second, infra.wall),
        infra.wall,
    )
    limits = EmailLimits(resend.requests_per_second, infra.settings.costs.resend)
    return EmailEngine(transport, infra.hashes, infra.wall, limits)
