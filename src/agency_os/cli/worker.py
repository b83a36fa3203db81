"""`agency-os worker`: serves the enrichment, outreach and inbound deployments until it is told to stop."""

from __future__ import annotations

import asyncio

from agency_os.config import Settings, load_settings
from agency_os.kit.logging import configure_logging
from agency_os.orchestration.environment import enter_worker_environment


def command() -> None:
    """Run the background work: enrich, send and read, as the Prefect server asks for it."""
    settings = load_settings()
    configure_logging(settings.runtime.log_level, settings.runtime.log_format)
    enter_worker_environment(settings)
    from agency_os.orchestration.worker import run_until_signalled  # noqa: PLC0415  # Prefect reads what is set above

    run_until_signalled(lambda stop: _work(settings, stop))


async def _work(settings: Settings, stop: asyncio.Event) -> None:
    from agency_os.orchestration import ticks, worker  # noqa: PLC0415  # as above
    from agency_os.wiring.infrastructure import build_infrastructure  # noqa: PLC0415  # as above
    from agency_os.wiring.keys import confirm_suppression_key  # noqa: PLC0415  # as above
    from agency_os.wiring.services import build_services  # noqa: PLC0415  # as above

    services = build_services(build_infrastructure(settings))
    by_flow = {
        "enrichment": ticks.enrichment_tick,
        "outreach": ticks.outreach_tick,
        "inbound": ticks.inbound_tick,
    }
    try:
        await confirm_suppression_key(services.infra)
        await worker.serve(services, by_flow, stop)
    finally:
        await services.aclose()
