"""Deepgram: transcribes recordings, at once or by callback; unsigned, with what was given as ``extra`` coming back.

Follows Deepgram's description of ``/v1/listen`` (2026-07-22) and its pages on errors and callbacks. Nobody listens
here: what is said, by whom and for how long is a hash of the recording's address or bytes, so the same recording has
the same words. It knows no idempotency keys: every request is transcribed and charged again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import pick, token, unit

LISTENING_MODELS = re.compile(r"(nova-3|nova-2|nova|enhanced|base|whisper)(-[a-z]+)?")
CALLBACK_EVENT = "transcript"
SECONDS_PER_WORD = 0.42
ROOM_FOR_MORE = 8.0
"""Seconds: with less than that left of a recording, people say goodbye."""
BYTES_PER_SECOND = 16_000
"""A recording's length where it is given as bytes: 128 kbit/s, the usual rate of an MP3."""

_LEFT = "deepgram_minutes_left"
_OPENING = ("Hi, this is Ada from the agency.", "Hello, thanks for picking up.", "Good morning, is now a bad time?")
_MIDDLE = (
    "We help clinics like yours get more enquiries.",
    "Who looks after marketing on your side?",
    "We already work with somebody for that.",
    "Could you send me the details by email?",
    "Next Tuesday at ten would suit me.",
    "We are happy with what we have at the moment.",
    "How much does that usually cost?",
    "Please take me off your list.",
)
_CLOSING = ("Talk soon, goodbye.", "Thanks for your time.", "Alright, bye.")


