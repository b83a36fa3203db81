"""Hunter's calls."""

from __future__ import annotations

from agency_os.integrations.hunter import HunterClient
from tests.factories.calls import Calls

CALLS: Calls = {
    "find_email": lambda connection: HunterClient(connection).find_email("company.example", "Jo", "Citizen"),
    "verify_email": lambda connection: HunterClient(connection).verify_email("jo@company.example"),
}
