"""Postmark's calls."""

from __future__ import annotations

from datetime import UTC, date, datetime

from agency_os.integrations.postmark_api import PostmarkClient
from tests.factories.calls import Calls

_GUID = "a8c1040e-db1c-4e18-ac79-bc5f64c7ce2c"

CALLS: Calls = {
    "search_inbound": lambda connection: PostmarkClient(connection).search_inbound(
        since=date(2026, 11, 22), until=date(2026, 11, 24)
    ),
    "inbound": lambda connection: PostmarkClient(connection).inbound(_GUID, now=datetime(2026, 11, 23, tzinfo=UTC)),
    "set_webhooks": lambda connection: PostmarkClient(connection).set_webhooks("https://api.example/webhooks/postmark"),
    "retry_inbound": lambda connection: PostmarkClient(connection).retry_inbound(_GUID),
}
