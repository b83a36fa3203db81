"""How a call goes: a hash of (seed, number, how often it was called before); times count from its creation.

Promises: the same call always has the same course, and what it is at a moment follows from the virtual time alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from agency_os_sandbox.clock import stamp
from agency_os_sandbox.world.chance import pick, unit, weighted

RINGS_AFTER = timedelta(seconds=2)
ANSWERED_AFTER = timedelta(seconds=9)
UNANSWERED_AFTER = timedelta(seconds=32)
REPORT_AFTER = timedelta(seconds=4)
_US_DOLLARS_A_MINUTE = 0.13

_COURSES = (
    ("customer-ended-call", 0.4),
    ("assistant-ended-call", 0.12),
    ("voicemail", 0.13),
    ("customer-did-not-answer", 0.25),
    ("customer-busy", 0.1),
)
_CONNECTED = frozenset({"customer-ended-call", "assistant-ended-call", "voicemail"})
_WORDS = (
    ("It sounds useful, ring me next week.", True),
    ("Can you send me something by email?", True),
    ("We are happy with what we have, thanks.", False),
    ("Please do not call me again.", False),
)


@dataclass(frozen=True, slots=True)
class Course:
    """``seconds`` are those that it was connected for; 0 for a call that nobody took."""

    ended_reason: str
    seconds: int
    words: str
    interested: bool

    @property
    def minutes(self) -> Decimal:
        """What is charged, to four places."""
        return (Decimal(self.seconds) / 60).quantize(Decimal("0.0001"))

    @property
    def cost(self) -> float:
        """US$."""
        return round(self.seconds / 60 * _US_DOLLARS_A_MINUTE, 4)

    def states(self, created: datetime) -> list[tuple[str, datetime]]:
        """The states that the call goes through, and when."""
        found = [("queued", created), ("ringing", created + RINGS_AFTER)]
        if self.seconds:
            found.append(("in-progress", created + ANSWERED_AFTER))
        return [*found, ("ended", self.ended_at(created))]

    def ended_at(self, created: datetime) -> datetime:
        """When the line was dropped."""
        if self.seconds:
            return created + ANSWERED_AFTER + timedelta(seconds=self.seconds)
        return created + UNANSWERED_AFTER

    def shown(self, created: datetime, now: datetime) -> dict[str, Any]:
        """The fields of a call that change: as they are at ``now``."""
        reached = [(status, at) for status, at in self.states(created) if at <= now]
        status, since = reached[-1]
        fields: dict[str, Any] = {"status": status, "createdAt": stamp(created), "updatedAt": stamp(since), "cost": 0}
        if self.seconds and any(name == "in-progress" for name, _ in reached):
            fields["startedAt"] = stamp(created + ANSWERED_AFTER)
        if status == "ended":
            fields |= {"endedAt": stamp(since), "endedReason": self.ended_reason, "cost": self.cost}
        return fields

    def report(self, created: datetime) -> dict[str, Any]:
        """The parts of the report at the end that the call itself does not show."""
        ended = self.ended_at(created)
        message: dict[str, Any] = {
            "endedReason": self.ended_reason, "cost": self.cost, "costBreakdown": {"total": self.cost},
            "endedAt": stamp(ended), "artifact": {"messages": []}, "analysis": {},
        }  # fmt: skip
        if not self.seconds:
            return message
        answered = created + ANSWERED_AFTER
        said = "AI: Hello, is this a good time?"
        heard = "User: Please leave a message." if self.ended_reason == "voicemail" else f"User: {self.words}"
        message["startedAt"] = stamp(answered)
        message["artifact"] = {"transcript": f"{said}\n{heard}\n", "messages": _lines(said, heard, answered)}
        message["analysis"] = {
            "summary": f"The call ended by {self.ended_reason}.",
            "structuredData": {"interested": self.interested},
            "successEvaluation": "true" if self.interested else "false",
        }
        return message


def course_of(seed: int, number: str, step: int) -> Course:
    """How the call to ``number`` goes after ``step`` earlier ones."""
    reason = weighted(_COURSES, seed, "call", number, step)
    words, interested = pick(_WORDS, seed, "words", number, step)
    longest, shortest = (30, 12) if reason == "voicemail" else (240, 20)
    drawn = shortest + int((longest - shortest) * unit(seed, "seconds", number, step))
    heard = reason in _CONNECTED and reason != "voicemail"
    return Course(reason, drawn if reason in _CONNECTED else 0, words, heard and interested)


def _lines(said: str, heard: str, answered: datetime) -> list[dict[str, Any]]:
    start = answered.timestamp() * 1000
    spoken = (("bot", said.removeprefix("AI: "), 1), ("user", heard.removeprefix("User: "), 4))
    return [
        {"role": role, "message": text, "time": start + at * 1000, "endTime": start + at * 1000 + 1500,
         "secondsFromStart": at}
        for role, text, at in spoken
    ]  # fmt: skip
