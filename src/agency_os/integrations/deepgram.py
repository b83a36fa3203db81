"""Deepgram (developers.deepgram.com): text from recorded speech, at once or later by a callback.

Deepgram knows no idempotency keys and charges every transcription, so a request is repeated only when nothing left or
when it was refused for its rate. Callbacks are not signed: ours carry the secret as HTTP Basic in their address
(/docs/callback; the ``dg-token`` header ended on 2026-10-27), and not in the body, which is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from agency_os.exceptions import InvalidInputError, ProviderError, ProviderLimitError
from agency_os.integrations.json_fields import Fields, clean_text, read_webhook
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, Query
from agency_os.integrations.webhook import MEGABYTE, EventName, Webhook, WebhookSource
from agency_os.kit.http import HttpResponse, Timeouts
from agency_os.kit.retry import RetryPolicy
from agency_os.kit.signatures import verify_basic

NAME: Final = "deepgram"
CALLBACK_USER: Final = "deepgram"
"""The user in the callback's address; its password is the callback's secret."""
FINISHED: Final = "transcript"
FAILED: Final = "failed"
"""What a callback tells: of a transcript, or that there is none."""
LONGEST_CALLBACK: Final = 10 * MEGABYTE
"""Bytes: an hour of speech names each of its some 10,000 words twice, at some 150 bytes each."""

_MEDIA = re.compile(r"(audio|video)/[A-Za-z0-9.+-]{1,60}")
_MINUTE = Decimal(60)
_SIX_PLACES = Decimal("0.000001")

_KINDS: Final[Mapping[str | int, type[ProviderError]]] = {
    # A wrong key, an empty account or a missing right is mended by the operator: what waits must not be used up.
    401: ProviderLimitError,
    402: ProviderLimitError,
    403: ProviderLimitError,
}


@dataclass(frozen=True, slots=True)
class AudioAt:
    """A recording at a public address, which Deepgram fetches itself. The address stays out of the repr: it is often
    a signed one."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AudioBytes:
    """A recording in our hands; ``media`` is its content type, ``audio/…`` or ``video/…``."""

    content: bytes = field(repr=False)
    media: str


Audio = AudioAt | AudioBytes


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written in the transcript. Times are in seconds from the start, ``confidence`` is 0 to 1."""

    text: str
    start: Decimal | None
    end: Decimal | None
    confidence: Decimal | None
    speaker: int | None
    channel: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one speaker says without a pause. Times are in seconds from the start, ``confidence`` is 0 to 1."""

    text: str
    start: Decimal | None
    end: Decimal | None
    confidence: Decimal | None
    speaker: int | None
    channel: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript; empty text is silence. ``confidence`` is 0 to 1, the lowest of the channels'.

    ``duration`` is in seconds, ``units`` are minutes, to six places.
    """

    request_id: str
    text: str = field(repr=False)
    confidence: Decimal | None
    duration: Decimal
    units: Decimal
    channels: int
    created_at: datetime | None
    words: tuple[Word, ...] = field(repr=False)
    utterances: tuple[Utterance, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """A transcription that was accepted; the callback brings the transcript, its cost too, under ``request_id``."""

    request_id: str
    units: Decimal = Decimal(0)


class DeepgramClient:
    """Transcribes with model nova-3; one per API key. ``callback_secret`` goes along with what is ordered."""

    name = NAME

    def __init__(self, connection: Connection, callback_secret: str) -> None:
        self._secret = callback_secret
        self._api = ProviderApi(
            connection,
            Dialect(NAME, self._read_problem, _KINDS, frozenset({429}), request_id="dg-request-id"),
            {"Authorization": f"Token {connection.api_key}"},
            # A long recording is worked on for minutes before the first byte comes; in the end Deepgram answers 504.
            timeouts=Timeouts(read=600.0, total=660.0),
            policy=RetryPolicy(attempts=4, first_wait=1.0, longest_wait=8.0),
        )

    async def transcribe(self, audio: Audio, *, language: str = "en-AU") -> Transcript:
        """The transcript of a recording, with its speakers told apart; for a long one see ``order``.

        ``language`` is a BCP 47 tag. Raises ProviderError (operation ``transcribe_url`` or ``transcribe_bytes``), and
        InvalidInputError for what cannot be sent.
        """
        operation = f"transcribe_{_way_of(audio)}"
        response = await self._listen(operation, audio, _query(language))
        answer = self._api.read_answer(operation, response)
        if not _has_results(answer):
            raise self._api.unreadable(operation, response, "without results", _minutes(answer))
        return _transcript(answer, response.headers.get("dg-request-id", ""))

    async def order(self, audio: Audio, callback_url: str, *, language: str = "en-AU") -> Order:
        """Have a recording transcribed later: Deepgram calls ``callback_url`` (http or https, without credentials).

        Raises as ``transcribe`` does (operation ``order_url`` or ``order_bytes``).
        """
        operation = f"order_{_way_of(audio)}"
        query = {**_query(language), "callback": _with_credentials(callback_url, self._secret)}
        response = await self._listen(operation, audio, query)
        request_id = self._api.read_answer(operation, response).text("request_id")
        if request_id is None:
            raise self._api.unreadable(operation, response, "without a request_id")
        return Order(request_id)

    async def _listen(self, operation: str, audio: Audio, query: Query) -> HttpResponse:
        if isinstance(audio, AudioAt):
            if not audio.url.startswith(("https://", "http://")):
                raise InvalidInputError("a recording's address begins with https:// or http://", field="url")
            return await self._api.act(operation, "/v1/listen", json.dumps({"url": audio.url}).encode(), query=query)
        if not audio.content or not _MEDIA.fullmatch(audio.media):
            raise InvalidInputError("a recording has bytes, and a type such as audio/mpeg", field="media")
        media = {"Content-Type": audio.media}
        return await self._api.act(operation, "/v1/listen", audio.content, query=query, headers=media)

    def _read_problem(self, response: HttpResponse) -> Problem:
        """The problem in any of the three published forms: two kinds of objects, and text, bare or as JSON."""
        try:
            found: object = json.loads(response.body)
        except (ValueError, RecursionError):
            # Only what is declared as text is: anything else is a page of some machine on the way.
            is_text = response.headers.get("content-type", "").startswith("text/plain")
            found = response.body.decode("utf-8", "replace") if is_text else "an answer that is no JSON"
        if isinstance(found, str):
            return Problem(None, self._without_secret(clean_text(found)))
        body = Fields(found)
        parts = [body.text("err_msg"), body.text("message"), body.text("details")]
        words = ": ".join(part for part in parts if part)
        code = body.text("err_code") or body.text("category")
        return Problem(code, self._without_secret(words))

    def _without_secret(self, words: str) -> str:
        # A refusal of a callback may repeat its address.
        return words.replace(self._secret, "[secret]") if self._secret else words


def webhooks(callback_secret: str) -> WebhookSource:
    """Deepgram's callbacks: recognised by the Basic credentials in their address, before their body is read."""
    return WebhookSource(
        NAME, _name_event, admit=lambda headers, _: _admit(headers, callback_secret), limit=LONGEST_CALLBACK
    )


