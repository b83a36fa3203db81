"""The sealer: every few seconds of wall time what is new in the audit trail goes under a seal.

Any number of workers may run it; the database lets one work at a time. It needs no Prefect, and a database that is away
is waited for.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from agency_os.exceptions import AgencyOSError
from agency_os.kit.logging import get_logger
from agency_os.orchestration.tasks.audit_tasks import seal_once
from agency_os.repositories.audit import MOST

if TYPE_CHECKING:
    from agency_os.wiring.infrastructure import Infrastructure

SECONDS: Final = 3.0
"""Between two passes: an entry is sealed within 10 s of its commit (DESIGN section 5)."""
PASSES_BETWEEN_FULL: Final = 600
"""Passes over the latest entries between two over all: half an hour."""

_log = get_logger(__name__)


async def seal_until(stop: asyncio.Event, infra: Infrastructure, *, seconds: float = SECONDS) -> None:
    """Seal until ``stop`` is set. The first pass looks at everything."""
    number = 0
    while not stop.is_set():
        try:
            sealed = await seal_once(infra, everything=number % PASSES_BETWEEN_FULL == 0)
            number += 1
        except AgencyOSError as error:
            _log.warning("seal_failed", error=str(error))
            sealed = 0
        if sealed < MOST:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stop.wait()
