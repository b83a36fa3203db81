"""The Do Not Call Register's calls."""

from __future__ import annotations

from agency_os.integrations.dncr import DncrClient
from tests.factories.calls import Calls

CALLS: Calls = {
    "get_account_balance": lambda connection: DncrClient(connection, "10000").account_balance(),
    "wash_numbers": lambda connection: DncrClient(connection, "10000").wash("wash-1", ["+61255500001"]),
    "get_wash_result": lambda connection: DncrClient(connection, "10000").result_of("wash-1"),
}
