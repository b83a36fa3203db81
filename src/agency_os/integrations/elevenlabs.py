"""ElevenLabs (elevenlabs.io/docs/api-reference): speech from text as bytes, the account's voices and its quota.

There is no idempotency key: a synthesis that gave no answer may have been charged, and is never repeated here. A used
up quota comes as 401 like a wrong key; both can heal, and ``provider_code`` tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from urllib.parse import quote

from agency_os.exceptions import InvalidInputError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.http import HttpResponse, Timeouts
from agency_os.kit.retry import RetryPolicy

NAME = "elevenlabs"
QUOTA_EXCEEDED = "quota_exceeded"
"""``provider_code`` of the limit that means: the plan's characters are used up, the key is right."""

LONGEST_TEXT = 5_000
"""Characters in one call: about five minutes, so that raw PCM stays below the transport's 10 MB. The models themselves
take 10,000 and more (help.elevenlabs.io, article 19572237925521)."""

DEFAULT_MODEL = "eleven_multilingual_v2"
_A_THOUSAND = Decimal(1000)
_MOST_PAGES = 20


class SpeechFormat(StrEnum):
    """The output formats that we use; ``ulaw_8000`` is what telephony takes."""

    MP3 = "mp3_44100_128"
    MP3_SMALL = "mp3_22050_32"
    ULAW = "ulaw_8000"
    PCM = "pcm_16000"


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """How a voice speaks: 0 to 1 each, ``speed`` 0.7 to 1.2; None leaves the voice's own setting."""

    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken text. ``units`` are thousands of characters; ``media_type`` is as answered."""

    audio: bytes = field(repr=False)
    media_type: str
    output_format: SpeechFormat
    units: Decimal
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of the account. ``category`` is premade, cloned, generated, professional and the like."""

    id: str
    name: str
    category: str | None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subscription:
    """The plan. Characters used and included in this period; ``resets_at`` in UTC."""

    tier: str
    status: str | None
    used: int
    included: int
    resets_at: datetime | None

    @property
    def left(self) -> int:
        """Characters that this period still holds."""
        return max(0, self.included - self.used)


@json_problem
def _read_problem(body: Fields) -> Problem:
    detail = body.inner("detail")
    first = next(iter(body.each("detail")), Fields(None))  # a request that fails the schema: a list of faults
    code = detail.text("status") or first.text("type")
    return Problem(code, detail.text("message") or first.text("msg") or body.text("detail") or "")


_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        QUOTA_EXCEEDED: ProviderLimitError,
        "too_many_concurrent_requests": ProviderLimitError,
        "system_busy": ProviderLimitError,
        # These come as 400 or 401, and a repeat of the same text or voice changes nothing.
        "max_character_limit_exceeded": ProviderRefusedError,
        "voice_not_found": ProviderRefusedError,
        401: ProviderLimitError,  # a wrong key is mended by the operator, and says nothing of the text
    },
    passing=frozenset({"too_many_concurrent_requests", "system_busy"}),
    request_id="request-id",
)


class ElevenLabsClient:
    """Speaks through ElevenLabs; one per API key."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"xi-api-key": connection.api_key},
            timeouts=Timeouts(read=60.0, total=90.0),
            policy=RetryPolicy(attempts=4, first_wait=1.0, longest_wait=8.0),
        )

    async def synthesise(
        self,
        text: str,
        voice_id: str,
        *,
        output_format: SpeechFormat = SpeechFormat.MP3,
        model: str = DEFAULT_MODEL,
        settings: VoiceSettings = VoiceSettings(),
        seed: int | None = None,
    ) -> Speech:
        """``text`` spoken by a voice. Raises ProviderError, whose ``cost_units`` say what was charged all the same;
        InvalidInputError for no text, or more than LONGEST_TEXT characters.
        """
        if not text.strip() or len(text) > LONGEST_TEXT:
            raise InvalidInputError(f"speech needs 1 to {LONGEST_TEXT} characters, not {len(text)}", field="text")
        if not voice_id:
            raise InvalidInputError("speech needs a voice", field="voice_id")
        body: dict[str, object] = {"text": text, "model_id": model}
        names = ("stability", "similarity_boost", "style", "speed")
        voice = {name: value for name in names if (value := getattr(settings, name)) is not None}
        optional = {"voice_settings": voice or None, "seed": seed}
        body |= {name: value for name, value in optional.items() if value is not None}
        response = await self._api.act(
            "synthesise",
            f"/v1/text-to-speech/{quote(voice_id, safe='')}",
            canonical_json(body),
            query={"output_format": output_format.value},
            headers={"Accept": "audio/*"},
        )
        return self._speech(response, output_format, Decimal(len(text)) / _A_THOUSAND)

    async def list_voices(self) -> list[Voice]:
        """The account's voices, all pages. Raises ProviderError."""
        voices: list[Voice] = []
        query: dict[str, str | int] = {"page_size": 100}
        for _ in range(_MOST_PAGES):
            response = await self._api.look_up("list_voices", "/v2/voices", query)
            answer = self._api.read_answer("list_voices", response)
            if not isinstance(answer.raw("voices"), list):
                raise self._api.unreadable("list_voices", response, "without voices")
            found = (_voice(each) for each in answer.each("voices"))
            voices += [voice for voice in found if voice is not None]
            token = answer.text("next_page_token")
            if answer.flag("has_more") is not True or token is None:
                break
            query["next_page_token"] = token
        return voices

    async def read_subscription(self) -> Subscription:
        """The plan and what is left of it; costs nothing. Raises ProviderError."""
        response = await self._api.look_up("read_subscription", "/v1/user/subscription")
        answer = self._api.read_answer("read_subscription", response)
        used, included = answer.whole("character_count"), answer.whole("character_limit")
        if used is None or included is None:
            raise self._api.unreadable("read_subscription", response, "without its characters")
        return Subscription(
            tier=answer.text("tier") or "",
            status=answer.text("status"),
            used=used,
            included=included,
            resets_at=_instant(answer.whole("next_character_count_reset_unix")),
        )

    def _speech(self, response: HttpResponse, output_format: SpeechFormat, units: Decimal) -> Speech:
        media = (response.headers.get("content-type") or "").partition(";")[0].strip().lower()
        if not media.startswith("audio/"):
            raise self._api.unreadable("synthesise", response, f"{media[:40] or 'no media type'}, not audio", units)
        if not response.body:
            raise self._api.unreadable("synthesise", response, "no audio", units)
        return Speech(response.body, media, output_format, units, response.headers.get(_DIALECT.request_id))


def _voice(entry: Fields) -> Voice | None:
    voice_id, labels = entry.text("voice_id"), entry.raw("labels")
    if voice_id is None:
        return None
    named = entry.inner("labels")
    pairs = {name: text for name in (labels if isinstance(labels, dict) else {}) if (text := named.text(name))}
    return Voice(voice_id, entry.text("name") or voice_id, entry.text("category"), pairs)


def _instant(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
