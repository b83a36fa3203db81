"""ElevenLabs as described, and the audio that the sandbox makes: it plays, and is as long as the text."""

from __future__ import annotations

import io
import json
import wave
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations.elevenlabs import (
    LONGEST_TEXT,
    QUOTA_EXCEEDED,
    ElevenLabsClient,
    SpeechFormat,
    VoiceSettings,
)
from agency_os.kit.http import HttpRequest
from agency_os_sandbox.providers.elevenlabs import PLAN_CHARACTERS, VOICES, ElevenLabs
from tests.contract.conftest import HOST, Wire
from tests.support.published import ContractError, Published, published

pytestmark = pytest.mark.needs("specs")

BASE = f"{HOST}/elevenlabs"
VOICE = next(iter(VOICES))
TEXT = "Hello, this is Ada from the agency. Is now a good time?"
# The description declares 200 and 422 alone; the others as help.elevenlabs.io shows them (article 19572237925521).
REFUSED = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "type": "object",
            "required": ["status", "message"],
            "properties": {"status": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


@pytest.fixture
def judge() -> Published:
    return published("elevenlabs/openapi.json", BASE, json.dumps(REFUSED))


@pytest.fixture
def client(wire: Wire) -> ElevenLabsClient:
    return ElevenLabsClient(wire.connection(BASE, "elevenlabs-key"))


def spoken(wire: Wire) -> list[tuple[str, bool, Decimal, int]]:
    """Operation, accepted, units and status of what the oracle saw."""
    rows = wire.sandbox.store.all("SELECT * FROM oracle WHERE provider = 'elevenlabs' ORDER BY seq")
    return [(row["operation"], bool(row["accepted"]), Decimal(row["units"]), row["status"]) for row in rows]


def seconds_of_mp3(audio: bytes) -> float:
    """The length of MPEG layer III, frame by frame after ISO/IEC 11172-3 and 13818-3; fails on what is no frame."""
    full_kilobits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    half_kilobits = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    at, seconds = 0, 0.0
    while at < len(audio):
        assert audio[at] == 0xFF
        assert audio[at + 1] & 0xE6 == 0xE2, "no layer III frame begins here"
        full = bool(audio[at + 1] & 0x08)
        kilobits = (full_kilobits if full else half_kilobits)[audio[at + 2] >> 4]
        rate = ((44_100, 48_000, 32_000) if full else (22_050, 24_000, 16_000))[audio[at + 2] >> 2 & 3]
        samples = 1152 if full else 576
        at += samples // 8 * kilobits * 1000 // rate + (audio[at + 2] >> 1 & 1)
        seconds += samples / rate
    assert at == len(audio)
    return seconds


def of_ulaw(byte: int) -> int:
    """A sample of ITU-T G.711 mu-law."""
    flipped = ~byte & 0xFF
    magnitude = ((((flipped & 0x0F) << 3) + 132) << (flipped >> 4 & 7)) - 132
    return -magnitude if flipped & 0x80 else magnitude


@pytest.mark.parametrize("output_format", SpeechFormat)
async def test_speech_is_as_published_and_costs_its_characters(
    wire: Wire, client: ElevenLabsClient, judge: Published, output_format: SpeechFormat
) -> None:
    speech = await client.synthesise(TEXT, VOICE, output_format=output_format)
    assert (speech.units, speech.media_type) == (Decimal(len(TEXT)) / 1000, "audio/mpeg")
    assert speech.request_id
    assert spoken(wire) == [("text_to_speech", True, Decimal(len(TEXT)) / 1000, 200)]
    assert wire.check(judge) == [200]


async def test_every_setting_of_a_voice_is_as_published(wire: Wire, client: ElevenLabsClient, judge: Published) -> None:
    settings = VoiceSettings(stability=0.5, similarity_boost=0.75, style=0.1, speed=1.1)
    await client.synthesise(TEXT, VOICE, model="eleven_flash_v2_5", settings=settings, seed=7)
    body = json.loads(wire.recorder.exchanges[0][0].body)
    assert body["voice_settings"] == {"stability": 0.5, "similarity_boost": 0.75, "style": 0.1, "speed": 1.1}
    assert (body["seed"], body["model_id"]) == (7, "eleven_flash_v2_5")
    assert wire.check(judge) == [200]


@pytest.mark.parametrize("output_format", [SpeechFormat.MP3, SpeechFormat.MP3_SMALL])
async def test_mp3_plays_as_long_as_the_text(client: ElevenLabsClient, output_format: SpeechFormat) -> None:
    short = seconds_of_mp3((await client.synthesise(TEXT, VOICE, output_format=output_format)).audio)
    long = seconds_of_mp3((await client.synthesise(TEXT * 10, VOICE, output_format=output_format)).audio)
    assert short == pytest.approx(len(TEXT) * 0.06, abs=0.06)
    assert long == pytest.approx(10 * short, rel=0.02)


async def test_ulaw_is_a_tone_of_200_hertz_at_8000_samples_a_second(client: ElevenLabsClient) -> None:
    audio = (await client.synthesise(TEXT, VOICE, output_format=SpeechFormat.ULAW)).audio
    seconds = len(audio) / 8000
    samples = [of_ulaw(byte) for byte in audio]
    rises = sum(1 for before, after in pairwise(samples) if before < 0 <= after)
    assert seconds == pytest.approx(len(TEXT) * 0.06, abs=0.03)
    assert rises / seconds == pytest.approx(200, rel=0.02)
    assert 2500 < max(samples) < 3500


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
async def test_wav_opens(wire: Wire, rate: int) -> None:
    path = f"{BASE}/v1/text-to-speech/{VOICE}?output_format=wav_{rate}"
    response = await wire.raw("POST", path, {"text": TEXT}, xi_api_key="key")
    with wave.open(io.BytesIO(response.body)) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (rate, 1, 2)
        assert opened.getnframes() / rate == pytest.approx(len(TEXT) * 0.06, abs=0.03)


async def test_the_voices_are_as_published(wire: Wire, client: ElevenLabsClient, judge: Published) -> None:
    voices = await client.list_voices()
    assert [voice.id for voice in voices] == list(VOICES)
    assert voices[0].labels == {"accent": "australian", "gender": "female"}
    assert wire.check(judge) == [200]


async def test_the_voices_come_in_pages(wire: Wire, judge: Published) -> None:
    seen: list[str] = []
    query = "page_size=2"
    for _ in range(2):
        url = f"{BASE}/v2/voices?{query}"
        response = await wire.raw("GET", url, xi_api_key="key")
        judge.check_answer(HttpRequest("GET", url, {}), response)
        page = json.loads(response.body)
        seen += [voice["voice_id"] for voice in page["voices"]]
        query = f"page_size=2&next_page_token={page['next_page_token']}"
    assert (seen, page["has_more"]) == (list(VOICES), False)


async def test_the_subscription_is_as_published_and_counts(
    wire: Wire, client: ElevenLabsClient, judge: Published
) -> None:
    await client.synthesise(TEXT, VOICE)
    plan = await client.read_subscription()
    assert (plan.used, plan.left) == (len(TEXT), PLAN_CHARACTERS - len(TEXT))
    assert plan.resets_at is not None
    assert plan.resets_at > wire.sandbox.clock.now
    with wire.sandbox.store.transaction():
        wire.sandbox.clock.advance(plan.resets_at)
    assert (await client.read_subscription()).used == 0
    assert wire.check(judge) == [200, 200, 200]


async def test_a_plan_that_is_used_up_is_a_limit_and_is_not_asked_again(
    wire: Wire, client: ElevenLabsClient, judge: Published
) -> None:
    ElevenLabs(wire.sandbox.store).limit_plan(len(TEXT))
    await client.synthesise(TEXT, VOICE)
    with pytest.raises(ProviderLimitError) as caught:
        await client.synthesise(TEXT, VOICE)
    assert (caught.value.http_status, caught.value.provider_code) == (401, QUOTA_EXCEEDED)
    assert wire.check(judge) == [200, 401]


async def test_a_voice_that_is_not_there_is_refused(wire: Wire, client: ElevenLabsClient, judge: Published) -> None:
    with pytest.raises(ProviderRefusedError) as caught:
        await client.synthesise(TEXT, "nobody")
    assert caught.value.provider_code == "voice_not_found"
    assert wire.check(judge) == [400]


async def test_too_many_at_once_is_repeated_and_as_published(
    wire: Wire, client: ElevenLabsClient, judge: Published
) -> None:
    await wire.fault("elevenlabs", "429")
    await client.synthesise(TEXT, VOICE)
    assert wire.check(judge) == [429, 200]
    limits = wire.recorder.exchanges[1][1].headers
    assert int(limits["current-concurrent-requests"]) <= int(limits["maximum-concurrent-requests"])


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        ("500", 500, Outcome.UNKNOWN),
        ("refused", 422, Outcome.NOT_ACCEPTED),
        ("accepted_then_500", 500, Outcome.UNKNOWN),
    ],
)
async def test_a_failed_synthesis_is_not_repeated_and_is_as_published(
    wire: Wire, client: ElevenLabsClient, judge: Published, kind: str, status: int, outcome: Outcome
) -> None:
    await wire.fault("elevenlabs", kind)
    with pytest.raises(ProviderError) as caught:
        await client.synthesise(TEXT, VOICE)
    assert caught.value.outcome is outcome
    assert wire.check(judge) == [status]


