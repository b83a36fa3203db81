"""Environment variables for the Prefect server and worker processes: quiet, private and cheap.

For whoever starts these processes, and for the worker itself. Imports nothing of Prefect. Figures: 2 cores, Prefect
3.8.8 on PostgreSQL.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from agency_os.config import Settings

SERVER_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        # Loops that poll the database every few seconds for what we do not use: lateness marks, pauses with an end,
        # concurrency leases, cleaning on other machines, automations.
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
        # An inbound sweep a minute is 1,440 runs a day: keep a week of them.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "604800",
    }
)
"""Beside these the server needs PREFECT_HOME and PREFECT_API_DATABASE_CONNECTION_URL
(``postgresql+asyncpg://USER:PASSWORD@HOST:PORT/DATABASE``; the role must be able to create the extension pg_trgm)."""

WORKER_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        # Never a server of its own inside the worker, and no question of versions: both come from one lock file.
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        # Twice, after 2 and 4 s, instead of five times over a minute: meanwhile the deployment stands still, and a run
        # that could not be reported is closed and done again.
        "PREFECT_CLIENT_MAX_RETRIES": "2",
    }
)
"""Beside these the worker needs PREFECT_HOME and our own settings, PREFECT_API_URL among them."""


def enter_worker_environment(settings: Settings) -> None:
    """Set this process's environment for Prefect, which reads it when it is imported: call this before.

    The user's own PREFECT variables stand, but the address of the server is always that of our settings.
    """
    own = os.environ  # noqa: TID251  # written: Prefect takes its settings from nowhere else
    for name, value in {**WORKER_ENVIRONMENT, "PREFECT_HOME": str(settings.runtime.state / "prefect")}.items():
        own.setdefault(name, value)
    own["PREFECT_API_URL"] = settings.prefect.api_url
    if settings.prefect.api_key is not None:
        own["PREFECT_API_KEY"] = settings.prefect.api_key.get_secret_value()
