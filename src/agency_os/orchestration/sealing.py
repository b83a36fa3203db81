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


async def seal_until(stop: asyncio.Event, infra: Infrastructure, *, seconds: float = SECONDS, most: int = MOST) -> None:
    """Seal until ``stop`` is set, at most ``most`` entries a pass.

    Passes look at everything until one has found less than it may take; so a trail of any length is sealed in one go,
    and no pass is counted that failed or met another sealer.
    """
    since_full = PASSES_BETWEEN_FULL
    while not stop.is_set():
        everything = since_full >= PASSES_BETWEEN_FULL
        sealed = await _pass(infra, everything=everything, most=most)
        if sealed == most:
            continue
        if sealed is not None:
            since_full = 0 if everything else since_full + 1
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()


async def _pass(infra: Infrastructure, *, everything: bool, most: int) -> int | None:
    try:
        return await seal_once(infra, everything=everything, most=most)
    except AgencyOSError as error:
        _log.warning("seal_failed", error=str(error))
    except Exception:  # noqa: BLE001  # whatever broke one pass must not end the sealing
        _log.warning("seal_failed", exc_info=True)
    return None
