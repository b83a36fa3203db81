"""ElevenLabs' client over scripted answers: audio or none, quota or key, and nothing spoken twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
)
from agency_os.integrations.elevenlabs import LONGEST_TEXT, ElevenLabsClient, SpeechFormat
from agency_os.integrations.provider_api import Connection
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

KEY = "elevenlabs-key-0123456789"
AUDIO = answer(200, b"\xff\xfb\x90\xc4sound", content_type="audio/mpeg", request_id="req-1")


class Both:
    """A client and what answers it."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, wall)
        self.client = ElevenLabsClient(Connection(self.script, "https://e.example", KEY, rate, wall, Random(1)))  # noqa: S311

    async def refused(self, text: str = "Hello.") -> ProviderError:
        """The error of speaking."""
        with pytest.raises(ProviderError) as caught:
            await self.client.synthesise(text, "voice")
        return caught.value


def detail(status: int, code: str) -> HttpResponse:
    return answer(status, {"detail": {"status": code, "message": f"no {KEY}"}})


async def test_speech_is_bytes_that_stay_out_of_the_log() -> None:
    both = Both(AUDIO)
    speech = await both.client.synthesise("Hello.", "a/voice", output_format=SpeechFormat.ULAW)
    assert (speech.audio[:2], speech.units, speech.request_id) == (b"\xff\xfb", Decimal("0.006"), "req-1")
    assert "sound" not in repr(speech)
    sent = both.script.requests[0]
    assert sent.url == "https://e.example/v1/text-to-speech/a%2Fvoice?output_format=ulaw_8000"
    assert json.loads(sent.body) == {"text": "Hello.", "model_id": "eleven_multilingual_v2"}
    assert (sent.headers["xi-api-key"], sent.headers["Accept"]) == (KEY, "audio/*")


@pytest.mark.parametrize(
    "response",
    [
        answer(200, b"", content_type="audio/mpeg"),
        answer(200, b"<!doctype html>", content_type="text/html"),
        answer(200, {"audio_base64": "AAAA"}, content_type="application/json"),
        answer(200, b"sound"),
        answer(200, b"sound", content_type="video/audio/mp4"),
    ],
    ids=["empty", "a page", "JSON", "no type", "another type"],
)
async def test_what_is_no_audio_was_accepted_and_charged(response: HttpResponse) -> None:
    error = await Both(response).refused("a" * 1500)
    assert isinstance(error, ProviderAnswerError)
    assert (error.outcome, error.cost_units) == (Outcome.ACCEPTED, Decimal("1.5"))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "quota_exceeded", ProviderLimitError),
        (401, "invalid_api_key", ProviderLimitError),
        (401, "max_character_limit_exceeded", ProviderRefusedError),
        (400, "voice_not_found", ProviderRefusedError),
        (500, "internal_server_error", ProviderUnknownError),
    ],
)
async def test_each_refusal_is_the_error_that_it_means_and_is_not_repeated(
    status: int, code: str, kind: type[ProviderError]
) -> None:
    both = Both(detail(status, code))
    error = await both.refused()
    assert type(error) is kind
    assert (error.provider_code, len(both.script.requests)) == (code, 1)
    assert KEY not in str(error)


@pytest.mark.parametrize("code", ["too_many_concurrent_requests", "system_busy"])
async def test_what_was_not_begun_is_asked_again(code: str) -> None:
    both = Both(detail(429, code), AUDIO)
    await both.client.synthesise("Hello.", "voice")
    assert len(both.script.requests) == 2


async def test_a_lost_answer_is_not_asked_for_again() -> None:
    both = Both(NoAnswerError("cut off"))
    assert (await both.refused()).outcome is Outcome.UNKNOWN
    assert len(both.script.requests) == 1


async def test_a_request_that_fails_the_schema_names_its_first_fault() -> None:
    faults = [{"loc": ["body", "text"], "msg": "Field required", "type": "missing"}, "another"]
    error = await Both(answer(422, {"detail": faults})).refused()
    assert (error.provider_code, "Field required" in str(error)) == ("missing", True)


async def test_a_refusal_in_words_alone_is_read() -> None:
    error = await Both(answer(403, {"detail": "Not for this plan"})).refused()
    assert (error.provider_code, "Not for this plan" in str(error)) == (None, True)


@pytest.mark.parametrize(("text", "voice"), [("", "v"), (" \n", "v"), ("a" * (LONGEST_TEXT + 1), "v"), ("Hello.", "")])
async def test_what_cannot_be_spoken_is_not_sent(text: str, voice: str) -> None:
    both = Both(AUDIO)
    with pytest.raises(InvalidInputError):
        await both.client.synthesise(text, voice)
    assert both.script.requests == []


async def test_voices_are_read_page_by_page_and_without_what_is_none() -> None:
    first = {"voices": [{"voice_id": "v1", "name": "Ada", "labels": {"accent": "australian", "age": None}}, {}, 1]}
    both = Both(
        answer(200, {**first, "has_more": True, "next_page_token": "t2"}),
        answer(200, {"voices": [{"voice_id": "v2", "labels": ["x"]}], "has_more": False, "next_page_token": None}),
    )
    voices = await both.client.list_voices()
    assert [(voice.id, voice.name, voice.labels) for voice in voices] == [
        ("v1", "Ada", {"accent": "australian"}),
        ("v2", "v2", {}),
    ]
    assert "next_page_token=t2" in both.script.requests[1].url


async def test_pages_without_an_end_are_given_up() -> None:
    both = Both(answer(200, {"voices": [], "has_more": True, "next_page_token": "again"}))
    assert await both.client.list_voices() == []
    assert len(both.script.requests) == 20


async def test_voices_that_are_no_list_are_no_answer() -> None:
    with pytest.raises(ProviderAnswerError):
        await Both(answer(200, {"voices": None})).client.list_voices()


async def test_a_subscription_says_what_is_left() -> None:
    body = {"tier": "creator", "character_count": 120, "character_limit": 100, "next_character_count_reset_unix": 0}
    plan = await Both(answer(200, body)).client.read_subscription()
    assert (plan.tier, plan.left, plan.resets_at) == ("creator", 0, datetime(1970, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("reset", [None, 10**17, "soon"])
async def test_a_subscription_without_a_readable_end_is_read(reset: object) -> None:
    body = {"character_count": 1, "character_limit": 2, "next_character_count_reset_unix": reset}
    plan = await Both(answer(200, body)).client.read_subscription()
    assert (plan.left, plan.resets_at, plan.tier, plan.status) == (1, None, "", None)


async def test_a_subscription_without_its_characters_is_no_answer() -> None:
    with pytest.raises(ProviderAnswerError):
        await Both(answer(200, {"character_count": 1})).client.read_subscription()
