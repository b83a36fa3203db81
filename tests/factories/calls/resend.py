"""Resend's calls."""

from __future__ import annotations

from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.resend import ResendClient
from tests.factories.calls import Calls

_MAIL = OutgoingEmail(sender="Jo <jo@agency.example>", to="pat@company.example", subject="A question", text="Hello.")

CALLS: Calls = {
    "send": lambda connection: ResendClient(connection).send(_MAIL, key="k-1"),
    "send_batch": lambda connection: ResendClient(connection).send_batch([_MAIL], key="k-1"),
    "message_id": lambda connection: ResendClient(connection).message_id("4ef9a417"),
    "list_recent": lambda connection: ResendClient(connection).list_recent(),
}