class RefusedError(Exception):
    """A refused request: status, code and words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Recording:
    """What is to be transcribed; ``sha256`` in hex, ``seconds`` its length."""

    sha256: str
    seconds: float


class Deepgram:
    """The protocol; any key that is not empty is a project."""

    name = "deepgram"

    def __init__(self, store: Store, outbox: Outbox, seed: int) -> None:
        self._store = store
        self._outbox = outbox
        self._seed = seed

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        return (Operation("listen", "POST", "/v1/listen", self._guarded(self._listen)),)

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - Deepgram tells no time to wait
        """The published error bodies, in their three forms: modern, legacy, and bare text."""
        if kind in (FaultKind.LIMITED, FaultKind.PENDING):
            request_id = new_guid()
            content = {
                "category": "TOO_MANY_REQUESTS",
                "message": "Too many requests. Please try again later.",
                "details": "The project's limit of concurrent requests is reached.",
                "request_id": request_id,
            }
            return Answer(429, content, {"dg-request-id": request_id})
        if kind is FaultKind.REFUSED:
            return _error(400, "Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data")
        return Answer(500, "Internal Server Error", {"dg-request-id": new_guid()})

    def concurrent(self) -> Answer | None:
        """Deepgram knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - see below
        """Deepgram publishes none."""
        return {}

    def limit_minutes(self, minutes: Decimal | None) -> None:
        """Let the project's credit hold so many minutes; None lifts the limit."""
        self._store.set_json(_LEFT, None if minutes is None else str(minutes))

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            scheme, _, key = call.headers.get("authorization", "").partition(" ")
            is_jwt = scheme.lower() == "bearer" and key.count(".") == 2
            if not key.strip() or (scheme.lower() != "token" and not is_jwt):
                return _error(401, "INVALID_AUTH", "Invalid credentials.")
            try:
                return handle(call)
            except RefusedError as refusal:
                return _error(refusal.status, refusal.code, str(refusal))

        return guarded

    def _listen(self, call: Call) -> Answer:
        _check_query(call)
        recording = self._recording(call)
        minutes = (Decimal(str(recording.seconds)) / 60).quantize(Decimal("0.000001"))
        self._charge(minutes)
        request_id = new_guid()
        transcript = self._transcript(call, recording, request_id)
        row = OracleRow(None, _extra(call).get("touch"), minutes, request_id, accepted=True)
        callback = call.query.get("callback")
        if not callback:
            return Answer(200, transcript, {"dg-request-id": request_id}, (row,))
        lane, body = f"{self.name}:{request_id}", json.dumps(transcript)
        self._outbox.put(Parcel(self.name, CALLBACK_EVENT, request_id, lane, callback, body), call.now)
        return Answer(200, {"request_id": request_id}, {"dg-request-id": request_id}, (row,))

    def _recording(self, call: Call) -> Recording:
        media = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == "application/json":
            sha256 = hashlib.sha256(_url_of(call).encode()).hexdigest()
            return Recording(sha256, round(20 + 220 * unit(self._seed, "length", sha256), 2))
        if not call.body or not media.startswith(("audio/", "video/", "application/octet-stream")):
            raise RefusedError(400, "Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data")
        return Recording(hashlib.sha256(call.body).hexdigest(), max(0.01, round(len(call.body) / BYTES_PER_SECOND, 2)))

    def _charge(self, minutes: Decimal) -> None:
        left = self._store.get_json(_LEFT, None)
        if left is None:
            return
        if Decimal(left) < minutes:
            raise RefusedError(402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request.")
        self._store.set_json(_LEFT, str(Decimal(left) - minutes))

    def _transcript(self, call: Call, recording: Recording, request_id: str) -> dict[str, Any]:
        utterances = self._utterances(recording, diarize=_is_on(call, "diarize") or "diarize_model" in call.query)
        words = [word for each in utterances for word in each["words"]]
        sure = round(sum(word["confidence"] for word in words) / len(words), 6) if words else 0.0
        text = " ".join(each["transcript"] for each in utterances)
        results: dict[str, Any] = {
            "channels": [{"alternatives": [{"transcript": text, "confidence": sure, "words": words}]}]
        }
        if _is_on(call, "utterances"):
            results["utterances"] = utterances
        return {"metadata": _metadata(call, recording, request_id), "results": results}

    def _utterances(self, recording: Recording, *, diarize: bool) -> list[dict[str, Any]]:
        """Lines of two people in turn, as many as the recording has time for."""
        spoken: list[dict[str, Any]] = []
        start = 0.2
        while not spoken or spoken[-1]["transcript"] not in _CLOSING:
            line = self._line(recording, len(spoken), start)
            if _end(start, line) > recording.seconds:
                break
            speaker = len(spoken) % 2 if diarize else None
            spoken.append(self._utterance(line, start, speaker, recording, len(spoken)))
            start = _end(start, line) + 0.6
        return spoken

    def _line(self, recording: Recording, number: int, start: float) -> str:
        options = _OPENING if number == 0 else _CLOSING if start + ROOM_FOR_MORE > recording.seconds else _MIDDLE
        return pick(options, self._seed, recording.sha256, number)

    def _utterance(
        self, line: str, start: float, speaker: int | None, recording: Recording, number: int
    ) -> dict[str, Any]:
        said: dict[str, int] = {} if speaker is None else {"speaker": speaker}
        words = [
            {
                "word": "".join(letter for letter in word.lower() if letter.isalnum()),
                "start": round(start + index * SECONDS_PER_WORD, 2),
                "end": round(start + (index + 1) * SECONDS_PER_WORD - 0.04, 2),
                "confidence": round(0.86 + 0.139 * unit(self._seed, recording.sha256, number, index), 6),
                "punctuated_word": word,
                **said,
            }
            for index, word in enumerate(line.split())
        ]
        sure = round(sum(float(str(word["confidence"])) for word in words) / len(words), 6)
        return {
            "id": _guid(self._seed, recording.sha256, number),
            "start": round(start, 2),
            "end": words[-1]["end"],
            "confidence": sure,
            "channel": 0,
            "transcript": line,
            "words": words,
            **said,
        }


def _check_query(call: Call) -> None:
    model = call.query.get("model", "base-general")
    if not LISTENING_MODELS.fullmatch(model):
        raise RefusedError(400, "Bad Request", "Bad Request: No such model/language/tier combination found.")
    callback = call.query.get("callback")
    if callback is not None and (not urlsplit(callback).hostname or not callback.startswith(("http://", "https://"))):
        raise RefusedError(400, "Bad Request", "Bad Request: the callback is not a valid URL.")
    if call.query.get("callback_method", "POST") != "POST":
        raise RefusedError(400, "Bad Request", "Bad Request: this server calls back by POST alone.")


def _url_of(call: Call) -> str:
    try:
        data = call.json()
    except ValueError:
        data = None
    url = data.get("url") if isinstance(data, dict) else None
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise RefusedError(400, "Bad Request", "Bad Request: the JSON needs a url that can be fetched.")
    return url


def _metadata(call: Call, recording: Recording, request_id: str) -> dict[str, Any]:
    model = call.query.get("model", "base-general")
    model_id = _guid("model", model)
    described: dict[str, Any] = {
        "transaction_key": "deprecated",
        "request_id": request_id,
        "sha256": recording.sha256,
        "created": _instant(call.now),
        "duration": recording.seconds,
        "channels": 1,
        "models": [model_id],
        "model_info": {model_id: {"name": f"general-{model}", "version": "2026-01-09.0", "arch": model}},
    }
    extra = _extra(call)
    return {**described, "extra": extra} if extra else described


def _extra(call: Call) -> dict[str, str]:
    pairs = (each.partition(":") for each in call.query.getlist("extra"))
    return {name: value for name, separator, value in pairs if separator}


def _is_on(call: Call, name: str) -> bool:
    return call.query.get(name, "").lower() == "true"


def _end(start: float, line: str) -> float:
    return start + len(line.split()) * SECONDS_PER_WORD


def _guid(*parts: object) -> str:
    digits = token(*parts)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _error(status: int, code: str, message: str) -> Answer:
    request_id = new_guid()
    return Answer(
        status, {"err_code": code, "err_msg": message, "request_id": request_id}, {"dg-request-id": request_id}
    )
