"""ElevenLabs: speech, voices and the subscription, with its published error bodies, after its OpenAPI and help pages.

Any key that is not empty is an account. Characters are counted by month of virtual time; what goes over the plan is
401 ``quota_exceeded``. There are no idempotency keys: every accepted request is spoken and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers.elevenlabs_audio import FORMATS, speak
from agency_os_sandbox.store import Store

PLAN_CHARACTERS: Final = 2_000_000
VOICES: Final = {
    "Ax1QnVoiceAda00sample": ("Ada", "australian", "female"),
    "Bx2QnVoiceBen00sample": ("Ben", "australian", "male"),
    "Cx3QnVoiceCleo0sample": ("Cleo", "british", "female"),
}
"""The account's voices by id: name, accent, gender."""

_LONGEST = {
    "eleven_multilingual_v2": 10_000,
    "eleven_flash_v2": 30_000,
    "eleven_turbo_v2": 30_000,
    "eleven_flash_v2_5": 40_000,
    "eleven_turbo_v2_5": 40_000,
}
_PLAN, _USED = "elevenlabs_plan", "elevenlabs_used"
_MEDIA = "audio/mpeg"
"""The one media type that the description publishes, whatever the output format."""


class ElevenLabs:
    """The protocol."""

    name = "elevenlabs"

    def __init__(self, store: Store) -> None:
        self._store = store

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        return (
            Operation("text_to_speech", "POST", "/v1/text-to-speech/{voice_id}", self._guarded(self._speak)),
            Operation("voices", "GET", "/v2/voices", self._guarded(self._voices)),
            Operation("subscription", "GET", "/v1/user/subscription", self._guarded(self._subscription)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - none is published
        """The published error bodies."""
        if kind is FaultKind.LIMITED:
            return _error(429, "too_many_concurrent_requests", "Too many concurrent requests for your subscription.")
        if kind is FaultKind.REFUSED:
            return _invalid("body", "text", "The request was refused.", "value_error")
        return _error(500, "internal_server_error", "An unexpected error occurred.")

    def concurrent(self) -> Answer | None:
        """ElevenLabs knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:
        """The published headers on concurrency; the window's requests stand for those at the same time."""
        return {
            "current-concurrent-requests": str(min(window.used, window.limit)),
            "maximum-concurrent-requests": str(window.limit),
            "request-id": new_guid().replace("-", "")[:20],
        }

    def limit_plan(self, characters: int | None) -> None:
        """Let the plan's month hold so many characters; None is the usual plan."""
        self._store.set_json(_PLAN, characters)

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            if not call.headers.get("xi-api-key"):
                return _error(401, "invalid_api_key", "Invalid API key")
            return handle(call)

        return guarded

    def _speak(self, call: Call) -> Answer:
        data = _body(call)
        text, model = data.get("text"), data.get("model_id", "eleven_multilingual_v2")
        output_format = call.query.get("output_format", "mp3_44100_128")
        if not isinstance(text, str):
            return _invalid("body", "text", "Field required", "missing")
        if output_format not in FORMATS:
            return _invalid("query", "output_format", "Input should be a published format", "enum")
        longest = _LONGEST.get(model) if isinstance(model, str) else None
        if longest is None:
            return _invalid("body", "model_id", "A model with this id does not exist", "value_error")
        if not text.strip():
            return _invalid("body", "text", "The text is empty", "value_error")
        if call.path_params["voice_id"] not in VOICES:
            return _error(400, "voice_not_found", "A voice with this id was not found.")
        if len(text) > longest:
            message = f"This request's text has {len(text)} characters and exceeds the character limit of {longest}."
            return _error(400, "max_character_limit_exceeded", message)
        return self._spoken(call, text, output_format)

    def _spoken(self, call: Call, text: str, output_format: str) -> Answer:
        used, plan = self._used(call.now), self._plan()
        if used + len(text) > plan:
            message = f"This request exceeds your quota. You have {plan - used} credits remaining."
            return _error(401, "quota_exceeded", message)
        audio = speak(text, output_format)
        if audio is None:
            return _error(400, "output_format_not_allowed", f"This sandbox makes no {output_format}.")
        self._store.set_json(_USED, {"month": _month(call.now), "characters": used + len(text)})
        row = OracleRow(units=_units(text), accepted=True)
        return Answer(200, audio, rows=(row,), media=_MEDIA)

    def _voices(self, call: Call) -> Answer:
        size, start = call.query.get("page_size", "10"), call.query.get("next_page_token", "0")
        if not size.isdecimal() or not 1 <= int(size) <= 100:
            return _invalid("query", "page_size", "Input should be from 1 to 100", "less_than_equal")
        if not start.isdecimal():
            return _invalid("query", "next_page_token", "The token is not valid", "value_error")
        end = int(start) + int(size)
        page = list(VOICES.items())[int(start) : end]
        more = end < len(VOICES)
        return Answer(
            200,
            {
                "voices": [_voice(voice_id, *rest) for voice_id, rest in page],
                "has_more": more,
                "total_count": len(VOICES),
                "next_page_token": str(end) if more else None,
            },
        )

    def _subscription(self, call: Call) -> Answer:
        return Answer(
            200,
            {
                "tier": "creator",
                "status": "active",
                "character_count": self._used(call.now),
                "character_limit": self._plan(),
                "max_character_limit_extension": None,
                "can_extend_character_limit": False,
                "allowed_to_extend_character_limit": False,
                "next_character_count_reset_unix": int(_next_month(call.now).timestamp()),
                "voice_slots_used": len(VOICES),
                "professional_voice_slots_used": 0,
                "voice_limit": 30,
                "voice_add_edit_counter": 0,
                "professional_voice_limit": 1,
                "can_extend_voice_limit": False,
                "can_use_instant_voice_cloning": True,
                "can_use_professional_voice_cloning": True,
                "currency": "usd",
                "billing_period": "monthly_period",
                "character_refresh_period": "monthly_period",
                "next_invoice": None,
                "has_open_invoices": False,
            },
        )

    def _used(self, now: datetime) -> int:
        kept: dict[str, Any] = self._store.get_json(_USED, {})
        return int(kept["characters"]) if kept.get("month") == _month(now) else 0

    def _plan(self) -> int:
        plan: int | None = self._store.get_json(_PLAN, None)
        return PLAN_CHARACTERS if plan is None else plan


def _voice(voice_id: str, name: str, accent: str, gender: str) -> dict[str, Any]:
    return {
        "voice_id": voice_id,
        "name": name,
        "category": "premade",
        "labels": {"accent": accent, "gender": gender},
        "description": None,
        "preview_url": None,
        "available_for_tiers": [],
        "settings": None,
        "high_quality_base_model_ids": ["eleven_multilingual_v2"],
    }


def _body(call: Call) -> dict[str, Any]:
    try:
        data = call.json()
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _units(text: str) -> Decimal:
    return Decimal(len(text)) / 1000


def _month(now: datetime) -> str:
    return f"{now.year:04d}-{now.month:02d}"


def _next_month(now: datetime) -> datetime:
    return datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)


def _error(status: int, name: str, message: str) -> Answer:
    return Answer(status, {"detail": {"status": name, "message": message}})


def _invalid(place: str, field: str, message: str, kind: str) -> Answer:
    return Answer(422, {"detail": [{"loc": [place, field], "msg": message, "type": kind}]})
