"""Clay's call; its table need not say anything when it takes a row."""

from __future__ import annotations

from decimal import Decimal

from agency_os.integrations.clay import ClayClient, ClayRow
from tests.factories.calls import Calls

_ROW = ClayRow("a" * 64 + ".1", first_name="Jo", last_name="Citizen", domain="company.example")

CALLS: Calls = {"hand_over": lambda connection: ClayClient(connection, Decimal(4)).hand_over(_ROW)}
EMPTY_IS_FINE = frozenset({"hand_over"})