def parse_callback(body: bytes) -> Transcript | None:
    """The transcript in a callback's body, or None where the transcription failed.

    Raises InvalidInputError for a body that names no request.
    """
    event = read_webhook(body, "Deepgram")
    request_id = _request_id(event)
    return _transcript(event, request_id) if _has_results(event) else None


def _admit(headers: Mapping[str, str], secret: str) -> None:
    verify_basic(_authorization(headers), CALLBACK_USER, secret)


def _authorization(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == "authorization"), None)


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    event = read_webhook(webhook.body, "Deepgram")
    kind = FINISHED if _has_results(event) else FAILED
    return EventName(_request_id(event), kind, event.inner("metadata").moment("created"))


def _request_id(event: Fields) -> str:
    request_id = event.inner("metadata").text("request_id") or event.text("request_id")
    if request_id is None:
        raise InvalidInputError("the Deepgram callback names no request", field="request_id")
    return request_id


def _has_results(answer: Fields) -> bool:
    return isinstance(answer.inner("results").raw("channels"), list)


def _transcript(answer: Fields, request_id: str) -> Transcript:
    metadata, channels = answer.inner("metadata"), answer.inner("results").each("channels")
    best = [next(iter(channel.each("alternatives")), Fields(None)) for channel in channels]
    words = [_word(word, number) for number, each in enumerate(best) for word in each.each("words")]
    sure = [confidence for each in best if (confidence := each.number("confidence")) is not None]
    duration = _duration(answer, words)
    return Transcript(
        request_id=metadata.text("request_id") or request_id,
        text="\n".join(text for each in best if (text := each.verbatim("transcript").strip())),
        confidence=min(sure, default=None),
        duration=duration,
        units=(duration / _MINUTE).quantize(_SIX_PLACES),
        channels=metadata.whole("channels") or len(channels),
        created_at=metadata.moment("created"),
        words=tuple(words),
        utterances=tuple(_utterance(each) for each in answer.inner("results").each("utterances")),
    )


def _duration(answer: Fields, words: list[Word]) -> Decimal:
    """Seconds as Deepgram counts them; where it does not say, those to the end of the last word."""
    told = answer.inner("metadata").number("duration")
    if told is not None and told >= 0:
        return told
    return max([Decimal(0), *(word.end for word in words if word.end is not None)])


def _minutes(answer: Fields) -> Decimal:
    return (_duration(answer, []) / _MINUTE).quantize(_SIX_PLACES)


def _word(word: Fields, channel: int) -> Word:
    return Word(
        text=word.text("punctuated_word") or word.text("word") or "",
        start=word.number("start"),
        end=word.number("end"),
        confidence=word.number("confidence"),
        speaker=word.whole("speaker"),
        channel=channel,
    )


def _utterance(utterance: Fields) -> Utterance:
    return Utterance(
        text=utterance.verbatim("transcript").strip(),
        start=utterance.number("start"),
        end=utterance.number("end"),
        confidence=utterance.number("confidence"),
        speaker=utterance.whole("speaker"),
        channel=utterance.whole("channel") or 0,
    )


def _way_of(audio: Audio) -> str:
    return "url" if isinstance(audio, AudioAt) else "bytes"


def _query(language: str) -> dict[str, str]:
    return {
        "model": "nova-3",
        "language": language,
        "smart_format": "true",
        "diarize": "true",
        "utterances": "true",
    }


def _with_credentials(callback_url: str, secret: str) -> str:
    parts = urlsplit(callback_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise InvalidInputError("a callback's address is http(s) and carries no credentials", field="callback_url")
    if not secret:
        raise InvalidInputError("a callback needs a secret: set DEEPGRAM_CALLBACK_SECRET", field="callback_secret")
    return urlunsplit(parts._replace(netloc=f"{CALLBACK_USER}:{quote(secret, safe='')}@{parts.netloc}"))
