"""Deepgram's client over a scripted transport, its callbacks and whom they come from."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
    SignatureError,
)
from agency_os.integrations.deepgram import (
    FAILED,
    FINISHED,
    AudioAt,
    AudioBytes,
    DeepgramClient,
    Transcript,
    parse_callback,
    webhooks,
)
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.webhook import Webhook
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse, NoAnswerError, NotSentError
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

KEY, SECRET = "deepgram-key-0123456789", "callback-secret-000001"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
LINK = AudioAt("https://recordings.example/call.mp3?signature=hidden")
HOOK = "https://api.agency.example/webhooks/deepgram"
ID = "a847f427-4ad5-4d67-9b95-db801e58251c"
WORD = {"word": "tuesday", "punctuated_word": "Tuesday", "start": 0.5, "end": 1.5, "confidence": 0.9, "speaker": 1}
WHOLE: dict[str, Any] = {
    "metadata": {"request_id": ID, "created": "2026-03-02T00:00:00.000Z", "duration": 25.93, "channels": 1},
    "results": {
        "channels": [{"alternatives": [{"transcript": "Tuesday", "confidence": 0.98, "words": [WORD]}]}],
        "utterances": [{"transcript": "Tuesday", "start": 0.5, "end": 1.5, "confidence": 0.97, "speaker": 1}],
    },
}


class Both:
    """A client, and what answers it."""

    def __init__(self, *answers: HttpResponse | Exception, secret: str = SECRET) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, self.wall)
        self.client = DeepgramClient(
            Connection(self.script, "https://d.example", KEY, rate, self.wall, Random(1)),  # noqa: S311
            secret,
        )

    async def transcribe(self) -> Transcript:
        return await self.client.transcribe(LINK)

    async def refused(self) -> ProviderError:
        """The error of transcribing."""
        with pytest.raises(ProviderError) as caught:
            await self.transcribe()
        return caught.value

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the last request."""
        return parse_qs(urlsplit(self.script.requests[-1].url).query)


def callback(body: object, **headers: str) -> Webhook:
    return Webhook(body if isinstance(body, bytes) else json.dumps(body).encode(), headers, HOOK)


def with_secret(secret: object, **more: object) -> dict[str, Any]:
    return {**WHOLE, "metadata": {**WHOLE["metadata"], "extra": {"callback_secret": secret}}, **more}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def refused_as_a_strangers(webhook: Webhook, path_secret: str = "") -> bool:
    source = webhooks(SECRET)
    try:
        source.admit(webhook.headers, path_secret)
        source.verify(webhook, NOW)
    except SignatureError:
        return True
    return False


async def test_a_transcript_is_read_with_its_words_and_minutes() -> None:
    found = await Both(answer(200, WHOLE)).transcribe()
    assert (found.request_id, found.text, found.confidence) == (ID, "Tuesday", Decimal("0.98"))
    assert (found.duration, found.units) == (Decimal("25.93"), Decimal("0.432167"))
    assert [(word.text, word.start, word.speaker, word.channel) for word in found.words] == [
        ("Tuesday", Decimal("0.5"), 1, 0)
    ]
    assert [(each.text, each.speaker, each.channel) for each in found.utterances] == [("Tuesday", 1, 0)]
    assert found.created_at == NOW


async def test_it_asks_for_nova_3_with_speakers_in_australian_english() -> None:
    both = Both(answer(200, WHOLE))
    await both.transcribe()
    asked = both.script.requests[0]
    assert both.query == {
        "model": ["nova-3"], "language": ["en-AU"], "smart_format": ["true"], "diarize": ["true"],
        "utterances": ["true"],
    }  # fmt: skip
    assert asked.headers["Authorization"] == f"Token {KEY}"
    assert json.loads(asked.body) == {"url": LINK.url}


async def test_bytes_go_out_as_they_are_under_their_own_type() -> None:
    both = Both(answer(200, WHOLE))
    await both.client.transcribe(AudioBytes(b"\xff\xfb", "audio/mpeg"), language="en-NZ")
    asked = both.script.requests[0]
    assert (asked.body, asked.headers["Content-Type"], both.query["language"]) == (b"\xff\xfb", "audio/mpeg", ["en-NZ"])


