"""When each deployment runs by itself: cron lines with their time zone (DESIGN section 9).

Schedules are the net below the nudges: what a webhook or an import asked for runs at once, the rest at these times.
In virtual time they are paused, since the driver of the clock asks for every tick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """``slug`` names the schedule within its deployment; ``cron`` has five fields, read in ``time_zone`` (IANA)."""

    slug: str
    cron: str
    time_zone: str = "UTC"

    def to_json(self, *, active: bool) -> dict[str, Any]:
        """As Prefect's REST API takes it."""
        return {"slug": self.slug, "active": active, "schedule": {"cron": self.cron, "timezone": self.time_zone}}


SCHEDULES: Final[Mapping[str, tuple[CronSchedule, ...]]] = MappingProxyType(
    {
        # The daily run is the blueprint's, after the billing day has begun; the others find what came in since.
        "enrichment/tick": (
            CronSchedule("daily", "0 2 * * *", "Australia/Sydney"),
            CronSchedule("new-leads", "*/15 * * * *"),
        ),
        "outreach/tick": (CronSchedule("due-touches", "*/5 * * * *"),),
        "inbound/tick": (CronSchedule("sweep", "* * * * *"),),
    }
)
"""The schedules of every deployment, by ``flow name/deployment name``."""


def schedules_run(business_clock: str) -> bool:
    """Whether the schedules are active under this value of BUSINESS_CLOCK: in real time alone."""
    return business_clock == "system"
