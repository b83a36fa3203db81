"""Twilio's calls."""

from __future__ import annotations

from agency_os.integrations.provider_api import Connection
from agency_os.integrations.twilio import OutgoingSms, TwilioClient
from tests.factories.calls import Calls

ACCOUNT = "AC" + "0" * 32
_SMS = OutgoingSms("+61491570156", "+61480000000", "Hello.")


def _client(connection: Connection) -> TwilioClient:
    return TwilioClient(connection, ACCOUNT)


CALLS: Calls = {
    "send_sms": lambda connection: _client(connection).send_sms(_SMS),
    "read_message": lambda connection: _client(connection).read_message("SM" + "0" * 32),
    "find_messages": lambda connection: _client(connection).find_messages(to=_SMS.to),
    "find_number": lambda connection: _client(connection).find_number(_SMS.sender),
    "set_sms_webhook": lambda connection: _client(connection).set_sms_webhook("PN" + "0" * 32, "https://a.example/w"),
}
