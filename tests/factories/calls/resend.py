"""Resend's calls."""

from __future__ import annotations

from datetime import UTC, datetime

from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.resend import ResendClient
from agency_os.integrations.resend_inbound import ResendInboundClient
from tests.factories.calls import Calls

_MAIL = OutgoingEmail(sender="Jo <jo@agency.example>", to="pat@company.example", subject="A question", text="Hello.")

_NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)

CALLS: Calls = {
    "send": lambda connection: ResendClient(connection).send(_MAIL, key="k-1"),
    "send_batch": lambda connection: ResendClient(connection).send_batch([_MAIL], key="k-1"),
    "message_id": lambda connection: ResendClient(connection).message_id("4ef9a417"),
    "read_email": lambda connection: ResendClient(connection).read_email("4ef9a417"),
    "received": lambda connection: ResendInboundClient(connection).received("4ef9a417", now=_NOW),
    "attachments": lambda connection: ResendInboundClient(connection).attachments("4ef9a417"),
    "list_received": lambda connection: ResendInboundClient(connection).list_received(),
    "list_recent": lambda connection: ResendClient(connection).list_recent(),
}
