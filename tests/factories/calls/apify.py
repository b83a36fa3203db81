"""Apify's calls."""

from __future__ import annotations

from datetime import UTC, datetime

from agency_os.integrations.apify import ApifyClient
from agency_os.integrations.provider_api import Connection
from tests.factories.calls import Calls

_SINCE = datetime(2026, 11, 23, tzinfo=UTC)


def _client(connection: Connection) -> ApifyClient:
    return ApifyClient(connection, "apify~website-content-crawler")


CALLS: Calls = {
    "start": lambda connection: _client(connection).start(["https://company.example/"], pages_each=3),
    "read_run": lambda connection: _client(connection).read_run("HG7ML7M8z78YcAPEB"),
    "pages": lambda connection: _client(connection).pages("wmKPijuyDnPZAPRMk", limit=3),
    "runs": lambda connection: _client(connection).runs(since=_SINCE),
}