async def test_a_look_up_is_repeated_after_500(wire: Wire, client: ElevenLabsClient, judge: Published) -> None:
    await wire.fault("elevenlabs", "500")
    await client.list_voices()
    await wire.fault("elevenlabs", "500")
    await client.read_subscription()
    assert wire.check(judge) == [500, 200, 500, 200]


SPEAK = f"/v1/text-to-speech/{VOICE}"


@pytest.mark.parametrize(
    ("method", "path", "body", "key", "status"),
    [
        ("POST", SPEAK, {"text": TEXT}, "", 401),
        ("GET", "/v2/voices", None, "", 401),
        ("GET", "/v1/user/subscription", None, "", 401),
        ("POST", SPEAK, {}, "key", 422),
        ("POST", SPEAK, b"{", "key", 422),
        ("POST", SPEAK, {"text": " "}, "key", 422),
        ("POST", SPEAK, {"text": TEXT, "model_id": "eleven_none"}, "key", 422),
        ("POST", f"{SPEAK}?output_format=cassette", {"text": TEXT}, "key", 422),
        ("POST", f"{SPEAK}?output_format=opus_48000_32", {"text": TEXT}, "key", 400),
        ("POST", SPEAK, {"text": "a" * 10_001}, "key", 400),
        ("GET", "/v2/voices?page_size=0", None, "key", 422),
    ],
)
async def test_what_no_client_of_ours_asks_is_answered_as_published(
    wire: Wire, judge: Published, method: str, path: str, body: object, key: str, status: int
) -> None:
    headers = {"xi_api_key": key} if key else {}
    assert await wire.check_raw(judge, method, BASE + path, body, **headers) == status
    assert not any(accepted for _, accepted, _, _ in spoken(wire))


