"""Deepgram's calls."""

from __future__ import annotations

from agency_os.integrations.deepgram import AudioAt, AudioBytes, DeepgramClient
from agency_os.integrations.provider_api import Connection
from tests.factories.calls import Calls

HOOK = "https://api.agency.example/webhooks/deepgram"
LINK = AudioAt("https://recordings.example/call.mp3")
FILE = AudioBytes(b"ID3\x04\x00\x00", "audio/mpeg")


def _client(connection: Connection) -> DeepgramClient:
    return DeepgramClient(connection, "callback-secret-000001")


CALLS: Calls = {
    "transcribe_url": lambda connection: _client(connection).transcribe(LINK),
    "transcribe_bytes": lambda connection: _client(connection).transcribe(FILE),
    "order_url": lambda connection: _client(connection).order(LINK, HOOK),
    "order_bytes": lambda connection: _client(connection).order(FILE, HOOK),
}
