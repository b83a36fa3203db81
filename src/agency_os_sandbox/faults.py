"""Faults on demand: which request or webhook goes wrong, and how.

A rule names provider, operation (``*`` for all), kind, and either a probability or which request since it was set
(``nth``, a number or a list). Counters are on disk. A draw is a hash of (rule, count), never of wall time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import unit


class FaultKind(StrEnum):
    """What goes wrong. The last three concern webhooks; ``pending`` is Hunter's 202."""

    ACCEPTED_THEN_TIMEOUT = "accepted_then_timeout"
    ACCEPTED_THEN_500 = "accepted_then_500"
    LIMITED = "429"
    ERROR = "500"
    SLOW = "slow"
    REFUSED = "refused"
    PENDING = "pending"
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    LATE = "late"


WEBHOOK_KINDS = frozenset({FaultKind.DUPLICATED, FaultKind.REORDERED, FaultKind.LATE})


class FaultRuleError(ValueError):
    """A fault rule is malformed; the message names the part."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that strikes. ``seconds``: of wall time, for ``late`` of virtual time; None is the kind's default."""

    kind: FaultKind
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as set by control."""

    provider: str
    operation: str
    kind: FaultKind
    probability: float | None
    nth: tuple[int, ...]
    seconds: float | None

    @classmethod
    def read(cls, data: Any) -> Rule:
        """Read a rule from JSON; raises ``FaultRuleError``."""
        if not isinstance(data, dict):
            raise FaultRuleError("a fault is an object with provider, operation, kind and probability or nth")
        try:
            kind = FaultKind(str(data.get("kind")))
        except ValueError as error:
            raise FaultRuleError(f"kind is one of {', '.join(FaultKind)}, got {data.get('kind')!r}") from error
        nth = data.get("nth", [])
        nths = tuple(nth) if isinstance(nth, list) else (nth,)
        if not all(isinstance(number, int) and number >= 1 for number in nths):
            raise FaultRuleError(f"nth is a number from 1, or a list of them, got {nth!r}")
        probability = _number(data, "probability", 0.0, 1.0)
        if probability is None and not nths:
            probability = 1.0
        seconds = _number(data, "seconds", 0.0, 10_000_000.0)
        return cls(str(data.get("provider", "*")), str(data.get("operation", "*")), kind, probability, nths, seconds)

    def to_json(self) -> dict[str, Any]:
        """The rule as control shows it."""
        return {
            "provider": self.provider, "operation": self.operation, "kind": self.kind.value,
            "probability": self.probability, "nth": list(self.nth), "seconds": self.seconds,
        }  # fmt: skip


def _number(data: dict[str, Any], name: str, low: float, high: float) -> float | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise FaultRuleError(f"{name} is a number from {low:g} to {high:g}, got {value!r}")
    return float(value)


class Faults:
    """The rules in force and their counters."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._seed = seed
        self._rules: list[tuple[int, Rule]] = []
        self._load()

    def _load(self) -> None:
        self._rules = [
            (row["id"], Rule(row["provider"], row["operation"], FaultKind(row["kind"]), row["probability"],
                             tuple(json.loads(row["nth"])), row["seconds"]))
            for row in self._store.all("SELECT * FROM faults ORDER BY id")
        ]  # fmt: skip

    def replace(self, rules: list[Rule]) -> None:
        """Put these rules in force instead of all earlier ones; counters start at zero."""
        with self._store.transaction():
            self._store.execute("DELETE FROM faults")
            self._store.execute_many(
                "INSERT INTO faults (provider, operation, kind, probability, nth, seconds, seen)"
                " VALUES (?, ?, ?, ?, ?, ?, 0)",
                [(r.provider, r.operation, r.kind.value, r.probability, json.dumps(r.nth), r.seconds) for r in rules],
            )
        self._load()

    def rules(self) -> list[Rule]:
        """The rules in force."""
        return [rule for _, rule in self._rules]

    def strike(self, provider: str, operations: tuple[str, ...], *, webhook: bool = False) -> Fault | None:
        """Count this request or webhook and return the first fault that strikes it, if any."""
        struck: Fault | None = None
        for rule_id, rule in self._rules:
            if (rule.kind in WEBHOOK_KINDS) is not webhook:
                continue
            if rule.provider not in ("*", provider) or rule.operation not in ("*", *operations):
                continue
            row = self._store.one("UPDATE faults SET seen = seen + 1 WHERE id = ? RETURNING seen", (rule_id,))
            seen = 0 if row is None else int(row["seen"])
            if struck is None and self._hits(rule_id, rule, seen):
                struck = Fault(rule.kind, rule.seconds)
        return struck

    def _hits(self, rule_id: int, rule: Rule, seen: int) -> bool:
        if rule.nth:
            return seen in rule.nth
        return unit(self._seed, "fault", rule_id, seen) < (rule.probability or 0.0)
