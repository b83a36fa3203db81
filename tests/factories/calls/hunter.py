"""Hunter's calls."""

from __future__ import annotations

from agency_os.integrations.hunter import DomainSearch, HunterClient
from tests.factories.calls import Calls

CALLS: Calls = {
    "find_email": lambda connection: HunterClient(connection).find_email("company.example", "Jo", "Citizen"),
    "search_domain": lambda connection: HunterClient(connection).search_domain(DomainSearch("company.example")),
    "account": lambda connection: HunterClient(connection).account(),
    "verify_email": lambda connection: HunterClient(connection).verify_email("jo@company.example"),
}
