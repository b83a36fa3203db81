"""What the API gets: infrastructure and the closer, and neither agents nor sending or enrichment providers."""

from __future__ import annotations

from dataclasses import dataclass

from agency_os.engines.closer import CloserEngine
from agency_os.wiring.infrastructure import Infrastructure


@dataclass(frozen=True, slots=True)
class Web:
    """The parts of an API process."""

    infra: Infrastructure
    closer: CloserEngine


def build_web(infra: Infrastructure) -> Web:
    """Put the parts together."""
    return Web(infra, build_closer(infra))


def build_closer(infra: Infrastructure) -> CloserEngine:
    """The closer, which a worker has too."""
    return CloserEngine(infra.tokens, infra.hashes, infra.settings.mail.reply_domain)