async def test_channels_are_lines_and_the_least_sure_one_counts() -> None:
    other = {"alternatives": [{"transcript": "Yes", "confidence": 0.5, "words": [{"word": "yes"}]}]}
    channels = [*WHOLE["results"]["channels"], other, {"alternatives": []}]
    found = await Both(answer(200, {**WHOLE, "results": {"channels": channels}})).transcribe()
    assert (found.text, found.confidence) == ("Tuesday\nYes", Decimal("0.5"))
    assert [(word.text, word.channel, word.end) for word in found.words] == [
        ("Tuesday", 0, Decimal("1.5")),
        ("yes", 1, None),
    ]


async def test_silence_is_a_transcript_without_words() -> None:
    empty = {"channels": [{"alternatives": [{"transcript": "", "confidence": 0, "words": []}]}]}
    found = await Both(answer(200, {**WHOLE, "results": empty})).transcribe()
    assert (found.text, found.words, found.units) == ("", (), Decimal("0.432167"))


@pytest.mark.parametrize("duration", [None, "long", -1])
async def test_without_a_duration_the_last_word_tells_it(duration: object) -> None:
    metadata = {**WHOLE["metadata"], "duration": duration}
    found = await Both(answer(200, {**WHOLE, "metadata": metadata})).transcribe()
    assert (found.duration, found.units) == (Decimal("1.5"), Decimal("0.025000"))


async def test_an_answer_without_results_was_accepted_and_tells_its_minutes() -> None:
    error = await Both(answer(200, {"metadata": {"duration": 60}}, dg_request_id="r-1")).refused()
    assert isinstance(error, ProviderAnswerError)
    assert (error.outcome, error.request_id, error.cost_units) == (Outcome.ACCEPTED, "r-1", Decimal(1))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProviderRefusedError), (401, ProviderLimitError), (402, ProviderLimitError), (403, ProviderLimitError),
        (413, ProviderRefusedError), (500, ProviderUnknownError), (503, ProviderUnknownError),
        (504, ProviderUnknownError),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_by_its_kind_and_not_repeated(status: int, kind: type[ProviderError]) -> None:
    both = Both(answer(status, {"err_code": "CODE", "err_msg": "words", "request_id": "r"}))
    error = await both.refused()
    assert (type(error), error.provider_code, len(both.script.requests)) == (kind, "CODE", 1)


@pytest.mark.parametrize("passing", [answer(429, {"category": "TOO_MANY_REQUESTS"}), NotSentError("refused")])
async def test_what_was_not_accepted_is_asked_again(passing: HttpResponse | Exception) -> None:
    both = Both(passing, passing, answer(200, WHOLE))
    assert (await both.transcribe()).text == "Tuesday"
    assert len(both.script.requests) == 3


async def test_no_answer_is_unknown_and_not_repeated_since_it_would_be_charged_again() -> None:
    both = Both(NoAnswerError("timed out"), answer(200, WHOLE))
    error = await both.refused()
    assert (error.outcome, len(both.script.requests)) == (Outcome.UNKNOWN, 1)


@pytest.mark.parametrize(
    ("body", "media", "words"),
    [
        (b"too long a recording", "text/plain", "too long a recording"),
        (b'"as JSON"', "application/json", "as JSON"),
        (b"<html>busy</html>", "text/html", "an answer that is no JSON"),
        (b"[" * 100_000, "application/json", "an answer that is no JSON"),
    ],
)
async def test_a_refusal_in_bare_text_is_read_where_it_is_one(body: bytes, media: str, words: str) -> None:
    assert words in str(await Both(answer(504, body, content_type=media)).refused())


async def test_an_order_carries_its_secret_in_the_address_alone_and_shows_it_nowhere() -> None:
    both = Both(answer(200, {"request_id": ID}))
    order = await both.client.order(LINK, HOOK)
    assert (order.request_id, order.units) == (ID, Decimal(0))
    assert both.query["callback"] == [f"https://deepgram:{SECRET}@api.agency.example/webhooks/deepgram"]
    assert "extra" not in both.query
    shown = repr((both.script.requests, order, LINK, both.client, webhooks(SECRET)))
    assert SECRET not in shown
    assert "hidden" not in shown


