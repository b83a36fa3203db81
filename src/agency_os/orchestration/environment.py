"""Environment variables for the Prefect server and worker processes: quiet, private and cheap.

For whoever starts these processes. Imports nothing of Prefect. Figures: 2 cores, Prefect 3.8.8 on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
    }
)
"""Beside these the worker needs PREFECT_HOME and our own settings, PREFECT_API_URL among them."""
