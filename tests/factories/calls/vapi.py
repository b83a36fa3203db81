"""Vapi's calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agency_os.integrations.vapi import CallRequest, VapiClient
from tests.factories.calls import Calls

_CALL = CallRequest("b3a1c7de-0000-4000-8000-000000000000", "+61491570156", "touch-1", assistant_id="assistant-1")
_NOW = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)

CALLS: Calls = {
    "start_call": lambda connection: VapiClient(connection).start_call(_CALL),
    "read_call": lambda connection: VapiClient(connection).read_call("2f5a7c1e-0000-4000-8000-000000000000"),
    "list_calls": lambda connection: VapiClient(connection).list_calls(_NOW, _NOW + timedelta(minutes=5)),
    "import_twilio_number": lambda connection: VapiClient(connection).import_twilio_number(
        "+61480000000", account_sid="AC" + "0" * 32, auth_token="token", name="Agency"
    ),
    "find_number": lambda connection: VapiClient(connection).find_number("+61480000000"),
}