async def test_the_longest_text_fits_into_the_transport_in_every_format(client: ElevenLabsClient) -> None:
    sizes = [
        len((await client.synthesise("a" * LONGEST_TEXT, VOICE, output_format=each)).audio) for each in SpeechFormat
    ]
    assert max(sizes) <= 10 * 1024 * 1024


BROKEN: dict[str, dict[str, Any]] = {
    "a field more": {"text": TEXT, "volume": 11},
    "no text": {"model_id": "eleven_flash_v2"},
    "a setting more": {"text": TEXT, "voice_settings": {"pitch": 1}},
    "text that is a number": {"text": 1},
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_request_fails_the_judge(
    wire: Wire, client: ElevenLabsClient, judge: Published, broken: str
) -> None:
    await client.synthesise(TEXT, VOICE)
    request = wire.recorder.exchanges[0][0]
    judge.check_request(request)
    with pytest.raises(ContractError):
        judge.check_request(replace(request, body=json.dumps(BROKEN[broken]).encode()))


@pytest.mark.parametrize("query", ["output_format=cassette", "quality=high", "enable_logging=perhaps"])
async def test_a_broken_query_fails_the_judge(judge: Published, query: str) -> None:
    headers = {"Content-Type": "application/json", "xi-api-key": "key"}
    body = json.dumps({"text": TEXT}).encode()
    judge.check_request(HttpRequest("POST", BASE + SPEAK, headers, body))
    with pytest.raises(ContractError):
        judge.check_request(HttpRequest("POST", f"{BASE}{SPEAK}?{query}", headers, body))
