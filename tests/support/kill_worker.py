"""A real worker process that stops at a named point of one outreach tick, says so, and waits to be killed.

Run by the kill tests with the settings of a simulated world in its environment: ``python kill_worker.py POINT``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from agency_os.config import load_settings
from agency_os.engines.base import Delivery
from agency_os.engines.email import EmailEngine
from agency_os.orchestration.ticks import outreach_tick
from agency_os.repositories.touch import ClaimedTouch
from agency_os.repositories.touch_delivery import Sending
from agency_os.wiring.infrastructure import build_infrastructure
from agency_os.wiring.services import build_services

SHORT_LEASE = timedelta(seconds=1)


class StoppingEngine(EmailEngine):
    """The email engine, with a short lease, that stops at ``point``."""

    point = ""

    def chunks(self, claimed: Sequence[ClaimedTouch]) -> list[Sequence[ClaimedTouch]]:
        """Stops with touches claimed and nothing begun."""
        if claimed and self.point == "after_claim":
            _wait_for_death()
        return super().chunks(claimed)

    async def deliver(self, sending: Sending) -> Delivery:
        """Says when the request leaves, or stops with the answer in hand."""
        if self.point == "mid_request":
            _say()
        delivery = await super().deliver(sending)
        if self.point == "before_record":
            _wait_for_death()
        return delivery

    def _lease(self) -> datetime:
        return self._wall.now() + SHORT_LEASE


def _say() -> None:
    sys.stdout.write("reached\n")
    sys.stdout.flush()


def _wait_for_death() -> None:
    _say()
    time.sleep(120)


async def main(point: str) -> None:
    """One tick."""
    services = build_services(build_infrastructure(load_settings()))
    engine = StoppingEngine.__new__(StoppingEngine)
    engine.__dict__.update(services.email.__dict__)
    engine.point = point
    await outreach_tick(replace(services, email=engine))
    await services.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
