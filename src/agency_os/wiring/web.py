"""What the API gets: infrastructure, the closer, the verifier of tokens; no agents, no sending or paid provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agency_os.engines.closer import CloserEngine
from agency_os.integrations.supabase import TokenVerifier
from agency_os.integrations.webhook import WebhookSource
from agency_os.wiring.infrastructure import Infrastructure
from agency_os.wiring.webhook_sources import build_webhook_sources


@dataclass(frozen=True, slots=True)
class Web:
    """The parts of an API process."""

    infra: Infrastructure
    closer: CloserEngine
    tokens: TokenVerifier
    webhooks: Mapping[str, WebhookSource]


def build_web(infra: Infrastructure) -> Web:
    """Put the parts together."""
    supabase = infra.settings.supabase
    secret = supabase.jwt_secret.get_secret_value() if supabase.jwt_secret is not None else None
    tokens = TokenVerifier(infra.transport, supabase.url, infra.wall, secret)
    return Web(infra, build_closer(infra), tokens, build_webhook_sources(infra.settings))


def build_closer(infra: Infrastructure) -> CloserEngine:
    """The closer, which a worker has too."""
    return CloserEngine(infra.tokens, infra.hashes, infra.settings.mail.reply_domain)