async def test_a_refusal_that_repeats_the_callback_hides_its_secret() -> None:
    both = Both(answer(400, {"err_code": "BAD", "err_msg": f"{SECRET} cannot be reached"}))
    with pytest.raises(ProviderError) as caught:
        await both.client.order(LINK, HOOK)
    assert SECRET not in f"{caught.value} {caught.value.__dict__}"


@pytest.mark.parametrize("hook", ["ftp://a.example", "https://", "/webhooks", "https://user:word@a.example/x"])
async def test_a_callback_to_nowhere_is_not_ordered(hook: str) -> None:
    both = Both(answer(200, {"request_id": ID}))
    with pytest.raises(InvalidInputError):
        await both.client.order(LINK, hook)
    assert both.script.requests == []


async def test_a_callback_without_a_secret_is_not_ordered() -> None:
    with pytest.raises(InvalidInputError, match="DEEPGRAM_CALLBACK_SECRET"):
        await Both(answer(200, {}), secret="").client.order(LINK, HOOK)


@pytest.mark.parametrize(
    "audio", [AudioAt("s3://bucket/call"), AudioBytes(b"", "audio/mpeg"), AudioBytes(b"a", "text/plain\r\nX: y")]
)
async def test_what_is_no_recording_is_not_sent(audio: AudioAt | AudioBytes) -> None:
    both = Both(answer(200, WHOLE))
    with pytest.raises(InvalidInputError):
        await both.client.transcribe(audio)
    assert both.script.requests == []


def test_a_callback_under_our_credentials_is_ours_whatever_its_body_says() -> None:
    for body in (WHOLE, b"not JSON", {"request_id": ID, "err_code": "TIMEOUT"}):
        assert not refused_as_a_strangers(callback(body, Authorization=basic("deepgram", SECRET)))


@pytest.mark.parametrize(
    "stranger",
    [
        callback(WHOLE),
        callback(with_secret(SECRET)),
        callback(b"not JSON"),
        callback(WHOLE, authorization=basic("deepgram", "another")),
        callback(WHOLE, authorization=basic("another", SECRET)),
        callback(with_secret(SECRET), authorization="Bearer x"),
        callback(with_secret(SECRET), authorization=""),
    ],
)
def test_anything_else_is_a_strangers(stranger: Webhook) -> None:
    assert refused_as_a_strangers(stranger)


def test_a_stranger_is_refused_before_the_body_is_read() -> None:
    with pytest.raises(SignatureError):
        webhooks(SECRET).admit({"AUTHORIZATION": basic("deepgram", "another")}, "")


def test_no_configured_secret_lets_nobody_in() -> None:
    with pytest.raises(SignatureError):
        webhooks("").admit({"Authorization": basic("deepgram", "")}, "")


@pytest.mark.parametrize(
    ("body", "kind", "at"),
    [
        (WHOLE, FINISHED, NOW),
        ({"request_id": ID, "err_code": "TIMEOUT"}, FAILED, None),
        ({"request_id": ID}, FAILED, None),
    ],
)
def test_a_callback_is_known_by_its_request(body: object, kind: str, at: datetime | None) -> None:
    name = webhooks(SECRET).name_event(callback(body), NOW)
    assert (name.event_id, name.kind, name.occurred_at) == (ID, kind, at)
    assert (parse_callback(callback(body).body) is None) == (kind == FAILED)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"results": {"channels": []}}', b'{"metadata": {}}'])
def test_a_callback_that_names_no_request_is_no_event(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        webhooks(SECRET).name_event(callback(body), NOW)
    with pytest.raises(InvalidInputError):
        parse_callback(body)


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["NaN", "\x00", "\ud800", "1e99999", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "alternatives",
                    "words",
                    "word",
                    "start",
                    "confidence",
                    "transcript",
                    "speaker",
                    "channels",
                    "utterances",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(channels=st.lists(ODD, max_size=3), metadata=ODD, utterances=ODD)
@settings(max_examples=100, deadline=None)
def test_a_transcript_of_any_shape_is_read(channels: list[Any], metadata: Any, utterances: Any) -> None:
    body = {"request_id": ID, "metadata": metadata, "results": {"channels": channels, "utterances": utterances}}
    found = parse_callback(json.dumps(body).encode())
    assert isinstance(found, Transcript)
    assert found.units >= 0
    assert "\x00" not in found.text
