"""ElevenLabs' calls."""

from __future__ import annotations

from agency_os.integrations.elevenlabs import ElevenLabsClient
from tests.factories.calls import Calls

CALLS: Calls = {
    "synthesise": lambda connection: ElevenLabsClient(connection).synthesise("Hello.", "voice1"),
    "list_voices": lambda connection: ElevenLabsClient(connection).list_voices(),
    "read_subscription": lambda connection: ElevenLabsClient(connection).read_subscription(),
}
