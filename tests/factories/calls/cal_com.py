"""Cal.com's calls."""

from __future__ import annotations

from agency_os.integrations.cal_com_api import CalComClient
from tests.factories.calls import Calls

CALLS: Calls = {
    "booking": lambda connection: CalComClient(connection).booking("bFJeNb2uX8ANpT3JL5EfXw"),
    "bookings": lambda connection: CalComClient(connection).bookings(attendee_email="pat@company.example"),
    "cancel": lambda connection: CalComClient(connection).cancel("bFJeNb2uX8ANpT3JL5EfXw", "Plans have changed."),
}
